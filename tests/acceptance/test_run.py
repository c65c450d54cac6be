"""The main job, with the installed daemon against Dovecot: nothing lost, nothing twice."""

from __future__ import annotations

import random
import signal
import socket
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from lab import mail

CONTACTS = ("1,Ada Lovelace,ada@customer.test;countess@customer.test", "2,Grace,grace@navy.test")

FEED = (
    "SELECT workspace, contact_id, message_id, mailboxes, direction, roles, via, flags,"
    " subject, text, occurred_at, received_at FROM activity_feed ORDER BY message_id"
)
OUTCOMES = (
    "SELECT mailbox, folder, remote_id, message_id, outcome, reason, received_at"
    " FROM message_outcomes ORDER BY folder, remote_id"
)


def letters(server, user, count=12):
    """Every third letter is Ada's, one of them an answer in Sent; the others are strangers'."""
    now = datetime.now(UTC).replace(microsecond=0)
    inbox = []
    for number in range(count):
        when = now - timedelta(hours=count - number)
        author = "Ada <ada@customer.test>" if number % 3 == 0 else f"s{number}@stranger.test"
        letter = mail.make(
            from_=author, to=user, subject=f"letter {number}", date=when, message_id=f"<{number}@x>"
        )
        inbox.append((letter, when))
    server.bulk(user, "INBOX", inbox)
    answer = mail.make(from_=user, to="countess@customer.test", subject="answer", date=now)
    server.bulk(user, "Sent", [(answer, now)])


def test_the_first_run_brings_what_concerns_the_contacts(site, dovecot, user):
    """`run --once` ends with 0 and exactly the contacts' mail, each once, and no stranger's."""
    letters(dovecot, user)
    site.connect(dovecot, user)
    site.ok("contacts", "import", site.contacts(*CONTACTS))

    done = site.eisd("run", "--once")

    assert done.returncode == 0, done.stderr
    assert "sales: up to date, 5 new activities" in done.stderr
    listed = site.json("activities", "list")
    assert sorted((a["subject"], a["direction"], a["contact_id"]) for a in listed) == [
        ("answer", "outgoing", "1"),
        ("letter 0", "incoming", "1"),
        ("letter 3", "incoming", "1"),
        ("letter 6", "incoming", "1"),
        ("letter 9", "incoming", "1"),
    ]
    assert b"stranger.test" not in site.database.read_bytes()
    outcomes = site.rows("SELECT outcome, count(*) FROM message_outcomes GROUP BY 1 ORDER BY 1")
    assert outcomes == [("matched", 5), ("unmatched", 8)]


def test_contacts_after_the_sync_are_given_their_past(site, dovecot, user):
    """Contacts imported into a synced, empty workspace get their mail by the next run."""
    letters(dovecot, user)
    site.connect(dovecot, user)
    assert site.eisd("run", "--once").returncode == 0
    assert site.subjects() == []

    told = site.ok("contacts", "import", site.contacts(*CONTACTS))
    assert site.eisd("run", "--once").returncode == 0

    assert "5 messages seen earlier are theirs" in told
    assert site.subjects() == ["answer", "letter 0", "letter 3", "letter 6", "letter 9"]


def test_a_live_message_appears_by_itself(site, dovecot, user):
    """A delivery becomes an activity within seconds, pushed and not polled."""
    site.connect(dovecot, user)
    site.ok("contacts", "import", site.contacts(*CONTACTS))
    site.start()
    site.until(lambda: site.rows("SELECT state FROM mailbox_status") == [("idle",)])

    dovecot.deliver(user, mail.make(from_="grace@navy.test", to=user, subject="live"))

    assert site.until(lambda: site.subjects() == ["live"]) < 5
    [one] = site.json("activities", "list", "--contact", "2")
    assert one["subject"] == "live"


def test_contacts_imported_through_the_daemon_take_effect_at_once(site, dovecot, user):
    """While the daemon runs, an import goes by its socket and the past comes by itself."""
    letters(dovecot, user)
    site.connect(dovecot, user)
    site.start()
    site.until(lambda: site.rows("SELECT state FROM mailbox_status") == [("idle",)])

    site.ok("contacts", "import", site.contacts(*CONTACTS))

    site.until(lambda: len(site.subjects()) == 5)


@pytest.mark.timeout(150)
def test_attachments_are_kept_when_that_is_asked_for(site, dovecot, user):
    """store.attachments = "matched" keeps the bytes of contacts' mail, however large; once each."""
    plan, drawing = random.Random(7).randbytes(500_000), b"a drawing"  # noqa: S311
    now = datetime.now(UTC)
    inbox = [
        ("Ada <ada@customer.test>", {"plan.bin": plan, "a.bin": drawing}),
        ("Grace <grace@navy.test>", {"again.bin": drawing}),
        ("Eve <eve@stranger.test>", {"strange.bin": b"strange"}),
    ]
    letters = [
        (mail.make(author, user, "files", attachments=files, date=now), now)
        for author, files in inbox
    ]
    dovecot.bulk(user, "INBOX", letters)
    site.write(site.mailbox(dovecot, user) + '[store]\nattachments = "matched"\n')
    site.ok("contacts", "import", site.contacts(*CONTACTS))

    site.ok("run", "--once")

    listed = site.rows("SELECT filename, size, sha256, stored FROM activity_attachments ORDER BY 1")
    kept = dict(site.rows("SELECT sha256, content FROM blob"))
    assert listed == [
        ("a.bin", 9, sha256(drawing).hexdigest(), 1),
        ("again.bin", 9, sha256(drawing).hexdigest(), 1),
        ("plan.bin", 500_000, sha256(plan).hexdigest(), 1),
    ]
    assert sorted(kept.values()) == sorted([plan, drawing])


