"""What an operator sees of the installed daemon: metrics, status in depth, live events, issues."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lab import mail

EISD = str(Path(sys.executable).with_name("eisd"))
CONTACT = "1,Ada Lovelace,ada@customer.test"


def fetch(url):
    """Status and text of a GET."""
    try:
        with urllib.request.urlopen(url, timeout=10) as reply:  # noqa: S310  loopback
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def metrics_port(process):
    """The TCP port on which the daemon listens, as the kernel knows it (port 0 was asked for)."""
    inodes = set()
    for fd in Path(f"/proc/{process.pid}/fd").iterdir():
        try:
            inodes |= set(re.findall(r"socket:\[(\d+)\]", str(fd.readlink())))
        except OSError:
            continue
    for line in Path(f"/proc/{process.pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and fields[9] in inodes:
            return int(fields[1].rpartition(":")[2], 16)
    raise AssertionError("it listens on no TCP port")


@pytest.fixture
def watched(site, dovecot, user):
    """A daemon with one mailbox, in step, with metrics on a port of its own; and that port."""
    config = site.mailbox(dovecot, user)
    site.write(config)
    site.config.write_text(
        site.config.read_text().replace("listen = []", 'listen = ["127.0.0.1:0"]')
    )
    site.ok("contacts", "import", site.contacts(CONTACT))
    process = site.start()
    site.until(lambda: site.rows("SELECT state FROM mailbox_status") == [("idle",)])
    return metrics_port(process)


def test_a_scrape_and_the_probes(site, dovecot, user, watched):
    """A live message shows in the metrics; probes say 200; nothing of the mail is shown."""
    dovecot.deliver(user, mail.make(from_="ada@customer.test", to=user, subject="canary"))
    site.until(lambda: site.subjects() == ["canary"])

    status, text = fetch(f"http://127.0.0.1:{watched}/metrics")

    assert status == 200
    assert 'eisd_mailbox_up{mailbox="sales"} 1.0' in text
    assert 'eisd_message_latency_seconds_count{driver="imap"} 1.0' in text
    assert 'eisd_messages_total{mailbox="sales",result="matched"} 1.0' in text
    assert re.search(r"^eisd_db_size_bytes [1-9]", text, re.MULTILINE)
    assert re.search(r"^process_open_fds [1-9]", text, re.MULTILINE)
    assert "canary" not in text
    assert "@" not in text
    assert fetch(f"http://127.0.0.1:{watched}/healthz")[0] == 200
    status, told = fetch(f"http://127.0.0.1:{watched}/readyz?verbose")
    assert (status, json.loads(told)["checks"]["started"]["ok"]) == (200, True)
    assert fetch(f"http://127.0.0.1:{watched}/v1/status")[0] == 404


def test_a_reload_moves_the_metrics(site, watched):
    """An address taken out of metrics.listen is served no more, without a restart."""
    site.config.write_text(site.config.read_text().replace('["127.0.0.1:0"]', "[]"))
    site.ok("reload")

    def is_closed():
        try:
            fetch(f"http://127.0.0.1:{watched}/healthz")
        except OSError:
            return True
        return False

    site.until(is_closed)


def test_an_address_that_is_taken(make_site, watched):
    """A named address that somebody has is refused with the way out."""
    other = make_site()
    other.config.write_text(f'[metrics]\nlisten = ["127.0.0.1:{watched}"]\n')

    done = other.eisd("run")

    assert done.returncode == 75
    assert f"127.0.0.1:{watched}" in done.stderr


@pytest.mark.usefixtures("watched")
def test_a_mailbox_in_depth(site):
    """`status NAME` tells of the connection, each folder with its position, and what it can."""
    [told] = [json.loads(site.ok("status", "sales", "--json"))]
    [one] = told["mailboxes"]
    shown = site.ok("status", "sales")

    assert one["live"]["push"] is True
    assert one["live"]["connected_s"] >= 0
    assert "IDLE" in one["live"]["capabilities"]
    assert all(f["position"] for f in one["folders"] if f["status"] == "synced")
    assert "told by the server" in shown
    assert "INBOX" in shown
    assert "\x1b" not in shown


def test_a_mailbox_in_trouble_says_why(site, dovecot, user):
    """Refused credentials: the reason, the last errors, and the command that mends it."""
    site.connect(dovecot, user)
    site.secret.write_text("wrong")
    site.start()
    site.until(lambda: site.rows("SELECT state FROM mailbox_status") == [("problematic",)])

    done = site.eisd("status", "sales")

    assert done.returncode == 1
    assert "problematic:auth" in done.stdout
    assert "auth.refused" in done.stdout
    assert "put the right password into secret, then: eisd mailbox reconnect sales" in done.stdout
    assert "put the right password into secret" in site.eisd("issues").stdout
    site.until(lambda: '"issue.opened"' in site.log(), seconds=30)


@pytest.mark.usefixtures("watched")
def test_live_events_are_followed(site, dovecot, user):
    """`tail --json` shows an activity as it comes: whose it is, and no word of it."""
    with subprocess.Popen(
        [EISD, "-c", str(site.config), "tail", "--event", "match.", "--json"],
        stdout=subprocess.PIPE,
        text=True,
    ) as tail:
        try:
            dovecot.deliver(user, mail.make(from_="ada@customer.test", to=user, subject="one"))
            first = json.loads(tail.stdout.readline())
        finally:
            tail.send_signal(signal.SIGINT)
        assert tail.wait(10) == 130

    assert first["event"] == "match.activity_created"
    assert (first["mailbox"], first["contact_id"]) == ("sales", "1")
    assert "one" not in json.dumps(first)


@pytest.mark.usefixtures("watched")
def test_recent_events_without_following(site):
    """`tail --no-follow` shows what was, and ends."""
    shown = site.ok("tail", "--no-follow", "-n", "50")

    assert "daemon.ready" in shown
    assert "\x1b" not in shown


def test_no_daemon_no_tail(site):
    """69, and how to start it."""
    done = site.eisd("tail", "--no-follow")

    assert done.returncode == 69


@pytest.mark.usefixtures("watched")
def test_watching_without_a_terminal(site):
    """`status --watch` into a pipe prints a line for each change, without escapes."""
    with subprocess.Popen(
        [EISD, "-c", str(site.config), "status", "--watch"], stdout=subprocess.PIPE, text=True
    ) as watch:
        try:
            seen = [watch.stdout.readline(), watch.stdout.readline()]
            site.ok("mailbox", "pause", "sales")
            seen.append(watch.stdout.readline())
        finally:
            watch.send_signal(signal.SIGINT)
        watch.wait(10)

    assert any("sales  idle" in line for line in seen[:2])
    assert "sales  paused" in seen[2]
    assert "\x1b" not in "".join(seen)


def findings(done):
    """The findings of a doctor's run, by check and subject."""
    told = [json.loads(line) for line in done.stdout.splitlines()]
    return {(one["check"], one["subject"]): one for one in told}


