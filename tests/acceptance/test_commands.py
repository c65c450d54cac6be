"""The commands an operator lives with, against a mailbox on Dovecot."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest
from lab import mail

ADA = "1,Ada,ada@customer.test"


@pytest.fixture
def synced(site, dovecot, user):
    """A site with one contact and one activity, and one stranger's message."""
    dovecot.deliver(
        user, mail.make(from_="ada@customer.test", to=user, subject="hello", message_id="<a@x>")
    )
    dovecot.deliver(user, mail.make(from_="s@stranger.test", to=user, message_id="<s@x>"))
    site.connect(dovecot, user)
    site.ok("contacts", "import", site.contacts(ADA))
    assert site.eisd("run", "--once").returncode == 0
    return site


def test_without_a_daemon_reads_are_answered_from_the_database(synced):
    """status exits 69 and shows the database; lists answer with a notice on stderr alone."""
    status = synced.eisd("status", "--json")
    listed = synced.eisd("activities", "list", "--json")

    assert status.returncode == 69
    assert "not running" in status.stderr
    told = json.loads(status.stdout)
    assert told["daemon"]["running"] is False
    assert told["mailboxes"][0]["in_24h"] == 1
    assert listed.returncode == 0
    assert "the daemon is not running" in listed.stderr
    assert json.loads(listed.stdout)["subject"] == "hello"


def test_both_ways_give_the_same_answers(synced):
    """Every read gives the same JSON with the daemon and without it."""
    commands = [
        ("activities", "list"),
        ("activities", "show", "1"),
        ("contacts", "list"),
        ("contacts", "show", "1"),
        ("workspace", "list"),
        ("explain", "<a@x>"),
        ("explain", "<s@x>"),
    ]
    alone = [synced.json(*command) for command in commands]
    synced.start()
    synced.until(lambda: synced.rows("SELECT state FROM mailbox_status") == [("idle",)])

    assert [synced.json(*command) for command in commands] == alone


def test_explain_names_the_rule_and_the_rows(synced):
    """A matched and an unmatched message: copy, candidates with their rule, rows written."""
    [matched] = synced.json("explain", "<a@x>")
    [stranger] = synced.json("explain", "s@x")

    [message] = matched["messages"]
    assert message["copies"][0]["outcome"] == "matched"
    [decision] = message["decisions"]
    assert {(c["role"], c["verdict"], c["rule"]) for c in decision["candidates"]} == {
        ("from", "matched", "M2"),
        ("to", "staff_address", "S2"),
    }
    assert [row["contact_id"] for row in message["activities"]] == ["1"]
    [message] = stranger["messages"]
    assert (message["copies"][0]["outcome"], message["copies"][0]["reason"]) == (
        "unmatched",
        "no_contact",
    )
    assert "stranger.test" not in json.dumps(stranger)


def test_explain_of_what_nobody_listed(synced):
    """What has no row: 1, and the folders that are not read, with the reason."""
    done = synced.eisd("explain", "<nothing@x>")

    assert done.returncode == 1
    assert "Drafts: not read, drafts" in done.stdout


def test_explain_of_a_file_stores_nothing(synced):
    """FILE.eml is a dry run: the verdict for each mailbox, and no row more than before."""
    file = synced.dir / "letter.eml"
    file.write_bytes(mail.make(from_="Ada <ada@customer.test>", to="x@y.test", subject="new"))

    told = json.loads(synced.ok("explain", str(file), "--json"))

    assert [one["outcome"] for one in told["mailboxes"]] == ["matched"]
    assert told["subject"] == "new"
    assert synced.subjects() == ["hello"]
    assert synced.rows("SELECT count(*) FROM message_outcomes") == [(2,)]


@pytest.mark.parametrize("running", [False, True])
def test_verify_counts_on_both_sides(synced, running):
    """verify agrees with the server, and exits 1 once a row is missing."""
    if running:
        synced.start()
    assert synced.eisd("verify").returncode == 0

    with closing(sqlite3.connect(synced.database)) as db:
        db.execute("DELETE FROM copy WHERE message_id IS NULL")
        db.commit()
    done = synced.eisd("verify", "sales", "--json")

    assert done.returncode == 1
    [told] = [json.loads(line) for line in done.stdout.splitlines()]
    [inbox] = [one for one in told["folders"] if one["folder"] == "INBOX"]
    assert (inbox["server"], inbox["rows"], inbox["missing"]) == (2, 1, ["2"])


