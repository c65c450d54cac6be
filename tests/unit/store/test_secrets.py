"""Earned secrets: sealed, bound to their names, and nowhere in the database."""

from __future__ import annotations

import errno
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from unittest.mock import Mock

import pytest

from eisd.errors import ExitCode, StoreError, UserError
from eisd.store.database import create
from eisd.store.secrets import Secrets
from eisd.store.setup import index_key_is_new, prepare

CANARY = b"canary-8d1f"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the sealed store lies."""
    return tmp_path / "secrets.db"


def opened(path: Path) -> Secrets:
    """The store, whatever the environment of the test run is."""
    return Secrets(path, environ={})


def test_what_is_put_is_got(path: Path):
    """Over a new start, until it is deleted."""
    opened(path).put("token/anna", CANARY)
    secrets = opened(path)

    assert secrets.get("token/anna") == CANARY
    assert secrets.get("token/bert") is None
    secrets.put("token/anna", b"rotated")
    assert opened(path).get("token/anna") == b"rotated"
    secrets.delete("token/anna")
    assert opened(path).get("token/anna") is None


def test_no_file_shows_a_secret(path: Path):
    """Neither the sealed store nor the database beside it (RI11)."""
    create(path.with_name("eisd.db"))
    secrets = opened(path)
    secrets.put("token/anna", CANARY)
    key = secrets.index_key()
    index_key_is_new(path.with_name("eisd.db"), key)

    for file in path.parent.iterdir():
        content = file.read_bytes()
        assert CANARY not in content, file
        assert key not in content, file
        assert key.hex().encode() not in content, file


def test_a_value_moved_to_another_name_does_not_open(path: Path):
    """Two rows swapped by somebody with the file are noticed."""
    secrets = opened(path)
    secrets.put("a", b"one")
    secrets.put("b", b"two")
    with closing(sqlite3.connect(path)) as db, db:
        rows = dict(db.execute("SELECT name, value FROM secret"))
        db.execute("UPDATE secret SET value = ? WHERE name = 'a'", (rows["b"],))

    with pytest.raises(StoreError, match="'a' does not open"):
        opened(path).get("a")
    assert opened(path).get("b") == b"two"


@pytest.mark.parametrize("at", [0, 11, 12, -1])
def test_a_changed_value_does_not_open(path: Path, at: int):
    """Not one bit of it."""
    secrets = opened(path)
    secrets.put("a", b"one")
    with closing(sqlite3.connect(path)) as db, db:
        value = bytearray(db.execute("SELECT value FROM secret").fetchone()[0])
        value[at] ^= 1
        db.execute("UPDATE secret SET value = ?", (bytes(value),))

    with pytest.raises(StoreError, match="does not open"):
        opened(path).get("a")


def test_another_key_does_not_open_it(path: Path):
    """And the error names what to restore, not the secret."""
    opened(path).put("a", CANARY)
    path.with_name("eisd.key").write_text("ab" * 32 + "\n")

    with pytest.raises(StoreError, match=r"restore .*eisd\.key") as refused:
        opened(path).get("a")
    assert CANARY.decode() not in str(refused.value)


def test_no_key_is_made_for_what_another_has_sealed(path: Path):
    """Where systemd alone has the key, a command outside the service says so and makes none."""
    opened(path).put("a", CANARY)
    path.with_name("eisd.key").unlink()

    with pytest.raises(UserError, match="a key that is not here") as refused:
        opened(path)
    assert refused.value.code == ExitCode.CONFIG
    assert not path.with_name("eisd.key").exists()


def test_only_the_owner_may_read(path: Path):
    """Key and store are 0600, whatever the umask (RF53)."""
    opened(path).put("a", b"one")

    for name in ("secrets.db", "eisd.key"):
        assert stat.S_IMODE(path.with_name(name).stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_may_read_is_refused(path: Path, mode: int):
    """With the command that mends it (78)."""
    opened(path)
    path.with_name("eisd.key").chmod(mode)

    with pytest.raises(UserError, match=f"{mode:04o}") as refused:
        opened(path)
    assert refused.value.hint.startswith("chmod 600")
    assert refused.value.code == 78


@pytest.mark.parametrize("text", ["", "short", "zz" * 32, "00" * 33])
def test_a_damaged_key_is_refused(path: Path, text: str):
    """It is named, and never made anew over the old one."""
    opened(path)
    path.with_name("eisd.key").write_text(text)

    with pytest.raises(UserError, match="holds no key"):
        opened(path)
    assert path.with_name("eisd.key").read_text() == text


def test_a_full_disk_leaves_no_half_of_a_key(path: Path, monkeypatch: pytest.MonkeyPatch):
    """The next start makes the key; an empty file in its place would refuse every start."""
    with monkeypatch.context() as full:
        full.setattr("os.fsync", Mock(side_effect=OSError(errno.ENOSPC, "No space left")))
        with pytest.raises(StoreError, match=r"eisd\.key: No space left"):
            opened(path)
    assert list(path.parent.iterdir()) == []

    opened(path).put("a", b"b")

    assert opened(path).get("a") == b"b"


def test_a_write_that_fails_is_a_store_error(path: Path):
    """Whatever SQLite says inside a use of the file, as outside."""
    store = opened(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TABLE secret")

    with pytest.raises(StoreError, match=r"secrets\.db: no such table"):
        store.get("a")


def test_a_credential_of_the_unit_wins(path: Path, tmp_path: Path):
    """systemd's credential is the key; then no key file is made."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "eisd.key").write_text("ab" * 32 + "\n")
    environ = {"CREDENTIALS_DIRECTORY": str(folder)}

    Secrets(path, environ=environ).put("a", b"one")

    assert Secrets(path, environ=environ).get("a") == b"one"
    assert not path.with_name("eisd.key").exists()


def test_the_index_key_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The same at every start; its loss is noticed (U1)."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    database, sealed = tmp_path / "eisd.db", tmp_path / "secrets.db"
    key = prepare(database, sealed).index_key()

    assert len(key) == 32
    assert prepare(database, sealed).index_key() == key
    assert not index_key_is_new(database, key)
    assert not index_key_is_new(database, key)
    assert index_key_is_new(database, bytes(32))
    assert not index_key_is_new(database, bytes(32))


def test_a_file_that_is_no_store_is_a_store_error(path: Path):
    """Never a traceback of the library's."""
    opened(path)
    path.write_bytes(b"garbage" * 1000)

    with pytest.raises(StoreError, match=r"secrets\.db"):
        opened(path)
