"""``eisd mailbox add``: test the login, keep the secret, write the drop-in, tell the daemon."""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eisd.cli import output
from eisd.cli.base import Command
from eisd.cli.context import Context
from eisd.cli.mailbox_test import outcome, shown
from eisd.cli.reach import reload_if_running
from eisd.errors import ExitCode, UserError

if TYPE_CHECKING:
    from eisd.config.paths import Paths

TLS = ("implicit", "starttls", "none")


@click.command(
    "add",
    cls=Command,
    examples=[
        "eisd mailbox add you@example.org",
        "eisd mailbox add sales@example.org --host imap.example.org --password-stdin < secret",
    ],
)
@click.argument("address")
@click.option("--name", help="What to call it (default: the address before the @).")
@click.option("--driver", default="imap", show_default=True, help="Which driver speaks to it.")
@click.option("--host", help="The IMAP server.")
@click.option("--port", type=click.IntRange(1, 65_535), help="Default: 993, or 143 with STARTTLS.")
@click.option("--tls", type=click.Choice(TLS), help="Default: implicit.")
@click.option("--username", help="Default: the address.")
@click.option("--ca-file", type=click.Path(dir_okay=False, path_type=Path), help="Trust this CA.")
@click.option("--smtp-host", help="The server that takes mail to be sent.")
@click.option("--smtp-port", type=click.IntRange(1, 65_535))
@click.option("--smtp-tls", type=click.Choice(TLS))
@click.option("--workspace", "workspaces", multiple=True, help="A workspace it feeds; repeatable.")
@click.option("--window", help='How far back the first sync goes, such as "3m" or "all".')
@click.option("--owner", help="Whose it is.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option(
    "--password-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Refer to this file (mode 0600) instead of storing the password.",
)
@click.option("--no-test", is_flag=True, help="Do not log in first.")
@click.pass_obj
def add(context: Context, /, **given: Any) -> ExitCode:
    """Connect a mailbox: log in once, store the secret sealed, write conf.d, tell the daemon.

    Nothing is written when the login fails; the exit codes are those of `mailbox test`.
    """
    name = given["name"] or _name_of(given["address"])
    if name in context.loaded.settings.mailboxes:
        raise UserError(
            f"a mailbox called {name!r} is configured already",
            hint="give this one another name: --name",
            code=ExitCode.USAGE,
        )
    given["host"] = given["host"] or _ask_host(given["address"])
    password = _password(given)
    table = _table(given)
    if not given["no_test"]:
        code = _try(given["driver"], table, given["address"], password)
        if code is not ExitCode.OK:
            output.say("nothing was written")
            return code
    _write(context, name, given, table, password)
    return ExitCode.OK


def dropin_name(name: str) -> str:
    """The name of a mailbox's drop-in in ``conf.d``."""
    return f"mailbox-{name}"


def secret_name(name: str, driver: str) -> str:
    """Under which name the sealed store keeps a mailbox's password."""
    return f"{name}.{driver}.password"


def forget_secret(paths: Paths, name: str, driver: str) -> None:
    """Take a mailbox's password out of the sealed store."""
    from eisd.store.secrets import Secrets  # noqa: PLC0415 - cryptography is slow to import

    Secrets(paths.secrets_db).delete(secret_name(name, driver))


def _name_of(address: str) -> str:
    """The address before the @ as a name: a-z, 0-9, dot, underscore, hyphen."""
    local = re.sub(r"[^a-z0-9._-]+", "-", address.partition("@")[0].lower()).strip("._-")
    if not local or "@" not in address:
        raise UserError(f"want an address such as you@example.org, got {address!r}")
    return local


def _ask_host(address: str) -> str:
    guess = f"imap.{address.rpartition('@')[2]}"
    if not sys.stdin.isatty():
        raise UserError(
            "which server?", hint=f"say --host, for example --host {guess}", code=ExitCode.USAGE
        )
    host: str = click.prompt("IMAP server", default=guess, err=True)
    return host


def _password(given: dict[str, Any]) -> str:
    """The password, to log in with; from a file, from standard input, or asked for."""
    if given["password_file"] is not None:
        from eisd.config.secrets import SecretRef, resolve  # noqa: PLC0415

        file = given["password_file"] = given["password_file"].absolute()
        return resolve(
            SecretRef(file=str(file)), where="--password-file", base_dir=file.parent
        ).reveal()
    if given["password_stdin"]:
        password = sys.stdin.read().removesuffix("\n").removesuffix("\r")
    elif sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, err=True)
    else:
        raise UserError(
            "no password is given",
            hint="say --password-stdin or --password-file, or run it on a terminal",
            code=ExitCode.USAGE,
        )
    if not password:
        raise UserError("the password is empty", code=ExitCode.USAGE)
    return password


