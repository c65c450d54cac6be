"""What goes wrong in real life: the message, the exit code, and nothing lost."""

from __future__ import annotations

import json
import signal

import pytest
from lab import mail

ADA = "1,Ada,ada@customer.test"


def deliver(server, user, subject="hello"):
    server.deliver(user, mail.make(from_="ada@customer.test", to=user, subject=subject))


def test_a_wrong_password(site, dovecot, user):
    """The credentials are refused: 1 of run --once, 77 of mailbox test; mended, nothing is lost."""
    deliver(dovecot, user)
    site.connect(dovecot, user)
    site.ok("contacts", "import", site.contacts(ADA))
    site.secret.write_text("wrong")

    done = site.eisd("run", "--once")
    tested = site.eisd("mailbox", "test", "sales")

    assert done.returncode == 1
    assert "sales: failed:" in done.stderr
    assert site.rows("SELECT state, reason FROM mailbox_status") == [("problematic", "auth")]
    assert tested.returncode == 77
    assert "FAILED" in tested.stdout
    assert "wrong" not in done.stderr + tested.stdout + tested.stderr
    site.secret.write_text("secret")
    assert site.eisd("run", "--once").returncode == 0
    assert site.subjects() == ["hello"]


def test_a_daemon_with_a_wrong_password_says_what_to_do(site, dovecot, user):
    """The daemon runs on, status exits 1 with the command that helps; a mended secret heals it."""
    site.connect(dovecot, user)
    site.secret.write_text("wrong")
    site.start()
    site.until(lambda: site.rows("SELECT reason FROM mailbox_status") == [("auth",)])

    status, issues = site.eisd("status"), site.eisd("issues")

    assert status.returncode == 1
    assert "problematic" in status.stdout
    assert issues.returncode == 1
    assert "put the right password into secret" in issues.stdout
    assert "eisd mailbox reconnect sales" in issues.stdout
    site.secret.write_text("secret")
    site.ok("mailbox", "reconnect", "sales")
    site.until(lambda: site.rows("SELECT state FROM mailbox_status") == [("idle",)])
    assert site.eisd("status").returncode == 0


@pytest.mark.parametrize(
    ("keys", "code", "reason"),
    [
        ({"host": "no-such-host.invalid"}, 69, "backing_off"),
        ({"port": 1}, 69, "backing_off"),
        ({"password": {"file": "missing"}}, 66, "problematic"),
    ],
)
def test_a_mailbox_that_cannot_be_reached(site, dovecot, user, keys, code, reason):
    """An unknown host, a closed port, a missing secret: 1 of run --once, its own code of test."""
    site.write(site.mailbox(dovecot, user, **keys))

    done = site.eisd("run", "--once")

    assert done.returncode == 1
    assert "sales: failed:" in done.stderr
    assert site.rows("SELECT state FROM mailbox_status") == [(reason,)]
    assert site.eisd("mailbox", "test", "sales").returncode == code


def test_an_expired_certificate(site, start_dovecot, certs):
    """A certificate that has ended is 78, names TLS, and the password is never sent."""
    server = start_dovecot(pair=certs.expired())
    site.connect(server, server.add_user("late@lab.test"))

    done = site.eisd("run", "--once")
    tested = site.eisd("mailbox", "test", "sales")

    assert done.returncode == 1
    assert site.rows("SELECT state, reason FROM mailbox_status") == [("problematic", "tls")]
    assert tested.returncode == 78
    assert "expired" in tested.stdout
    assert " auth " not in tested.stdout


def test_one_bad_mailbox_stops_no_other(site, dovecot, user):
    """run --once syncs the good mailbox and exits 1 for the bad one."""
    deliver(dovecot, user)
    bad = site.mailbox(dovecot, "other@lab.test", "other", password={"file": "missing"})
    site.write(site.mailbox(dovecot, user) + bad)
    site.ok("contacts", "import", site.contacts(ADA))

    done = site.eisd("run", "--once")

    assert done.returncode == 1
    assert "sales: up to date, 1 new activity" in done.stderr
    assert "other: failed:" in done.stderr
    assert site.subjects() == ["hello"]


@pytest.mark.parametrize("command", [["run"], ["run", "--once"], ["status"], ["mailbox", "list"]])
def test_a_misspelt_key(site, command):
    """A misspelt key is 78 with its place and what was meant, whatever the command."""
    site.write("[sync]\nintervall = '5m'")

    done = site.eisd(*command)

    assert done.returncode == 78
    assert f"{site.config}:6:1: error: unknown key 'intervall'" in done.stderr
    assert "did you mean 'interval'?" in done.stderr


def test_no_configuration(site):
    """A configuration that is not there is 66."""
    site.config.unlink()

    assert site.eisd("run").returncode == 66


