"""What the journal knows of eisd, and how an operator asks it."""

from __future__ import annotations

import json
import shlex

import pytest
from lab import mail


@pytest.mark.usefixtures("sales")
def test_a_mailboxs_lines_are_found_by_its_name(host):
    """`journalctl EISD_MAILBOX=sales` has its lines; each MESSAGE is a line of JSON."""
    found = host.journal("EISD_MAILBOX=sales")

    assert "mailbox.state_changed" in {entry["EISD_EVENT"] for entry in found}
    for entry in found:
        assert entry["SYSLOG_IDENTIFIER"] == "eisd"
        assert entry["_SYSTEMD_UNIT"] == "eisd.service"
        assert json.loads(entry["MESSAGE"])["mailbox"] == "sales"
    assert "sales" in host.ok("journalctl", "-u", "eisd", "-F", "EISD_MAILBOX").split()


def test_one_message_is_followed_by_its_trace_id(host, sales):
    """The line that `eisd explain` prints finds what the log has of a message."""
    assert host.eisd("contacts", "add", "7", "--email", "ada@clients.test").returncode == 0
    name = f"<followed-{host.suite}@clients.test>"
    sales.server.deliver(
        sales.address, mail.make("ada@clients.test", sales.address, message_id=name)
    )
    host.until(lambda: bool(host.events("match.activity_created")))

    told = host.eisd("explain", name).stdout
    (line,) = [part for part in told.splitlines() if "EISD_TRACE_ID=" in part]
    command = line[line.index("journalctl") :]
    found = host.ok(*shlex.split(command), "-o", "cat").splitlines()

    events = [json.loads(one)["event"] for one in found]
    assert {"message.ingested", "match.activity_created"} <= set(events)


def test_an_error_says_what_to_do(host, sales):
    """A refused password: an error with its place in the code, and `journalctl -x` explains it."""
    sales.server.add_user(sales.address, "another")
    sales.server.kick(sales.address)
    try:
        host.until(lambda: bool(host.events("auth.refused")))
        (entry, *_) = host.events("auth.refused")
        shown = host.ok("journalctl", "-u", "eisd", "-x", "--no-pager", "EISD_EVENT=auth.refused")

        assert entry["PRIORITY"] == "3"
        assert entry["CODE_FILE"].startswith("/usr/lib/eisd/")
        assert int(entry["CODE_LINE"]) > 0
        assert "Subject: Mailbox sales: the server refused the credentials" in shown
        assert "eisd mailbox reconnect sales" in shown
        needy = "0/1 mailboxes healthy, 1 need a person (sales)"
        host.until(lambda: host.show()["StatusText"] == needy)
        assert f'Status: "{needy}"' in host.ok("systemctl", "status", "eisd")
    finally:
        sales.server.add_user(sales.address)
        host.eisd("mailbox", "reconnect", "sales")
        host.until(lambda: host.show()["StatusText"] == "1/1 mailboxes healthy")


def test_the_catalogue_is_installed(host):
    """The package's entries are in the host's catalogue, without a reboot."""
    assert "The database cannot be written" in host.ok("journalctl", "--list-catalog")