def test_the_doctor_finds_nothing_to_mend(site, dovecot, user):
    """On a sound site no finding is an error; secrets are looked at, not shown."""
    site.connect(dovecot, user)
    site.secret.write_text("canary-password")
    site.start()

    done = site.eisd("doctor", "--json")
    found = findings(done)

    assert [one for one in found.values() if one["grade"] == "error"] == []
    assert done.returncode == 0
    assert found["secret", "mailboxes.sales.imap.password"]["grade"] == "ok"
    assert "the daemon may open" in found["files", "files"]["text"]
    assert "canary" not in done.stdout


def test_the_doctor_asks_servers_and_name_servers(site, dovecot, user):
    """--online logs in, sees the certificate, and says when no name server answers."""
    site.connect(dovecot, user)

    done = site.eisd("doctor", "--online", "--dns", "127.0.0.1:1", "--json")
    found = findings(done)

    assert found["login", "sales"]["grade"] == "ok"
    assert "the certificate holds for" in found["login", "sales"]["text"]
    domain = user.partition("@")[2]
    assert found["dns", domain]["grade"] == "warning"


def test_the_doctor_names_what_is_wrong(site, dovecot, user):
    """A missing secret and a mistake in the configuration are errors with a way out; 1."""
    site.connect(dovecot, user)
    site.secret.unlink()
    missing = findings(site.eisd("doctor", "--json"))
    site.config.write_text(site.config.read_text() + "\n[sync]\nwindw = 1\n")

    wrong = site.eisd("doctor")

    assert missing["secret", "mailboxes.sales.imap.password"]["grade"] == "error"
    assert wrong.returncode == 1
    assert "did you mean" in wrong.stdout
    assert "\x1b" not in wrong.stdout