def test_a_bad_row_refuses_the_file(site):
    """A bad row of contacts is named with its line and refuses the import whole, unless skipped."""
    file = site.contacts(ADA, "2,Bob,no address", "3,Carl,carl@a.test;two@@b.test")

    refused = site.eisd("contacts", "import", file)

    assert refused.returncode == 65
    assert f"{file}:3: 'no address' is no email address" in refused.stderr
    assert f"{file}:4: 'two@@b.test' is no email address" in refused.stderr
    assert "2 bad rows: nothing was imported" in refused.stderr
    assert site.json("contacts", "list") == []
    site.ok("contacts", "import", "--skip-bad", file)
    assert [one["id"] for one in site.json("contacts", "list")] == ["1"]


def test_tcp_is_refused_for_now(site):
    """A TCP listener needs tokens, which are not there yet: 78, by the check and by the start."""
    site.write('[api]\nlisten = ["127.0.0.1:8425"]')

    for command in (("config", "check"), ("run",)):
        done = site.eisd(*command)

        assert done.returncode == 78
        told = done.stdout + done.stderr
        assert "config.toml:6:11: error: 127.0.0.1:8425 cannot be served: TCP needs" in told


def test_a_refused_reload_keeps_the_old_configuration(site, dovecot, user):
    """reload: 78 with place and line, the daemon goes on as it was; mended, it is accepted."""
    site.connect(dovecot, user)
    process = site.start()
    good = site.config.read_text()
    site.config.write_text(good + "[sync]\ninterval = 5\n")

    refused = site.eisd("reload")

    assert refused.returncode == 78
    assert f"{site.config}:" in refused.stderr
    assert "interval = 5" in refused.stderr
    assert "Nothing changed" in refused.stderr
    status = site.eisd("status")
    assert status.returncode == 1
    assert "REFUSED" in status.stdout
    process.send_signal(signal.SIGHUP)
    site.until(lambda: site.log().count('"config.reload_rejected"') == 2)
    site.config.write_text(good)
    assert site.eisd("reload").returncode == 0
    assert site.eisd("status").returncode == 0
    site.config.write_text(good + '[log]\nformat = "logfmt"\n')
    assert site.eisd("reload").returncode == 0
    site.until(lambda: " event=config.reloaded " in site.log())
    assert process.poll() is None


def test_a_reload_adds_changes_and_removes(site, dovecot, user):
    """A reload starts what is new, stops what is gone, and leaves the others' connections alone."""
    other = dovecot.add_user("colleague@lab.test")
    site.connect(dovecot, user)
    site.start()
    site.until(lambda: site.rows("SELECT state FROM mailbox_status") == [("idle",)])

    site.write(site.mailbox(dovecot, user) + site.mailbox(dovecot, other, "other"))
    added = site.ok("reload")
    site.until(lambda: len(site.rows("SELECT * FROM mailbox_status WHERE state = 'idle'")) == 2)
    site.connect(dovecot, user)
    removed = site.ok("reload")

    assert f'+ mailboxes.other.address = "{other}"' in added.splitlines()
    assert added.splitlines()[-1] == "other added"
    assert f'- mailboxes.other.address = "{other}"' in removed.splitlines()
    assert removed.splitlines()[-1] == "other removed"
    assert site.rows("SELECT name, state FROM mailbox_status ORDER BY name") == [
        ("other", "disconnected"),
        ("sales", "idle"),
    ]
    assert "address" not in site.log().rpartition('"config.reloaded"')[2].partition("\n")[0]
    connected = [line for line in site.log().splitlines() if '"mailbox":"sales"' in line]
    assert sum('"to":"connecting"' in line for line in connected) == 1


def test_config_diff_says_what_a_reload_would_change(site):
    """Before a reload: 0 and the keys; a refused file is 78 with its place; no daemon is 69."""
    assert site.eisd("config", "diff").returncode == 69
    site.start()
    site.write('[log]\nlevel = "debug"\n[sync]\nwindow = "3m"')

    told = site.ok("config", "diff").splitlines()
    as_json = json.loads(site.ok("config", "diff", "--json"))
    assert site.ok("reload").splitlines() == told
    again = site.eisd("config", "diff")
    site.write('[log]\nlevel = "loud"')
    refused = site.eisd("config", "diff")

    assert told == ['+ log.level = "debug"', '+ sync.window = "3m"']
    assert as_json["keys"][0] == {"key": "log.level", "before": None, "after": '"debug"'}
    assert (again.stdout, again.stderr[:15]) == ("", "nothing differs")
    assert refused.returncode == 78
    assert "config.toml:6:1" in refused.stderr
