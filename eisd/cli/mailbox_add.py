"""``eisd mailbox add``: find the servers, sign in, keep the secret, show the mailbox work."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from eisd.cli import output
from eisd.cli.base import Command
from eisd.cli.context import Context
from eisd.cli.mailbox_find import Servers, find
from eisd.cli.mailbox_first import first_activity
from eisd.cli.mailbox_secret import (
    OAUTH_PROVIDERS,
    forget_secret,
    keep_secret,
    password_of,
    secret_name,
    secret_table,
)
from eisd.cli.mailbox_test import outcome, shown
from eisd.cli.reach import reload_if_running
from eisd.errors import ExitCode, UserError

TLS = ("implicit", "starttls", "none")
WAIT = 60.0


@click.command(
    "add",
    cls=Command,
    examples=[
        "eisd mailbox add you@example.org",
        "eisd mailbox add sales@example.org --host imap.example.org --password-stdin < secret",
        "eisd mailbox add ceo@example.org --app corp --device",
    ],
)
@click.argument("address")
@click.option("--name", help="What to call it (default: the address before the @).")
@click.option("--driver", help="Which driver speaks to it (default: what is discovered).")
@click.option("--host", help="The IMAP server (default: what is discovered).")
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
@click.option("--app", help="Sign in with OAuth, by this [oauth.NAME].")
@click.option("--browser", "way", flag_value="browser", help="Of OAuth: open a browser.")
@click.option("--device", "way", flag_value="device", help="Of OAuth: type a code elsewhere.")
@click.option("--paste", "way", flag_value="paste", help="Of OAuth: paste the address back.")
@click.option(
    "--signed-in-as", default="", metavar="ADDRESS", help="Of OAuth: who opens a shared mailbox."
)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option(
    "--password-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Refer to this file (mode 0600) instead of storing the password.",
)
@click.option(
    "--contacts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="First import these contacts (.csv, .jsonl or .vcf).",
)
@click.option("--yes", is_flag=True, help="Sign in to another domain, if discovery leads there.")
@click.option("--no-input", is_flag=True, help="Never ask anything.")
@click.option("--no-test", is_flag=True, help="Do not log in first.")
@click.option(
    "--wait",
    "seconds",
    type=click.FloatRange(0),
    default=WAIT,
    show_default=True,
    help="Seconds to wait for the first activity.",
)
@click.pass_obj
def add(context: Context, /, **given: Any) -> ExitCode:
    """Connect a mailbox: find its servers, sign in, keep the secret, and show it work.

    The servers come from what is known of the provider, else from autoconfig, the ISPDB, MX and
    SRV records, or a guess; each step is shown. Nothing is written when the login fails; the exit
    codes are those of `mailbox test`. No password is sent without TLS, nor, unless you say so, to
    another domain than the address's.
    """
    name = given["name"] or _name_of(given["address"])
    if name in context.loaded.settings.mailboxes:
        raise UserError(
            f"a mailbox called {name!r} is configured already",
            hint="give this one another name: --name",
            code=ExitCode.USAGE,
        )
    servers = find(given)
    app = given["app"] = _app(context, given, servers)
    if given["contacts"] is not None:
        _import(given["contacts"])
    if app:
        code = _by_oauth(context, name, given, servers, app)
    else:
        code = _by_password(context, name, given, servers)
    if code is not ExitCode.OK or not _tell_daemon(context, name) or not given["seconds"]:
        return code
    return first_activity(context, name, given["seconds"])


def _by_password(context: Context, name: str, given: dict[str, Any], servers: Servers) -> ExitCode:
    """Log in with a password, and write what worked."""
    password = password_of(given, servers)
    tables = _tables(given, servers)
    if not given["no_test"]:
        code = _try(servers.driver, tables, given["address"], password)
        if code is not ExitCode.OK:
            output.say("nothing was written")
            return code
    stored = given["password_file"] is None
    paths, secret = context.loaded.settings.paths, secret_name(name, servers.driver)
    if stored:
        keep_secret(paths, secret, password)
    try:
        _write(context, name, given, servers, tables)
    except BaseException:
        if stored:
            forget_secret(paths, name, servers.driver)
        raise
    return ExitCode.OK


def _by_oauth(
    context: Context, name: str, given: dict[str, Any], servers: Servers, app: str
) -> ExitCode:
    """Have somebody sign in, then write the mailbox and try it."""
    from eisd.cli.auth_login import login  # noqa: PLC0415 - only here

    code = click.get_current_context().invoke(
        login,
        name=name,
        way=given["way"],
        app=app,
        address=given["address"],
        accept=given["signed_in_as"],
        client_secret_stdin=False,
    )
    if code is ExitCode.OK:
        _write(context, name, given, servers, {**_tables(given, servers), "oauth": {"app": app}})
    return ExitCode(code)


def _app(context: Context, given: dict[str, Any], servers: Servers) -> str:
    """The application to sign in with; empty: a password it is."""
    if given["app"]:
        return str(given["app"])
    wanted = OAUTH_PROVIDERS.get(servers.driver)
    apps = context.loaded.settings.oauth
    fitting = [name for name, one in apps.items() if one.provider == wanted]
    by_password = given["password_stdin"] or given["password_file"] is not None
    if by_password and servers.driver != "microsoft":
        return ""
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = ", ".join(fitting)
        raise UserError(f"which application? {names}", hint=f"--app {fitting[0]}")
    if servers.driver == "microsoft":
        raise UserError(
            "Microsoft takes no password: the mailbox signs in with OAuth, and no application of"
            " yours is configured",
            hint="register one (docs/guides/microsoft.md), write [oauth.NAME] with provider ="
            ' "microsoft" and its client_id, then: eisd mailbox add ADDRESS --app NAME',
            code=ExitCode.CONFIG,
        )
    return ""


def _import(file: Path) -> None:
    """Import the contacts first, so that the first sync finds them."""
    from eisd.cli.contacts import import_  # noqa: PLC0415 - only here

    click.get_current_context().invoke(
        import_,
        file=file,
        workspace="default",
        format_=None,
        dry_run=False,
        replace=False,
        skip_bad=False,
        as_json=False,
    )


def dropin_name(name: str) -> str:
    """The name of a mailbox's drop-in in ``conf.d``."""
    return f"mailbox-{name}"


