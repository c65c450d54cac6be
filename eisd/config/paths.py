"""Where files lie: the configuration itself, and the daemon's state."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from eisd.config.units import Listen

SYSTEM_CONFIG: Final = Path("/etc/eisd/config.toml")
DROP_INS: Final = "conf.d"
"""The directory beside the configuration whose files count too."""

MAX_FILE_BYTES: Final = 16 << 20
"""Of one file of the configuration; ten thousand mailboxes need a quarter of it."""

MAX_SOCKET_BYTES: Final = 100
"""The longest path of a Unix socket. Linux has room for 107 (unix(7)), others for 103."""


@dataclass(frozen=True, slots=True)
class Paths:
    """The daemon's files, all absolute."""

    state_dir: Path
    database: Path
    socket: Path | None
    """The first Unix socket of the API, by which commands reach the daemon."""
    secrets_db: Path
    """The sealed store, which also holds the key of the index of unmatched mail (rule U1)."""

    @classmethod
    def of(cls, state_dir: Path, database: Path, listen: Sequence[Listen]) -> Paths:
        """The paths that follow from the settings."""
        database = state_dir / database
        return cls(
            state_dir=state_dir,
            database=database,
            socket=first_socket(listen),
            secrets_db=database.parent / "secrets.db",
        )


def first_socket(listen: Sequence[Listen]) -> Path | None:
    """The Unix socket by which commands reach the daemon."""
    return next((Path(at.path) for at in listen if at.is_unix), None)


def user_config(environ: Mapping[str, str]) -> Path:
    """A user's own configuration (XDG Base Directory Specification)."""
    base = environ.get("XDG_CONFIG_HOME", "")
    return (Path(base) if base.startswith("/") else _home(environ) / ".config") / "eisd/config.toml"


def default_path(environ: Mapping[str, str] | None = None) -> Path:
    """Which configuration to read when none is named on the command line.

    $EISD_CONFIG, else /etc/eisd/config.toml, else the user's own.
    """
    env = os.environ if environ is None else environ
    if named := env.get("EISD_CONFIG"):
        return Path(named)
    if os.path.lexists(SYSTEM_CONFIG):  # one that may not be read is said, not passed over
        return SYSTEM_CONFIG
    return user_config(env)


def default_state_dir(config: Path | None = None, environ: Mapping[str, str] | None = None) -> Path:
    """Where state lies when the configuration does not say."""
    env = os.environ if environ is None else environ
    if given := env.get("STATE_DIRECTORY", "").split(":")[0]:  # systemd lists them with colons
        return Path(given)
    if config is not None and config.is_relative_to("/etc"):
        return Path("/var/lib/eisd")
    base = env.get("XDG_STATE_HOME", "")
    return (Path(base) if base.startswith("/") else _home(env) / ".local/state") / "eisd"


def default_listen(
    config: Path, state_dir: Path, environ: Mapping[str, str] | None = None
) -> Listen:
    """The API's socket when the configuration does not say."""
    env = os.environ if environ is None else environ
    if given := env.get("RUNTIME_DIRECTORY", "").split(":")[0]:
        return Listen(path=f"{given}/api.sock")
    if config.is_relative_to("/etc"):
        return Listen(path="/run/eisd/api.sock")
    return Listen(path=str(state_dir / "api.sock"))


def places(
    config: Path,
    state_dir: Path | None,
    listen: tuple[Listen, ...] | None,
    environ: Mapping[str, str] | None = None,
) -> tuple[Path, tuple[Listen, ...]]:
    """Where state lies and where the API listens, of what the configuration says of them."""
    given = config.parent / state_dir if state_dir else default_state_dir(config, environ)
    return given, (default_listen(config, given, environ),) if listen is None else listen


def read_file(path: Path) -> bytes:
    """A file of the configuration; OSError also where it is larger than one may be."""
    with path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise OSError(errno.EFBIG, f"it is larger than {MAX_FILE_BYTES >> 20} MiB")
    return data


def sync(path: Path) -> None:
    """Have a file, or a directory's entries, on the disk: a rename needs it of the directory."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def drop_ins(files: Iterable[Path]) -> list[Path]:
    """Those that count as drop-ins, in the order in which they count.

    ``*.toml`` in byte order; names that begin with a dot are files being written.
    """
    wanted = [file for file in files if file.suffix == ".toml" and not file.name.startswith(".")]
    return sorted(wanted, key=lambda file: os.fsencode(file.name))


def _home(environ: Mapping[str, str]) -> Path:
    home = environ.get("HOME", "")
    return Path(home) if home.startswith("/") else Path.home()