def test_killed_at_any_moment_it_ends_in_the_same_state(make_site, dovecot, user):
    """After kill -9 at random moments and a restart, activities and outcomes are the same ones."""
    letters(dovecot, user, count=240)
    undisturbed, killed = make_site(), make_site()
    for one in (undisturbed, killed):
        one.connect(dovecot, user)
        one.ok("contacts", "import", one.contacts(*CONTACTS))
    assert undisturbed.eisd("run", "--once").returncode == 0
    dice, hits = random.Random(7), 0  # noqa: S311

    for _ in range(6):
        process = killed.start(ready=False)
        begun = killed.log().count('"daemon.started"')
        killed.until(lambda n=begun: killed.log().count('"daemon.started"') > n)
        time.sleep(dice.uniform(0.0, 0.9))
        hits += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = killed.eisd("run", "--once")

    assert done.returncode == 0, done.stderr
    assert hits == 6
    for view in (FEED, OUTCOMES):
        assert killed.rows(view) == undisturbed.rows(view)
    assert len(killed.subjects()) == 81
    assert killed.ok("db", "check") == ""


def test_a_termination_is_in_order(site, dovecot, user):
    """SIGTERM ends the daemon within ten seconds with 0; its socket is gone, its data are whole."""
    site.connect(dovecot, user)
    process = site.start()

    process.send_signal(signal.SIGTERM)

    assert process.wait(10) == 0
    assert '"daemon.stopping"' in site.log()
    assert '"daemon.stopped"' in site.log()
    assert not (site.dir / "state/api.sock").exists()


def test_an_interrupt_is_told_by_the_exit_code(site):
    """Ctrl-C ends the daemon in order too, with 130."""
    process = site.start()

    process.send_signal(signal.SIGINT)

    assert process.wait(10) == 130
    assert '"daemon.stopped"' in site.log()


def test_a_second_signal_ends_at_once(site, dovecot, user):
    """Whoever insists does not wait for the end in order."""
    site.connect(dovecot, user)
    process = site.start()

    process.send_signal(signal.SIGSTOP)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGCONT)

    assert process.wait(2) != 0


def test_systemd_is_told(site, dovecot, user):
    """READY with a status line once the API answers, the watchdog fed, STOPPING at the end."""
    site.connect(dovecot, user)
    name = site.dir / "notify"
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as supervisor:
        supervisor.bind(str(name))
        supervisor.settimeout(15)
        process = site.start(NOTIFY_SOCKET=str(name), WATCHDOG_USEC="300000")
        told = []
        while "WATCHDOG=1" not in told or "STATUS=1/1 mailboxes healthy" not in told:
            told += supervisor.recv(4096).decode().split("\n")
        process.send_signal(signal.SIGTERM)
        while not any(line.startswith("STOPPING=1") for line in told):
            told += supervisor.recv(4096).decode().split("\n")

    assert told[0] == "READY=1"
    assert process.wait(10) == 0


def test_two_daemons_on_one_database(site):
    """A second daemon is refused with 75 and does not disturb the first."""
    site.start()

    second = site.eisd("run")

    assert second.returncode == 75
    assert "in use by another eisd process" in second.stderr
    assert site.eisd("status").returncode == 0


def test_a_socket_that_a_dead_daemon_left_is_replaced(site):
    """After kill -9 the socket's file stays; the next daemon takes its place."""
    first = site.start()
    first.kill()
    first.wait()
    assert (site.dir / "state/api.sock").exists()
    (site.dir / "log").unlink()

    site.start()

    assert site.eisd("status").returncode == 0


def test_no_mailbox_is_no_mistake(site):
    """A daemon without a mailbox runs, is healthy, and says what to do."""
    site.start()

    told = site.eisd("status")

    assert told.returncode == 0
    assert "eisd mailbox add" in told.stdout


def test_files_are_their_owners_alone(site, dovecot, user):
    """Database, secrets and keys are not for group or others; the socket is for the group."""
    site.connect(dovecot, user)
    site.start()

    modes = {f.name: f.stat().st_mode & 0o777 for f in (site.dir / "state").iterdir()}

    assert modes.pop("api.sock") == 0o660
    assert set(modes.values()) == {0o600}
    assert {"eisd.db", "eisd.key", "secrets.db"} <= modes.keys()


def test_a_watched_file_of_contacts(site, dovecot, user):
    """contacts.source is imported at start and when it changes; a bad one changes nothing."""
    letters(dovecot, user)
    file = site.contacts(CONTACTS[1])
    site.write('[contacts]\nsource = "people.csv"\n' + site.mailbox(dovecot, user))
    site.start()
    assert len(site.json("contacts", "list")) == 1

    file.write_text("id,name,emails\n1,Ada,no address\n")
    site.until(lambda: '"contacts.refused"' in site.log())
    issues = site.eisd("issues")
    assert issues.returncode == 1
    assert "people.csv:2" in issues.stdout
    assert len(site.json("contacts", "list")) == 1

    site.contacts(*CONTACTS)
    site.until(lambda: len(site.rows("SELECT * FROM contact_summary")) == 2)
    assert site.eisd("issues").returncode == 0
