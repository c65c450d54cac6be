"""Copies of the database while it is in use, checked before they are called a backup."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from contextlib import closing, suppress
from pathlib import Path

from eisd.config.paths import sync
from eisd.errors import EisdError, ExitCode, StoreError, UserError
from eisd.store.database import connect, create
from eisd.store.owner import hand_over

SECRETS_SUFFIX = ".secrets"
"""The sealed secrets, the index key among them, lie beside a backup under its name and this."""

_LOGS = ("-wal", "-shm")
_DAMAGE = ("SQLITE_CORRUPT", "SQLITE_NOTADB")


def backup(database: Path, secrets_db: Path, target: Path) -> int:
    """Write a copy of the database, whole and checked, and of the sealed secrets; return its size.

    Nothing is overwritten. The database comes last, so that a file of that name is a whole backup,
    whatever happens on the way. Blocks; the daemon may go on writing meanwhile.

    Raises:
        UserError: (66) there is no database; (73) ``target`` exists or cannot be made.
        StoreError: the copy is damaged, or the disk is full; nothing of it is left.
    """
    if not database.exists():
        raise UserError(f"there is no database at {database}", code=ExitCode.NO_INPUT)
    beside = target.with_name(target.name + SECRETS_SUFFIX)
    for one in (target, beside):
        if os.path.lexists(one):  # False, too, where nobody lets us look: then the copy says it
            raise UserError(f"{one} exists already", code=ExitCode.CANT_CREATE)
    if secrets_db.exists():
        _copy(secrets_db, beside)
    try:
        size = _copy(database, target)
    except EisdError:
        beside.unlink(missing_ok=True)
        raise
    with suppress(OSError):  # whoever may only read may make backups, too
        _stamp(database).touch(mode=0o600)
        hand_over(_stamp(database))
    return size


def last_backup(database: Path) -> float | None:
    """When the last good backup was written, in seconds since 1970. Blocks for a moment."""
    try:
        return _stamp(database).stat().st_mtime
    except OSError:
        return None


def _stamp(database: Path) -> Path:
    """An empty file whose time is that of the last backup."""
    return database.with_name(f"{database.name}.last-backup")


def restore(source: Path, database: Path, secrets_db: Path) -> list[Path]:
    """Put a backup in the database's place; return where what was there lies now.

    The copies are checked, and brought to this version's schema, before anything is replaced. The
    caller holds the database's lock.

    Raises:
        UserError: (66) there is no such file; (65) it is no backup of ours.
        StoreError: it is damaged, or a newer eisd's, or the disk is full; nothing has changed.
    """
    if not source.is_file():
        raise UserError(f"there is no file {source}", code=ExitCode.NO_INPUT)
    pairs = [(source, database)]
    beside = source.with_name(source.name + SECRETS_SUFFIX)
    if beside.is_file():
        pairs.append((beside, secrets_db))
    drafts = [target.with_name(f".{target.name}.restore") for _, target in pairs]
    try:
        for (given, target), draft in zip(pairs, drafts, strict=True):
            _draft(given, target, draft)
        _prepare(source, drafts[0])
        kept = [_replace(draft, one[1]) for draft, one in zip(drafts, pairs, strict=True)]
    finally:
        for draft in drafts:
            for suffix in ("", *_LOGS):
                draft.with_name(draft.name + suffix).unlink(missing_ok=True)
    return [one for one in kept if one is not None]


def _draft(source: Path, target: Path, draft: Path) -> None:
    """A copy of a backup's file beside the place it goes to, checked, with its owner and mode."""
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(source, draft)
        draft.chmod(0o640 if target.suffix == ".db" and target.name != "secrets.db" else 0o600)
        hand_over(draft)
        sync(draft)
    except OSError as exc:
        raise StoreError(f"{draft}: {exc.strerror}") from exc
    with closing(_open(draft)) as db:
        _check(db, source)


def _prepare(source: Path, draft: Path) -> None:
    """See that it is a database of ours, and bring it to this version's schema."""
    with closing(_open(draft)) as db:
        tables = {row[0] for row in db.execute("SELECT name FROM sqlite_schema")}
    if not {"mailbox", "activity", "copy"} <= tables:
        raise UserError(f"{source} is no backup of eisd", code=ExitCode.DATA)
    create(draft)
    with closing(connect(draft)) as db:  # one file, to be put in place by its name alone
        db.execute("PRAGMA journal_mode = DELETE")
    sync(draft)


def check(database: Path) -> list[str]:
    """What is wrong with a database, a line each; nothing is good. Blocks, minutes if large.

    Raises:
        StoreError: it cannot be opened, for another reason than damage.
    """
    try:
        with closing(connect(database, readonly=True)) as db:
            found = [str(row[0]) for row in db.execute("PRAGMA integrity_check(20)")]
            broken = db.execute("PRAGMA foreign_key_check").fetchmany(20)
    except (StoreError, sqlite3.DatabaseError) as error:
        cause = error.__cause__ if isinstance(error, StoreError) else error
        if getattr(cause, "sqlite_errorname", "") in _DAMAGE:
            return [str(cause)]
        raise
    problems = [] if found == ["ok"] else found
    return problems + [f"{row[0]} row {row[1]} refers to a missing {row[2]}" for row in broken]


def vacuum(database: Path) -> tuple[int, int]:
    """Give free pages back to the disk; return octets before and after. Needs the lock.

    Raises:
        StoreError: the database is damaged, or there is no room for its copy.
    """
    before = database.stat().st_size
    with closing(connect(database)) as db:
        try:
            db.execute("VACUUM")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            db.execute("PRAGMA optimize")
        except sqlite3.Error as exc:
            raise StoreError(f"{database}: {exc}") from exc
    return before, database.stat().st_size


def _copy(source: Path, target: Path) -> int:
    """One file, by SQLite's own backup, in place by a rename; mode 0600."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.absolute().parent)
    except OSError as exc:
        raise UserError(
            f"cannot create {target}: {exc.strerror}", code=ExitCode.CANT_CREATE
        ) from exc
    os.close(handle)
    draft = Path(name)
    try:
        with closing(_open(source)) as old, closing(sqlite3.connect(draft)) as new:
            old.backup(new)
            new.execute("PRAGMA journal_mode = DELETE")  # one file, whoever opens it
            _check(new, draft)
        sync(draft)
        draft.rename(target)
        sync(target.absolute().parent)
    except sqlite3.Error as exc:
        raise StoreError(f"{source} to {target}: {exc}") from exc
    except OSError as exc:
        raise StoreError(f"{target}: {exc.strerror}") from exc
    finally:
        draft.unlink(missing_ok=True)
    return target.stat().st_size


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


def _check(db: sqlite3.Connection, path: Path) -> None:
    try:
        (answer,) = db.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as exc:
        raise StoreError(f"{path}: {exc}") from exc
    if answer != "ok":
        raise StoreError(f"{path} is damaged: {answer}")


def _replace(draft: Path, target: Path) -> Path | None:
    """Put a draft in place; what was there is kept beside it."""
    kept: Path | None = None
    if target.exists():
        kept = target.with_name(f"{target.name}.before-restore")
        with suppress(sqlite3.Error), closing(sqlite3.connect(target)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # whatever its log holds goes along
        target.replace(kept)
    for suffix in _LOGS:
        log = target.with_name(target.name + suffix)
        if kept is not None and log.exists():  # a damaged database keeps what could not be read
            log.replace(kept.with_name(kept.name + suffix))
        log.unlink(missing_ok=True)
    draft.rename(target)
    sync(target.parent)
    return kept
