"""The host: clock, open files, disk, permissions, database, write-ahead log. Reads only."""

from __future__ import annotations

import ctypes
import re
import resource
import shutil
import stat
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from eisd.config.paths import Paths
from eisd.doctor.finding import Finding, Grade
from eisd.errors import StoreError
from eisd.store.database import connect
from eisd.store.migrations import pending
from eisd.store.secrets import KEY_FILE

MB: Final = 1 << 20
FREE_ERROR: Final = 100 * MB
FREE_WARNING: Final = 1024 * MB
WAL_WARNING: Final = 256 * MB
FILES_EACH: Final = 4
"""Descriptors a mailbox may need: two connections, and some room."""
FILES_BASE: Final = 128
NETWORK: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "fuse.glusterfs"})
"""File systems on which SQLite's locks do not hold (sqlite.org/howtocorrupt.html)."""
_TIME_ERROR: Final = 5
"""adjtimex(2): the clock is not synchronised."""


def look(paths: Paths, *, mailboxes: int, daemon: int | None) -> Iterator[Finding]:
    """Everything about the host. ``daemon``: the process id of a running one."""
    yield clock()
    yield files(mailboxes, daemon)
    yield from disk(paths.database.parent)
    yield from permissions(paths)
    yield from database(paths.database)


def clock() -> Finding:
    """Whether the clock is kept right: tokens, certificates and windows depend on it."""
    state = -1
    with suppress(OSError, AttributeError):
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    if state == _TIME_ERROR:
        text = "the clock is not synchronised; tokens and certificates depend on it"
        return Finding("host", "clock", "clock", Grade.WARNING, text, "timedatectl set-ntp true")
    if state < 0:
        return Finding("host", "clock", "clock", Grade.NOTE, "the kernel does not say whether it "
                       "is synchronised")  # fmt: skip
    return Finding("host", "clock", "clock", Grade.OK, "the clock is synchronised")


def files(mailboxes: int, daemon: int | None) -> Finding:
    """Whether the daemon may open as many files as its mailboxes need."""
    need = FILES_BASE + FILES_EACH * mailboxes
    whose, limit = "this shell", resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if daemon is not None and (found := _limit_of(daemon)) is not None:
        whose, limit = "the daemon", found
    text = f"{whose} may open {limit} files; {mailboxes} mailboxes need up to {need}"
    if limit >= need or limit == resource.RLIM_INFINITY:
        return Finding("host", "files", "files", Grade.OK, text)
    fix = f"systemctl edit eisd: [Service] LimitNOFILE={max(need * 2, 4096)}"
    return Finding("host", "files", "files", Grade.ERROR, text, fix)


def _limit_of(pid: int) -> int | None:
    try:
        text = Path(f"/proc/{pid}/limits").read_text(encoding="ascii")
    except OSError:
        return None
    found = re.search(r"^Max open files\s+(\d+)", text, re.MULTILINE)
    return int(found[1]) if found else None


def disk(directory: Path) -> Iterator[Finding]:
    """Whether there is room, on a file system that a database may lie on."""
    place = next((one for one in (directory, *directory.parents) if one.exists()), Path("/"))
    free = shutil.disk_usage(place).free
    text = f"{free // MB} MB are free"
    grade, fix = Grade.OK, ""
    if free < FREE_WARNING:
        grade = Grade.ERROR if free < FREE_ERROR else Grade.WARNING
        fix = "make room, or move the state: [daemon] state_dir"
    yield Finding("host", str(directory), "disk", grade, text, fix)
    kind = _file_system(place)
    if kind in NETWORK:
        text = f"it lies on {kind}, where the locks of a database do not hold"
        fix = "move it to a local disk: [daemon] state_dir"
        yield Finding("host", str(directory), "filesystem", Grade.ERROR, text, fix)


def _file_system(place: Path) -> str:
    """The kind of file system a path lies on; empty when the system does not say."""
    best, kind = "", ""
    with suppress(OSError):
        for line in Path("/proc/mounts").read_text(encoding="utf-8", errors="replace").splitlines():
            _, mount, found, *_ = line.split()
            if f"{place}/".startswith(f"{mount.rstrip('/')}/") and len(mount) >= len(best):
                best, kind = mount, found
    return kind