def _name_of(address: str) -> str:
    """The address before the @ as a name: a-z, 0-9, dot, underscore, hyphen."""
    local = re.sub(r"[^a-z0-9._-]+", "-", address.partition("@")[0].lower()).strip("._-")
    if not local or "@" not in address:
        raise UserError(f"want an address such as you@example.org, got {address!r}")
    return local


def _tables(given: dict[str, Any], servers: Servers) -> dict[str, Any]:
    """The driver's tables of the mailbox."""
    file = given["password_file"]
    table = secret_table(servers.driver)
    password = {"store": True} if file is None else {"file": str(file)}
    oauth = bool(given["app"])
    ca_file = None if given["ca_file"] is None else str(given["ca_file"].absolute())
    imap = {
        "host": given["host"] or (servers.imap and servers.imap.host),
        "port": given["port"] or (servers.imap and servers.imap.port),
        "tls": given["tls"] or (servers.imap and servers.imap.tls),
        "username": given["username"] or servers.username,
        "ca_file": ca_file,
        "password": None if oauth else password,
    }
    smtp = {
        "host": given["smtp_host"] or (servers.smtp and servers.smtp.host),
        "port": given["smtp_port"] or (servers.smtp and servers.smtp.port),
        "tls": given["smtp_tls"] or (servers.smtp and servers.smtp.tls),
        "username": given["username"],
        "ca_file": ca_file,
        "password": None if oauth else {"same_as": table},
    }
    tables = {table: imap, "smtp": smtp if smtp["host"] else {}}
    found = {
        name: {key: value for key, value in keys.items() if value is not None}
        for name, keys in tables.items()
    }
    return {name: keys for name, keys in found.items() if keys}


class _Given:
    """The password at hand, as a driver asks for it."""

    def __init__(self, password: str) -> None:
        self._password = password

    async def password(self, _table: str = "") -> str:
        return self._password

    async def access_token(self, *, refused: str = "") -> str:
        del refused
        raise UserError("this mailbox signs in with a password", code=ExitCode.CONFIG)


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
    context: Context, name: str, given: dict[str, Any], servers: Servers, tables: dict[str, Any]
) -> None:
    """Write the drop-in, unless the configuration would be refused with it."""
    from eisd.config.write import write_dropin  # noqa: PLC0415
    from eisd.driver.registry import discover  # noqa: PLC0415

    box: dict[str, Any] = {"address": given["address"]}
    if servers.driver != "imap":
        box["driver"] = servers.driver
    for key in ("window", "owner"):
        if given[key]:
            box[key] = given[key]
    if given["workspaces"]:
        box["workspaces"] = list(given["workspaces"])
    file = write_dropin(
        context.config_path,
        dropin_name(name),
        {"mailboxes": {name: {**box, **tables}}},
        check_driver=discover().check,
    )
    output.say(f"{name} is configured in {file}")


def _tell_daemon(context: Context, name: str) -> bool:
    """Let the daemon take it up; False when none runs."""
    if reload_if_running(context):
        output.say(f"the daemon has it; see: eisd status {name}")
        return True
    output.say("the daemon is not running; start it: systemctl start eisd, or: eisd run")
    return False