def _table(given: dict[str, Any]) -> dict[str, Any]:
    """The driver's tables of the mailbox."""
    file = given["password_file"]
    password = {"store": True} if file is None else {"file": str(file)}
    ca_file = None if given["ca_file"] is None else str(given["ca_file"].absolute())
    server = {
        "host": given["host"],
        "port": given["port"],
        "tls": given["tls"],
        "username": given["username"],
        "ca_file": ca_file,
        "password": password,
    }
    tables = {given["driver"]: server}
    if given["smtp_host"]:
        tables["smtp"] = {
            "host": given["smtp_host"],
            "port": given["smtp_port"],
            "tls": given["smtp_tls"],
            "username": given["username"],
            "ca_file": ca_file,
            "password": {"same_as": given["driver"]},
        }
    return {
        name: {key: value for key, value in table.items() if value is not None}
        for name, table in tables.items()
    }


class _Given:
    """The password at hand, as a driver asks for it."""

    def __init__(self, password: str) -> None:
        self._password = password

    async def password(self, _table: str = "") -> str:
        return self._password

    async def access_token(self, *, refused: str = "") -> str:
        del refused
        raise UserError("this driver signs in with OAuth, due later", code=ExitCode.CONFIG)


def _try(driver: str, table: dict[str, Any], address: str, password: str) -> ExitCode:
    """Log in, showing the steps as they are taken."""
    import asyncio  # noqa: PLC0415

    from eisd.driver.interface import OptionsError  # noqa: PLC0415
    from eisd.driver.registry import discover  # noqa: PLC0415

    found = discover().get(driver)
    try:
        options = found.options(table, address=address)
    except OptionsError as error:
        told = "\n".join(
            f"{'.'.join(p.path)}: {p.message}" + (f" ({p.hint})" if p.hint else "")
            for p in error.problems
        )
        raise UserError(told, code=ExitCode.CONFIG) from error
    steps: list[dict[str, Any]] = []

    async def probe() -> None:
        async for step in found.probe(options, _Given(password)):
            steps.append(asdict(step))
            output.say(shown(steps[-1]))

    asyncio.run(probe())
    return outcome(steps)


def _write(
    context: Context, name: str, given: dict[str, Any], table: dict[str, Any], password: str
) -> None:
    from eisd.config.write import write_dropin  # noqa: PLC0415
    from eisd.driver.registry import discover  # noqa: PLC0415

    paths = context.loaded.settings.paths
    if given["password_file"] is None:
        _store(paths, secret_name(name, given["driver"]), password)
    box: dict[str, Any] = {"address": given["address"]}
    if given["driver"] != "imap":
        box["driver"] = given["driver"]
    for key in ("window", "owner"):
        if given[key]:
            box[key] = given[key]
    if given["workspaces"]:
        box["workspaces"] = list(given["workspaces"])
    try:
        file = write_dropin(
            context.config_path,
            dropin_name(name),
            {"mailboxes": {name: {**box, **table}}},
            check_driver=discover().check,
        )
    except BaseException:
        if given["password_file"] is None:
            forget_secret(paths, name, given["driver"])
        raise
    output.say(f"{name} is configured in {file}")
    if reload_if_running(context):
        output.say(f"the daemon has it; see: eisd status {name}")
    else:
        output.say("the daemon is not running; start it: systemctl start eisd, or: eisd run")


def _store(paths: Paths, name: str, password: str) -> None:
    """Seal the password in the store; what root makes belongs to whom the state belongs to."""
    from eisd.store.secrets import Secrets  # noqa: PLC0415

    paths.secrets_db.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = os.umask(0o077)
    try:
        Secrets(paths.secrets_db).put(name, password.encode())
    finally:
        os.umask(before)
    if os.geteuid() == 0:
        owner = paths.state_dir.stat()
        for file in (paths.secrets_db, paths.secrets_db.with_name("eisd.key")):
            with suppress(OSError):
                os.chown(file, owner.st_uid, owner.st_gid)
