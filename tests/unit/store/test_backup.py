"""Backups: whole, checked, never in anybody's way, and put back without losing what was there."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from sqlite_utils import Database

from eisd.errors import StoreError, UserError
from eisd.store.backup import backup, check, restore, vacuum
from eisd.store.database import exclusive
from eisd.store.migrations import migrations, pending
from eisd.store.rotation import named, rotate
from eisd.store.secrets import Secrets


def noted(path):
    """What `note` wrote."""
    with closing(sqlite3.connect(path)) as db:
        return [row[0] for row in db.execute("SELECT value FROM meta WHERE key = 'note'")]


def note(db, value):
    db.execute("INSERT OR REPLACE INTO meta VALUES ('note', ?)", (value,))


@pytest.fixture
def secrets(path):
    """The sealed secrets beside the database, with one in them."""
    store = Secrets(path.with_name("secrets.db"), environ={})
    store.put("sales", b"hush")
    return store


def test_a_backup_of_a_database_in_use(path, db, secrets, tmp_path):
    """What was committed is in it, what is under way is not; sealed secrets lie beside it, 0600."""
    note(db, "first")
    db.execute("BEGIN IMMEDIATE")
    note(db, "second")
    target = tmp_path / "copy.db"

    size = backup(path, secrets.path, target)

    db.execute("ROLLBACK")
    assert noted(target) == ["first"]
    assert size == target.stat().st_size
    beside = tmp_path / "copy.db.secrets"
    assert [f.stat().st_mode & 0o777 for f in (target, beside)] == [0o600, 0o600]
    assert b"hush" not in beside.read_bytes()
    assert sorted(f.name for f in tmp_path.glob(".copy*")) == []


def test_nothing_is_overwritten(path, tmp_path):
    """A file that is there already stays as it is: 73."""
    target = tmp_path / "copy.db"
    target.write_text("mine")

    with pytest.raises(UserError, match="exists already") as caught:
        backup(path, tmp_path / "none", target)

    assert (caught.value.code, target.read_text()) == (73, "mine")


@pytest.mark.parametrize("where", ["no/such/directory/copy.db"])
def test_a_place_that_cannot_be_written(path, tmp_path, where):
    """A directory that is not there is 73."""
    with pytest.raises(UserError, match="cannot create") as caught:
        backup(path, tmp_path / "none", tmp_path / where)

    assert caught.value.code == 73


def test_restored_it_is_as_it_was(path, db, secrets, tmp_path):
    """The database and the secrets are those of the backup; what was there is kept beside them."""
    note(db, "then")
    target = tmp_path / "copy.db"
    backup(path, secrets.path, target)
    note(db, "now")
    secrets.put("sales", b"changed")

    kept = restore(target, path, secrets.path)

    assert noted(path) == ["then"]
    assert Secrets(secrets.path, environ={}).get("sales") == b"hush"
    assert [one.name for one in kept] == ["eisd.db.before-restore", "secrets.db.before-restore"]
    assert noted(kept[0]) == ["now"]
    assert check(path) == []


@pytest.mark.parametrize("content", [b"no database", b""])
def test_what_is_no_backup_is_refused(path, tmp_path, content):
    """A file of something else leaves the database alone."""
    before = path.read_bytes()
    file = tmp_path / "other"
    file.write_bytes(content)

    with pytest.raises((UserError, StoreError)):
        restore(file, path, tmp_path / "none")

    assert path.read_bytes() == before


def test_damage_is_found(path, db):
    """check names what is wrong with a damaged file, and is silent about a sound one."""
    for number in range(400):
        db.execute("INSERT INTO meta VALUES (?, ?)", (f"key {number}", "x" * 200))
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert check(path) == []

    with path.open("r+b") as file:
        file.seek(-6_000, 2)
        file.write(b"\xff" * 3_000)

    assert check(path)


def test_what_cannot_even_be_opened_is_damage(path):
    """`eisd db check` says so and exits 1; only what is no damage is an error of its own."""
    path.write_bytes(b"no database at all" * 1_000)

    assert check(path) == ["file is not a database"]


def test_vacuum_gives_space_back(path, db):
    """What was deleted no longer takes room on the disk."""
    db.execute("CREATE TABLE big (x)")
    db.executemany("INSERT INTO big VALUES (?)", [("x" * 1_000,) for _ in range(2_000)])
    db.execute("DROP TABLE big")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    before, after = vacuum(path)

    assert after < before / 2


def test_the_last_backups_are_kept(tmp_path):
    """Rotation deletes the oldest with their secrets, and nothing that is called otherwise."""
    began = datetime(2026, 11, 20, 1, tzinfo=UTC)
    made = [named(tmp_path, began + timedelta(days=day)) for day in range(4)]
    for one in (*made, tmp_path / "eisd-before-upgrade.db", tmp_path / "mine.txt"):
        one.write_text("x")
    made[0].with_name(made[0].name + ".secrets").write_text("x")

    gone = rotate(tmp_path, 2)

    assert gone == made[:2]
    left = {one.name for one in tmp_path.iterdir()}
    assert left == {made[2].name, made[3].name, "eisd-before-upgrade.db", "mine.txt"}
    assert rotate(tmp_path, 2) == []


def test_a_damaged_database_can_be_replaced(path, db, secrets, tmp_path):
    """That is what backups are for; what was there is kept as it was."""
    note(db, "then")
    target = tmp_path / "copy.db"
    backup(path, secrets.path, target)
    db.close()
    path.write_bytes(b"no database any more" * 500)

    kept = restore(target, path, secrets.path)

    assert noted(path) == ["then"]
    assert kept[0].read_bytes().startswith(b"no database")


def test_what_cannot_be_used_changes_nothing(path, db, secrets, tmp_path):
    """A backup of a newer eisd, or one with damaged secrets, is refused before anything moves."""
    note(db, "now")
    newer, torn = tmp_path / "newer.db", tmp_path / "torn.db"
    for one in (newer, torn):
        backup(path, secrets.path, one)
    with closing(sqlite3.connect(newer)) as copy:
        copy.execute(
            "UPDATE _sqlite_migrations SET name = 'm999_tomorrow' WHERE name = 'm004_outbox'"
        )
        copy.commit()
    (tmp_path / "torn.db.secrets").write_bytes(b"torn" * 1000)

    for one, why in ((newer, "newer eisd"), (torn, "not a database")):
        with pytest.raises(StoreError, match=why):
            restore(one, path, secrets.path)

    assert noted(path) == ["now"]
    assert Secrets(secrets.path, environ={}).get("sales") == b"hush"
    assert [one.name for one in path.parent.iterdir() if "restore" in one.name] == []


def test_an_older_backup_is_of_this_version_once_restored(path, secrets, tmp_path):
    """It is migrated on its way in, not by whoever starts next."""
    older = tmp_path / "older.db"
    with closing(sqlite3.connect(older)) as made:
        migrations().apply(Database(made), stop_before="m003_threads")
    assert pending_of(older)

    restore(older, path, secrets.path)

    assert pending_of(path) == []
    assert check(path) == []


def pending_of(path):
    """The steps that a database lacks."""
    with closing(sqlite3.connect(path)) as db:
        return pending(db)


FULL = """
mount -t tmpfs -o size={size}k tmpfs "$1" && cd "$1" && shift
cp "$1" "$1.secrets" . && cp "$1" eisd-20260101T000000Z.db
"$2" -m eisd -c "$3" backup --keep 1 . ; echo "exit $?"
ls -A
"""


@pytest.mark.parametrize("room", ["none", "for the secrets alone"])
def test_a_full_disk_costs_no_backup(path, secrets, tmp_path, room):
    """Nothing of the new one is left, and rotation deletes none: a real disk, full."""
    config, target, disk = tmp_path / "config.toml", tmp_path / "old.db", tmp_path / "disk"
    config.write_text(f'[daemon]\nstate_dir = "{path.parent}"\n')
    backup(path, secrets.path, target)
    disk.mkdir()
    octets = 2 * target.stat().st_size + target.with_name("old.db.secrets").stat().st_size
    octets += 20_000 if room == "none" else 100_000
    script = FULL.format(size=octets // 4096 * 4 + 4)
    inside = ["unshare", "--mount", "sh", "-c", script, "sh", disk, target, sys.executable, config]

    done = subprocess.run(inside, capture_output=True, text=True, check=False, timeout=50)

    if "exit" not in done.stdout:
        pytest.skip(f"no disk of our own: {done.stderr}")
    assert "exit 74" in done.stdout, done.stderr
    assert "full" in done.stderr
    assert done.stdout.split()[2:] == ["eisd-20260101T000000Z.db", "old.db", "old.db.secrets"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_root_restores_is_the_daemons(path, db, secrets, tmp_path):
    """Files that a command of root makes in the state directory belong to the directory's owner."""
    target = tmp_path / "copy.db"
    backup(path, secrets.path, target)
    db.close()
    os.chown(path.parent, 1234, 1234)

    with exclusive(path):
        restore(target, path, secrets.path)

    mine = [path, secrets.path, path.with_name("eisd.db.lock")]
    assert [(one.stat().st_uid, one.stat().st_gid) for one in mine] == [(1234, 1234)] * 3
