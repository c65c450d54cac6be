"""What the unit promises, on a real systemd."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from lab.booted import Host

BAD = "/etc/eisd/conf.d/zz-bad.toml"
DRIVER = '''\
"""A driver with a fault: told to, it blocks the loop."""
import pathlib, time
from eisd.driver.imap.base import ImapBase
from eisd.driver.imap.options import Kind, read_options

class Stuck(ImapBase):
    name = "stuck"

    def options(self, table, *, address):
        return read_options(table, address, Kind("stuck", None))

    def session(self, options, login):
        sign = pathlib.Path("/var/lib/eisd/get-stuck")
        if sign.exists():
            sign.unlink()
            time.sleep(3600)
        return super().session(options, login)

driver = Stuck()
'''

HARMLESS = ("/dev/pts", "/dev/hugepages", "/memory.pressure")
"""Mounts on which nothing can be made that could be run."""


def restarts(host: Host) -> int:
    """How often systemd has started the service again by itself."""
    return int(host.show()["NRestarts"])


def test_the_package_starts_it(host):
    """Installed means running: ready, enabled, as its user, with the backup's timer set."""
    shown = host.show()

    assert (shown["ActiveState"], shown["SubState"]) == ("active", "running")
    assert (shown["Type"], shown["User"]) == ("notify", "eisd")
    assert shown["UnitFileState"] == "enabled"
    assert host.show("eisd-backup.timer")["ActiveState"] == "active"
    assert host.ok("stat", "-c", "%U:%G %a", "/run/eisd/api.sock").strip() == "eisd:eisd 660"


def test_systemd_has_no_complaint(host):
    """The installed units are verified, and the running one is as closed as it claims."""
    units = ("eisd.service", "eisd.socket", "eisd-backup.service", "eisd-backup.timer")
    verified = host.run("systemd-analyze", "verify", "--man=no", *units)
    ours = [line for line in verified.stderr.splitlines() if "eisd" in line]
    complaints = host.journal("_PID=1", "PRIORITY=4", "UNIT=eisd.service")

    assert (verified.returncode, ours) == (0, [])
    assert complaints == []
    host.ok("systemd-analyze", "security", "--threshold=11", "eisd.service")
    host.ok("systemd-analyze", "security", "--threshold=4", "eisd-backup.service")


def test_the_doctor_knows_the_unit(host):
    """`eisd doctor` finds the installed unit to be that of its version."""
    assert "it is the unit of this version" in host.eisd("doctor").stdout


def test_a_credential_reaches_it(host, sales):
    """A file that root alone may read opens the mailbox; nobody else gets to see it."""
    place = host.show()["MainPID"] and "/run/credentials/eisd.service/eisd.secret_sales"

    assert host.ok("cat", place) == host.ok("cat", "/etc/eisd/credentials/sales")
    assert host.run("runuser", "-u", "nobody", "--", "cat", place).returncode == 1
    assert sales.address in host.eisd("mailbox", "list").stdout


@pytest.mark.usefixtures("sales")
def test_a_sealed_key_reaches_it(host):
    """The key of stored secrets as an encrypted credential, its file gone, opens them still."""
    stored = host.eisd("mailbox", "add", "--help")
    assert stored.returncode == 0
    host.ok("install", "-d", "/etc/credstore.encrypted")
    sealed = "/etc/credstore.encrypted/eisd.key"
    host.ok(
        *("systemd-creds", "encrypt", "--with-key=host", "--name=eisd.key"),
        *("/var/lib/eisd/eisd.key", sealed),
    )
    host.ok("mv", "/var/lib/eisd/eisd.key", "/root/eisd.key")
    host.drop_in(f"[Service]\nLoadCredentialEncrypted=eisd.key:{sealed}\n")
    try:
        host.restart()
        host.until(lambda: host.show()["StatusText"] == "1/1 mailboxes healthy")
        assert not host.file("/var/lib/eisd/eisd.key").exists()
    finally:
        host.no_drop_in()
        host.ok("mv", "/root/eisd.key", "/var/lib/eisd/eisd.key")
        host.restart()
        host.until(lambda: host.show()["StatusText"] == "1/1 mailboxes healthy")


@pytest.mark.usefixtures("sales")
def test_a_reload_takes_the_changed_configuration(host):
    """`systemctl reload` waits for the answer and keeps process and connections."""
    before, end = host.show()["MainPID"], host.mark()
    host.write("/etc/eisd/conf.d/log.toml", '[log]\nlevel = "debug"\n')

    host.ok("systemctl", "reload", "eisd")

    assert host.events("config.reloaded", end)
    assert host.events("mailbox.state_changed", end) == []
    shown = host.show()
    assert (shown["MainPID"], shown["ActiveState"]) == (before, "active")


@pytest.mark.usefixtures("sales")
def test_a_signal_reloads_too(host):
    """SIGHUP is the same reload."""
    end = host.mark()
    host.file("/etc/eisd/conf.d/log.toml").unlink(missing_ok=True)

    host.ok("systemctl", "kill", "--kill-whom=main", "--signal=HUP", "eisd")

    host.until(lambda: bool(host.events("config.reloaded", end)))