def test_sync_now_waits_until_it_is_caught_up(synced, dovecot, user):
    """After sync now --wait, what was delivered before is an activity."""
    synced.start()
    dovecot.append(user, "Archive", mail.make(from_="ada@customer.test", to=user, subject="late"))

    synced.ok("sync", "now", "sales", "--wait")

    assert synced.subjects() == ["hello", "late"]


def test_sync_now_of_an_unknown_mailbox(synced):
    """An unknown name is 67 with the daemon; without one it is 69."""
    assert synced.eisd("sync", "now", "nobody").returncode == 69
    synced.start()
    assert synced.eisd("sync", "now", "nobody").returncode == 67


def test_pause_holds_over_a_restart(synced, dovecot, user):
    """A paused mailbox stays paused, with the daemon and without; resumed, nothing is missing."""
    synced.ok("mailbox", "pause", "sales")
    process = synced.start()
    synced.until(lambda: synced.rows("SELECT state FROM mailbox_status") == [("paused",)])
    dovecot.deliver(user, mail.make(from_="ada@customer.test", to=user, subject="meanwhile"))
    assert synced.eisd("status").returncode == 0

    synced.ok("mailbox", "resume", "sales")

    synced.until(lambda: "meanwhile" in synced.subjects())
    assert process.poll() is None


def test_add_remove_and_forget_a_mailbox(site, dovecot, user):
    """A mailbox comes and goes by commands alone; its secret is nowhere readable."""
    site.start()
    args = [user, "--name", "sales", "--host", dovecot.host, "--port", dovecot.port_imaps]
    args += ["--ca-file", dovecot.certs.ca_file, "--password-stdin"]
    dovecot.add_user(user, "moonshine9")

    wrong = site.eisd("mailbox", "add", *args, given="not this one")
    assert wrong.returncode == 77
    assert not (site.dir / "conf.d").exists()
    site.ok("mailbox", "add", *args, given="moonshine9\n")

    site.until(lambda: site.rows("SELECT name, state FROM mailbox_status") == [("sales", "idle")])
    assert site.eisd("mailbox", "test", "sales").returncode == 0
    files = [file for file in site.dir.rglob("*") if file.is_file()]
    assert [file for file in files if b"moonshine9" in file.read_bytes()] == []
    again = site.eisd("mailbox", "add", *args, given="moonshine9\n")
    assert again.returncode == 64
    kept = site.eisd("mailbox", "forget", "sales", "--yes")
    assert kept.returncode == 1
    site.ok("mailbox", "remove", "sales")
    assert site.rows("SELECT name, state FROM mailbox_status") == [("sales", "disconnected")]
    site.ok("mailbox", "forget", "sales", "--yes")
    assert site.rows("SELECT name FROM mailbox_status") == []


def test_a_mailbox_removed_without_a_daemon_is_disconnected_at_once(site, dovecot, user):
    """The database hears of it from the command, not from the next start."""
    args = [user, "--name", "sales", "--host", dovecot.host, "--port", dovecot.port_imaps]
    site.ok("mailbox", "add", *args, "--no-test", "--password-stdin", given="secret\n")
    site.ok("contacts", "add", "1", "--email", "ada@a.test")
    site.ok("mailbox", "remove", "sales")

    assert site.rows("SELECT name, state FROM mailbox_status") == [("sales", "disconnected")]


def test_removing_what_stands_in_the_operators_own_file(site, dovecot, user):
    """A mailbox of config.toml is not touched: 1, and where it stands."""
    site.connect(dovecot, user)

    done = site.eisd("mailbox", "remove", "sales")

    assert done.returncode == 1
    assert "config.toml:5" in done.stderr


def test_resync_records_nothing_twice(synced):
    """Folders listed anew give the same activities and the same outcomes."""
    before = synced.rows("SELECT * FROM message_outcomes ORDER BY remote_id")
    synced.start()

    synced.ok("mailbox", "resync", "sales")
    synced.ok("sync", "now", "--wait")

    assert synced.rows("SELECT * FROM message_outcomes ORDER BY remote_id") == before
    assert synced.subjects() == ["hello"]


