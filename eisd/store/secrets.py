"""Secrets that eisd itself has earned or was handed to keep: sealed, in a file of their own.

`secrets.db` lies beside the database with mode 0600; each value is sealed with AES-256-GCM under
the key of this installation, its name as associated data, so that a value moved to another name
does not open. The key comes from the systemd credential ``eisd.key``, else from the file
``eisd.key`` beside the database, made at the first run. `eisd.db` itself holds no secret.

The key of the index of unmatched mail (rule U1) is kept here too.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import stat
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from eisd.errors import ExitCode, StoreError, UserError
from eisd.store.owner import hand_over, make_file
from eisd.store.sql import now_ms

KEY_BYTES = 32
NONCE_BYTES = 12
INDEX_KEY = "index-key"
KEY_FILE = "eisd.key"
"""Beside the sealed store, unless systemd hands the key over."""


class Secrets:
    """The sealed store. Calls block for a moment (but for sealing): on the loop, use a thread."""

    def __init__(self, path: Path, *, environ: Mapping[str, str] | None = None) -> None:
        """Open the store at ``path``, making it and its key if need be.

        Raises:
            UserError: the key may not be used as it lies there.
            StoreError: the file cannot be opened.
        """
        self.path = path
        self._seal = AESGCM(_key(path, os.environ if environ is None else environ))
        with self._open() as db:
            db.execute(
                "CREATE TABLE IF NOT EXISTS secret (name TEXT PRIMARY KEY, value BLOB NOT NULL,"
                " updated_at INTEGER NOT NULL) STRICT, WITHOUT ROWID"
            )

    def get(self, name: str) -> bytes | None:
        """The secret of that name, or None.

        Raises:
            StoreError: it was sealed with another key, or somebody changed it.
        """
        with self._open() as db:
            row = db.execute("SELECT value FROM secret WHERE name = ?", (name,)).fetchone()
        if row is None:
            return None
        value = self.unseal(name, row[0])
        if value is None:
            raise StoreError(
                f"{self.path}: the secret {name!r} does not open with this installation's key; "
                f"restore {self.path.with_name('eisd.key')}, or store the secret again"
            )
        return value

    def put(self, name: str, value: bytes) -> None:
        """Keep a secret; it is durable when this returns."""
        self.put_all({name: value})

    def put_all(self, values: Mapping[str, bytes]) -> None:
        """Keep several at once, all or none."""
        now = now_ms()
        rows = [(name, self.seal(name, value), now) for name, value in values.items()]
        with self._open() as db:
            db.executemany("INSERT OR REPLACE INTO secret VALUES (?, ?, ?)", rows)

    def seal(self, name: str, value: bytes) -> bytes:
        """A value that only this installation can open, and only under this name."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._seal.encrypt(nonce, value, name.encode())

    def unseal(self, name: str, sealed: bytes) -> bytes | None:
        """What was sealed under a name; None for anything else."""
        try:
            return self._seal.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], name.encode())
        except (InvalidTag, ValueError):
            return None

    def delete(self, name: str) -> None:
        """Forget a secret."""
        with self._open() as db:
            db.execute("DELETE FROM secret WHERE name = ?", (name,))

    def index_key(self) -> bytes:
        """The key of the index, made at the first call."""
        return self.made(INDEX_KEY)

    def made(self, name: str) -> bytes:
        """A random key of that name, made at the first call."""
        key = self.get(name)
        if key is None:
            key = secrets.token_bytes(KEY_BYTES)
            self.put(name, key)
        return key

    def _open(self) -> _Connection:
        return _Connection(self.path)


class _Connection:
    """One short use of the file: committed when it went well, closed in any case."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> sqlite3.Connection:
        try:
            if not self._path.exists():
                self._path.touch(mode=0o600)
                hand_over(self._path)
            self._db = sqlite3.connect(self._path, timeout=5.0)
            self._db.execute("PRAGMA synchronous = FULL")
        except (OSError, sqlite3.Error) as exc:
            raise StoreError(f"{self._path}: {exc}") from exc
        return self._db

    def __exit__(self, kind: object, error: object, _: object) -> None:
        try:
            if kind is None:
                self._db.commit()
            elif isinstance(error, sqlite3.Error):
                raise error
        except sqlite3.Error as exc:
            raise StoreError(f"{self._path}: {exc}") from exc
        finally:
            self._db.close()


def _key(path: Path, environ: Mapping[str, str]) -> bytes:
    if directory := environ.get("CREDENTIALS_DIRECTORY"):
        given = Path(directory) / "eisd.key"
        if given.exists():
            return _parse(given.read_text(), given)
    file = path.with_name(KEY_FILE)
    if path.exists() and not file.exists():
        raise UserError(
            f"{path} is sealed with a key that is not here",
            hint=f"restore {file}, or run the command where systemd hands over the credential"
            " eisd.key: with the daemon, whose socket answers most of them",
            code=ExitCode.CONFIG,
        )
    if not file.exists():
        try:
            make_file(file, f"{secrets.token_hex(KEY_BYTES)}\n", mode=0o600)
        except FileExistsError:
            pass
        except OSError as exc:
            raise StoreError(f"{file}: {exc.strerror}") from exc
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UserError(
            f"{file} is open to others (mode {mode:04o})",
            hint=f"chmod 600 {file}",
            code=ExitCode.CONFIG,
        )
    return _parse(file.read_text(), file)


def _parse(text: str, source: Path) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise UserError(
            f"{source} holds no key: want 64 hexadecimal digits",
            hint="restore it from a backup; without it the stored secrets are lost",
            code=ExitCode.CONFIG,
        )
    return key