@pytest.mark.usefixtures("sales")
def test_a_refused_reload_leaves_everything_as_it_was(host):
    """A mistake fails the reload with its place, shows in the status line, and breaks nothing."""
    before, end = host.show()["MainPID"], host.mark()
    host.write(BAD, '[sync]\ninterval = "5 minutes"\n')
    try:
        refused = host.run("systemctl", "reload", "eisd")

        assert refused.returncode == 1
        said = "\n".join(str(entry["MESSAGE"]) for entry in host.journal("-u", "eisd", after=end))
        assert f"{BAD}:2:1: error: want a duration" in said
        host.until(lambda: host.show()["StatusText"].startswith("DEGRADED: the last reload"))
        shown = host.show()
        assert (shown["MainPID"], shown["ActiveState"]) == (before, "active")
        assert host.eisd("sync", "now", "sales").returncode == 0
    finally:
        host.file(BAD).unlink()
    host.ok("systemctl", "reload", "eisd")
    host.until(lambda: host.show()["StatusText"] == "1/1 mailboxes healthy")


def test_a_refused_configuration_is_no_loop(host):
    """Started with a mistake it fails once, with 78, and is not started again."""
    host.write(BAD, "nonsense = 1\n")
    try:
        host.ok("systemctl", "reset-failed", "eisd", codes=(0, 1))
        started = host.run("systemctl", "restart", "eisd")
        shown = host.show()

        assert started.returncode == 1
        assert (shown["ActiveState"], shown["SubState"]) == ("failed", "failed")
        assert (shown["Result"], shown["ExecMainStatus"]) == ("exit-code", "78")
        assert shown["NRestarts"] == "0"
    finally:
        host.file(BAD).unlink()
        host.restart()


def test_it_stops_in_order(host):
    """A stop ends it with 0, its last line said, nothing of it left."""
    end = host.mark()

    host.ok("systemctl", "stop", "eisd")

    shown = host.show()
    assert (shown["ActiveState"], shown["Result"]) == ("inactive", "success")
    assert (shown["ExecMainCode"], shown["ExecMainStatus"]) == ("1", "0")
    assert host.events("daemon.stopped", end)
    assert host.run("pgrep", "-u", "eisd").returncode == 1
    host.restart()


def test_a_death_is_mended(host):
    """Killed from outside it is started again, and ready again."""
    pid, times = host.show()["MainPID"], restarts(host)
    assert pid != "0"

    host.ok("kill", "-KILL", pid)

    host.until(lambda: restarts(host) > times and host.show()["ActiveState"] == "active")
    assert host.show()["MainPID"] != pid


@pytest.mark.usefixtures("sales")
def test_a_blocked_loop_is_ended_and_named(host):
    """A driver that blocks the loop: the watchdog aborts it, the traceback names the driver."""
    site = next(host.file("/usr/lib/eisd/lib").glob("python3.*/site-packages"))
    there = "/" + str(site).partition("/root/")[2]
    host.write(f"{there}/eisd_stuck.py", DRIVER)
    host.write(f"{there}/eisd_stuck-1.dist-info/METADATA", "Name: eisd-stuck\nVersion: 1\n")
    host.write(
        f"{there}/eisd_stuck-1.dist-info/entry_points.txt",
        "[eisd.drivers]\nstuck = eisd_stuck:driver\n",
    )
    config = host.file("/etc/eisd/conf.d/sales.toml")
    usual = config.read_text()
    config.write_text(usual.replace("[mailboxes.sales]", '[mailboxes.sales]\ndriver = "stuck"'))
    host.drop_in("[Service]\nWatchdogSec=6s\n")
    try:
        host.restart()
        host.until(lambda: host.show()["StatusText"] == "1/1 mailboxes healthy")
        end, times = host.mark(), restarts(host)
        host.write("/var/lib/eisd/get-stuck", "")
        host.ok("chown", "eisd", "/var/lib/eisd/get-stuck")
        host.run("timeout", "5", "runuser", "-u", "eisd", "eisd", "mailbox", "reconnect", "sales")

        host.until(lambda: restarts(host) > times and host.show()["ActiveState"] == "active")
        said = "\n".join(str(entry["MESSAGE"]) for entry in host.journal("-u", "eisd", after=end))
        assert "Watchdog timeout" in said
        assert re.search(r'File ".*eisd_stuck\.py", line \d+ in session', said)
        host.until(lambda: host.show()["StatusText"] == "1/1 mailboxes healthy")
    finally:
        host.no_drop_in()
        config.write_text(usual)
        host.ok("sh", "-c", f"rm -r {there}/eisd_stuck*")
        host.restart()


