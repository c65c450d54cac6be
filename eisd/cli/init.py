"""``eisd init``: a commented configuration, the state directory, the database and the keys."""

from __future__ import annotations

import os
import pwd
from contextlib import suppress
from pathlib import Path

import click

from eisd.cli import output
from eisd.cli.base import Command
from eisd.cli.context import Context
from eisd.config.load import load
from eisd.config.paths import SYSTEM_CONFIG, Paths, user_config
from eisd.errors import ExitCode, UserError

CONFIG_MODE = 0o640
STATE_MODE = 0o750
SERVICE_USER = "eisd"


@click.command("init", cls=Command, examples=["eisd init", "eisd init --dir ./mail"])
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the configuration and all state in this directory.",
)
@click.pass_obj
def init(context: Context, directory: Path | None) -> None:
    """Prepare this machine: configuration, database, keys. Does no harm when repeated."""
    path = _target(context, directory)
    _say(path, made=_write_config(path, with_state=directory is not None))
    paths = load(path).settings.paths
    _say(paths.state_dir, made=_make_state(paths.state_dir))
    existed = paths.database.exists()
    _prepare(paths)
    _say(paths.database, made=not existed)
    if path == SYSTEM_CONFIG:
        _give_to_service(path, paths)
    output.say("Next, connect a mailbox:")
    output.line(f"eisd {_option(path)}mailbox add you@example.org")


def _target(context: Context, directory: Path | None) -> Path:
    """Where the configuration goes: --dir, -c, $EISD_CONFIG, /etc for root, else the user's own."""
    if directory is not None:
        return directory.absolute() / "config.toml"
    if context.given is not None or os.environ.get("EISD_CONFIG"):
        return context.config_path.absolute()
    return SYSTEM_CONFIG if os.geteuid() == 0 else user_config(os.environ)


def _write_config(path: Path, *, with_state: bool) -> bool:
    """Write the commented configuration unless there is one; whether it was written."""
    from eisd.config.generate import example  # noqa: PLC0415 - only here
    from eisd.store.owner import make_file  # noqa: PLC0415

    text = example()
    if with_state:
        text = text.replace("[daemon]\n", '[daemon]\nstate_dir = "state"\n', 1)
    if path.exists():
        return False
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=STATE_MODE)
        make_file(path, text, mode=CONFIG_MODE)
    except OSError as error:
        raise _cannot_create(path, error) from None
    return True


def _make_state(directory: Path) -> bool:
    if directory.is_dir():
        return False
    try:
        directory.mkdir(parents=True, mode=STATE_MODE)
    except OSError as error:
        raise _cannot_create(directory, error) from None
    return True


def _prepare(paths: Paths) -> None:
    """Make the database and the keys where they are not there yet."""
    from eisd.store.setup import prepare  # noqa: PLC0415 - not needed before

    prepare(paths.database, paths.secrets_db).index_key()


def _give_to_service(path: Path, paths: Paths) -> None:
    """What root made is the daemon's: it runs as its own user where a package made one."""
    try:
        user = pwd.getpwnam(SERVICE_USER)
    except KeyError:
        return
    with suppress(PermissionError):
        os.chown(path, 0, user.pw_gid)
        for made in (paths.state_dir, *paths.state_dir.iterdir()):
            os.chown(made, user.pw_uid, user.pw_gid)


def _option(path: Path) -> str:
    """``-c FILE`` for the next command, where it would not look there by itself."""
    return "" if path in (SYSTEM_CONFIG, user_config(os.environ)) else f"-c {path} "


def _say(path: Path, *, made: bool) -> None:
    output.say(f"{'created' if made else 'kept':<8} {path}")


def _cannot_create(path: Path, error: OSError) -> UserError:
    return UserError(
        f"cannot create {path}: {error.strerror}",
        hint="choose another place with --dir, or run it as root",
        code=ExitCode.CANT_CREATE,
    )
