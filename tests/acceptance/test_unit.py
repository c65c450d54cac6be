"""What systemd relies on, with the installed daemon."""

from __future__ import annotations

import signal


def test_the_watchdogs_abort_leaves_a_traceback(site):
    """SIGABRT ends the daemon and shows what every thread was doing, the loop's among them."""
    process = site.start()

    process.send_signal(signal.SIGABRT)

    assert process.wait(12) == -signal.SIGABRT
    log = site.log()
    assert "Fatal Python error: Aborted" in log
    assert "eisd/daemon/run.py" in log
    assert "eisd/store/database.py" in log