def permissions(paths: Paths) -> Iterator[Finding]:
    """Whether anybody else may read what is nobody else's."""
    key = paths.secrets_db.with_name(KEY_FILE)
    wanted = ((paths.state_dir, 0o027), (paths.database, 0o007), (paths.secrets_db, 0o077))
    clean = True
    for path, forbidden in (*wanted, (key, 0o077)):
        try:
            facts = path.stat()
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                yield _denied(path, error)
                clean = False
            continue
        if stat.S_IMODE(facts.st_mode) & forbidden:
            clean = False
            mode = stat.S_IMODE(facts.st_mode)
            text = f"mode {mode:04o} lets others in"
            fix = f"chmod {mode & ~forbidden:04o} {path}"
            yield Finding("host", str(path), "permissions", Grade.ERROR, text, fix)
    yield from _owner(paths)
    if clean:
        text = "what is nobody else's is closed to others"
        yield Finding("host", str(paths.state_dir), "permissions", Grade.OK, text)


def _owner(paths: Paths) -> Iterator[Finding]:
    """A file of another owner than its directory was made by a command run as the wrong user."""
    with suppress(OSError):
        home = paths.state_dir.stat()
        for path in (paths.database, paths.secrets_db, paths.secrets_db.with_name(KEY_FILE)):
            if path.exists() and path.stat().st_uid != home.st_uid:
                text = f"it belongs to uid {path.stat().st_uid}, its directory to {home.st_uid}"
                fix = f"chown --reference={paths.state_dir} {path}*"
                yield Finding("host", str(path), "owner", Grade.ERROR, text, fix)


def _denied(path: Path, error: OSError) -> Finding:
    text = f"it cannot be looked at: {error.strerror}"
    fix = "run it as the daemon's user: sudo -u eisd eisd doctor"
    return Finding("host", str(path), "permissions", Grade.WARNING, text, fix)


def database(path: Path) -> Iterator[Finding]:
    """Whether the database opens, is of this version, and keeps its log short."""
    try:
        size = path.stat().st_size // MB
    except FileNotFoundError:
        text = "there is no database yet; the first command that needs it makes it"
        yield Finding("host", str(path), "database", Grade.NOTE, text)
        return
    except OSError:
        return  # `permissions` has said it
    try:
        with closing(connect(path, readonly=True)) as db:
            steps = pending(db)
    except StoreError as error:
        fix = "eisd db check, then restore a backup: eisd restore FILE"
        yield Finding("host", str(path), "database", Grade.ERROR, str(error), fix)
        return
    if steps:
        text = f"{len(steps)} migrations are due; the next start of the daemon applies them"
        yield Finding("host", str(path), "database", Grade.NOTE, text, "eisd db migrate")
    else:
        yield Finding("host", str(path), "database", Grade.OK, f"{size} MB, of this version")
    yield _log(path)


def _log(path: Path) -> Finding:
    wal = path.with_name(f"{path.name}-wal")
    size = wal.stat().st_size if wal.exists() else 0
    text = f"the write-ahead log has {size // MB} MB"
    if size < WAL_WARNING:
        return Finding("host", str(wal), "wal", Grade.OK, text)
    text += "; a program that reads the database for long keeps it from being taken in"
    holders = ", ".join(map(str, _open_by(path))) or "unknown"
    fix = f"end what reads it (process ids that have it open: {holders}), then: eisd db vacuum"
    return Finding("host", str(wal), "wal", Grade.WARNING, text, fix)


def _open_by(path: Path) -> list[int]:
    """Processes that have a file open, as far as we may see."""
    found = []
    wanted = path.stat()
    for process in Path("/proc").iterdir():
        if not process.name.isdecimal():
            continue
        with suppress(OSError):
            for fd in (process / "fd").iterdir():
                facts = fd.stat()
                if (facts.st_dev, facts.st_ino) == (wanted.st_dev, wanted.st_ino):
                    found.append(int(process.name))
                    break
    return sorted(found)