@pytest.mark.usefixtures("sales")
def test_a_stuck_writer_is_ended_and_named(host):
    """A disk that never answers: the watchdog is withheld from the writer, and names it."""
    host.drop_in("[Service]\nWatchdogSec=6s\n")
    try:
        host.restart()
        pid, end, times = host.show()["MainPID"], host.mark(), restarts(host)
        slow = "inject=pwrite64,fdatasync,fsync:delay_enter=3600s"
        host.ok(
            *("systemd-run", "--unit=slow-disk", "--collect", "strace", "-f", "-p", pid),
            *("-P", "/var/lib/eisd/eisd.db-wal", "-e", slow),
        )
        host.until(lambda: "TracerPid:\t0" not in host.ok("cat", f"/proc/{pid}/status"))
        host.run("timeout", "5", "runuser", "-u", "eisd", "eisd", "contacts", "add", "99")

        aborted = "Fatal Python error: Aborted"
        host.until(
            lambda: any(
                aborted in str(e["MESSAGE"]) for e in host.journal("-u", "eisd", after=end)
            ),
            seconds=400,
        )
        host.ok("systemctl", "kill", "--signal=KILL", "slow-disk")  # else strace holds the dead
        host.until(lambda: restarts(host) > times and host.show()["ActiveState"] == "active")
        said = "\n".join(str(entry["MESSAGE"]) for entry in host.journal("-u", "eisd", after=end))
        assert host.events("watchdog.withheld", end)
        assert "no sign of life from writer" in said
        assert "Watchdog timeout" in said
        assert re.search(r'File ".*/eisd/store/database\.py", line \d+', said)
    finally:
        host.run("systemctl", "stop", "slow-disk")
        host.no_drop_in()
        host.restart()


def test_the_sandbox_holds(host):
    """The same settings around a program that tries everything: only its own places and TCP."""
    host.write("/usr/lib/eisd/probe.py", (Path(__file__).parent / "probe.py").read_text())
    unit = host.ok("cat", "/usr/lib/systemd/system/eisd.service")
    for old, new in (
        (r"^Type=.*", "Type=oneshot"),
        (r"^ExecStart=.*", "ExecStart=/usr/lib/eisd/bin/python3 -I /usr/lib/eisd/probe.py"),
        (r"^(ExecReload|WatchdogSec|WatchdogSignal|Restart|RestartSec)=.*", ""),
        (r"^RuntimeDirectory=.*", "RuntimeDirectory=probe"),
        ("/run/eisd", "/run/probe"),
    ):
        unit = re.sub(old, new, unit, flags=re.MULTILINE)
    host.write("/run/systemd/system/probe.service", unit)
    host.ok("install", "-d", "/var/other")
    host.ok("mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", "/var/other")
    host.ok("systemctl", "daemon-reload")
    host.ok("systemctl", "start", "probe")
    (line,) = host.ok("journalctl", "-u", "probe", "-o", "cat", "--grep", "^{").splitlines()
    found = json.loads(line)

    assert found["may"] == dict.fromkeys(found["may"], "ok")
    assert {name: word for name, word in found["may_not"].items() if word == "ok"} == {}
    assert (found["capabilities"], found["others"]) == (["0000000000000000"] * 5, [])
    host.restart()  # what is mounted while it runs comes to it as it is
    mounts = host.ok("nsenter", "-m", "-t", host.show()["MainPID"], "cat", "/proc/self/mountinfo")
    options = {line.split()[4]: line.split()[5].split(",") for line in mounts.splitlines()}
    loose = [place for place, flags in options.items() if not {"ro", "noexec"} & set(flags)]
    assert [place for place in loose if not place.endswith(HARMLESS)] == []


def test_the_timer_makes_backups(host):
    """The timer fires, the backup's unit succeeds in its sandbox, a checked copy lies there."""
    host.drop_in(
        "[Timer]\nOnCalendar=\nOnCalendar=*:*:0/2\nRandomizedDelaySec=0\nAccuracySec=100ms\n",
        "eisd-backup.timer",
    )
    try:
        host.ok("systemctl", "restart", "eisd-backup.timer")
        host.until(lambda: any(host.file("/var/backups/eisd").glob("eisd-*.db")))
    finally:
        host.no_drop_in("eisd-backup.timer")
        host.ok("systemctl", "restart", "eisd-backup.timer")
    host.until(lambda: host.show("eisd-backup.service")["ActiveState"] == "inactive")

    assert host.show("eisd-backup.service")["Result"] == "success"
    assert host.ok("stat", "-c", "%U %a", "/var/backups/eisd").strip() == "eisd 700"


def test_the_socket_outlives_the_service(host):
    """With eisd.socket a command waits for the daemon, and starts it where it was stopped."""
    try:
        host.ok("eisd", "config", "set", "api.listen", '["unix:/run/eisd.sock"]')
        host.ok("systemctl", "stop", "eisd")
        host.ok("systemctl", "enable", "--now", "eisd.socket")
        assert host.show("eisd.service")["ActiveState"] == "inactive"

        done = host.eisd("status")

        assert done.returncode == 0, done.stderr
        host.until(lambda: host.show()["ActiveState"] == "active")
        assert host.ok("stat", "-c", "%U:%G %a", "/run/eisd.sock").strip() == "eisd:eisd 660"
        host.restart()
        assert host.file("/run/eisd.sock").is_socket()
    finally:
        host.ok("systemctl", "disable", "--now", "eisd.socket", codes=(0, 1))
        host.ok("eisd", "config", "unset", "api.listen")
        host.restart()