def test_backup_while_running_and_restore(synced, dovecot, user):
    """A backup of a running daemon's database is whole; restored, it is what was then."""
    process = synced.start()
    file = synced.dir / "copy.db"
    synced.ok("backup", file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert synced.eisd("backup", file).returncode == 73
    dovecot.deliver(user, mail.make(from_="ada@customer.test", to=user, subject="later"))
    synced.until(lambda: "later" in synced.subjects())
    assert synced.eisd("restore", file).returncode == 75
    process.terminate()
    process.wait(12)

    synced.ok("restore", file)

    assert synced.subjects() == ["hello"]
    assert synced.eisd("run", "--once").returncode == 0
    assert synced.subjects() == ["hello", "later"]


def test_contacts_go_out_and_in_again(synced):
    """What export writes, import takes as no change, in all three formats."""
    synced.start()
    for form in ("csv", "jsonl", "vcf"):
        file = synced.dir / f"out.{form}"
        file.write_text(synced.ok("contacts", "export", "--format", form))
        done = json.loads(synced.ok("contacts", "import", file, "--json"))

        assert (done["unchanged"], done["added"], done["updated"]) == (1, 0, 0), form


def test_a_dry_run_changes_nothing(synced):
    """contacts import --dry-run says what would be, and leaves every row as it was."""
    file = synced.contacts(ADA, "2,Bob,bob@customer.test")

    for running in (False, True):
        if running:
            synced.start()
        done = json.loads(synced.ok("contacts", "import", "--dry-run", file, "--json"))
        assert (done["added"], done["unchanged"]) == (1, 1)
        assert len(synced.json("contacts", "list")) == 1


def test_as_another_owner_sees_what_visibility_allows(synced):
    """A personal mailbox shows others the subject and nothing of the text."""
    [mine] = synced.json("activities", "list")
    [theirs] = synced.json("activities", "list", "--as", "bob")

    assert mine["text"].strip() == "Hi."
    assert (theirs["subject"], theirs["text"], theirs["snippet"]) == ("hello", None, None)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["mailbox", "show", "nobody"], 67),
        (["contacts", "show", "99"], 67),
        (["activities", "show", "99"], 67),
        (["activities", "list", "--mailbox", "nobody"], 67),
        (["contacts", "import", "missing.csv"], 66),
        (["contacts", "import", "people.txt"], 64),
        (["explain", "./missing.eml"], 66),
        (["restore", "missing.db"], 66),
        (["mailbox", "forget", "nobody", "--yes"], 67),
    ],
)
def test_what_is_not_there(site, command, code):
    """What a command names and does not exist has its own exit code, daemon or not."""
    alone = site.eisd(*command)
    site.start()

    assert (alone.returncode, site.eisd(*command).returncode) in [(code, code), (code, 75)]


@pytest.mark.timeout(120)
def test_a_contact_added_later_is_given_its_past(synced):
    """Without a daemon: add, backfill, fetch; merge; the old id answers; purge leaves nothing."""
    added = json.loads(synced.ok("contacts", "add", "9", "--email", "s@stranger.test", "--json"))
    synced.ok("contacts", "backfill", "9")
    assert synced.eisd("run", "--once").returncode == 0

    merged = json.loads(synced.ok("contacts", "merge", "9", "1", "--json"))
    [shown] = synced.json("contacts", "show", "9")
    refused = synced.eisd("contacts", "remove", "9", "--purge")
    synced.ok("contacts", "remove", "9", "--purge", "--yes")

    assert added["added"]
    assert (merged["contact_id"], merged["activities"]) == ("1", 1)
    assert (shown["contact_id"], shown["activities"]) == ("1", 2)
    assert (refused.returncode, "--yes" in refused.stderr) == (64, True)
    assert synced.rows("SELECT * FROM contact_summary") == []
    assert synced.rows("SELECT * FROM activity_feed") == []


def test_everything_about_one_contact(synced):
    """What a person may ask for: the contact and each activity in full, and nobody else's."""
    synced.ok("contacts", "add", "2", "--email", "bob@customer.test")

    told = [
        json.loads(line)
        for line in synced.ok("contacts", "export", "--everything", "1").splitlines()
    ]

    contact, activity = told
    assert (contact["what"], contact["contact_id"]) == ("contact", "1")
    assert [one["address"] for one in contact["addresses"]] == ["ada@customer.test"]
    assert (activity["what"], activity["subject"], activity["text"].strip()) == (
        "activity",
        "hello",
        "Hi.",
    )
    assert {one["role"] for one in activity["participants"]} == {"from", "to"}
    assert [one["folder"] for one in activity["copies"]] == ["INBOX"]
    assert "bob@" not in json.dumps(told)
    assert synced.eisd("contacts", "export", "--everything", "99").returncode == 67