@pytest.mark.timeout(90)
def test_the_support_bundle_holds_nothing_of_anybodys(site, dovecot, user):
    """Canaries in every place - password, address, names, subject, folder - are in no part."""
    table = site.mailbox(dovecot, user).replace(
        "[mailboxes.sales.imap]",
        'aliases = ["canary-alias@customer.test"]\nsender_name = "canary sender"\n'
        "[mailboxes.sales.imap]",
    )
    more = '[[blocklist]]\nentry = "canary-blocked@customer.test"\n'
    site.write(more + table)
    people = site.contacts("canary-1,canary person,canary-ada@customer.test")
    site.ok("contacts", "import", people)
    letter = mail.make(
        from_="canary-ada@customer.test", to=user, subject="canary subject", text="canary body"
    )
    site.start()
    site.until(lambda: site.rows("SELECT state FROM mailbox_status") == [("idle",)])
    dovecot.deliver(user, letter)
    site.until(lambda: site.subjects() == ["canary subject"])
    target = site.dir / "bundle.tar.gz"

    shown = site.ok("support-bundle", target)

    with tarfile.open(target) as archive:
        parts = {one.name: archive.extractfile(one).read().decode() for one in archive}
    for name in ("config.json", "status.json", "events.jsonl", "metrics.txt", "database.json"):
        assert name in shown
        assert parts[f"eisd-support/{name}"]
    assert "match.activity_created" in parts["eisd-support/events.jsonl"]
    everything = "".join(parts.values())
    assert "canary" not in everything
    assert user not in everything
    assert "@" not in everything
    assert target.stat().st_mode & 0o777 == 0o600
    assert site.eisd("support-bundle", target).returncode == 73


def test_a_bundle_without_a_daemon(site):
    """What can be had is in it, and why the rest is not."""
    target = site.dir / "bundle.tar.gz"

    site.ok("support-bundle", target)

    with tarfile.open(target) as archive:
        names = {one.name for one in archive}
    assert {"eisd-support/README.txt", "eisd-support/daemon.txt"} <= names


@pytest.mark.timeout(90)
def test_progress_is_for_terminals_alone(site, dovecot, user, tmp_path):
    """On a terminal a long wait shows a bar on stderr and takes it away; into a pipe nothing."""
    site.connect(dovecot, user)
    now = datetime.now(UTC)
    letter = mail.make(from_="ada@customer.test", to=user)
    dovecot.bulk(user, "INBOX", [(letter, now)] * 3)
    site.start()

    piped = site.eisd("sync", "now", "--wait")
    rows = ["id,name,emails", *(f"{n},x,p{n}@customer.test" for n in range(3_000))]
    people = tmp_path / "people.csv"
    people.write_text("\n".join(rows))
    main, terminal = pty.openpty()
    with subprocess.Popen(
        [EISD, "-c", str(site.config), "contacts", "import", str(people)],
        stdout=subprocess.DEVNULL,
        stderr=terminal,
        env=os.environ | {"TERM": "xterm"},
    ) as process:
        os.close(terminal)
        shown = read_all(main)
        assert process.wait(60) == 0

    assert piped.returncode == 0
    assert "\x1b" not in piped.stderr
    assert "[" not in piped.stderr
    assert shown == "" or shown.endswith("\r\x1b[K")


def read_all(descriptor):
    """What a terminal shows until its program ends."""
    found = b""
    while True:
        try:
            data = os.read(descriptor, 4096)
        except OSError:  # Linux: the other side is closed
            data = b""
        if not data:
            os.close(descriptor)
            return found.decode()
        found += data
