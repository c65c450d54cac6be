"""``eisd auth login``: what to register, then the sign-in by the way that can work here."""

from __future__ import annotations

import getpass
import os
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from eisd.cli import output
from eisd.cli.auth_browser import by_browser, by_paste
from eisd.cli.base import Command
from eisd.cli.context import Context
from eisd.cli.reach import act, path
from eisd.errors import ExitCode, UserError

if TYPE_CHECKING:
    from eisd.wire.oauth import App

SECONDS = 120.0
WAYS = ("browser", "device", "paste")


@click.command(
    "login",
    cls=Command,
    examples=[
        "eisd auth login sales",
        "eisd auth login sales --device",
        "eisd auth login helpdesk --signed-in-as ann@example.org",
    ],
)
@click.argument("name")
@click.option("--browser", "way", flag_value="browser", help="Open a browser, or its address.")
@click.option("--device", "way", flag_value="device", help="Type a code elsewhere (Microsoft).")
@click.option("--paste", "way", flag_value="paste", help="Paste back where the browser ended.")
@click.option(
    "--signed-in-as",
    "accept",
    metavar="ADDRESS",
    default="",
    help="Who may sign in for it, where that is not the mailbox's own address.",
)
@click.option("--app", default="", help="Sign in with this [oauth.NAME].")
@click.option("--address", default="", help="The address of a mailbox not configured yet.")
@click.option(
    "--client-secret-stdin",
    is_flag=True,
    help="First store the application's client secret, read from standard input.",
)
@click.pass_obj
def login(context: Context, /, name: str, way: str | None, **given: Any) -> ExitCode:
    """Sign in to a mailbox's provider, or try the right that its application has.

    It begins with what has to be registered there and which permissions will be asked for. Then
    the mailbox goes on where it stopped. 77: the provider, or the user, said no.
    """
    person = {key: given[key] for key in ("app", "address", "accept")}
    app = _app(context, name, given["app"])
    if given["client_secret_stdin"]:
        _store_secret(context, app, sys.stdin.read().strip())
    explain(app)
    if app.flow != "user":
        if way:
            raise UserError(f"nobody signs in to [oauth.{app.name}]: its flow is {app.flow}")
        return _conclude(context, name, person, step(context, name, "own", person))
    chosen = way or choose(app, os.environ, terminal=sys.stdin.isatty())
    if chosen == "device":
        return _conclude(context, name, person, _by_device(context, name, person, app))

    def begin(redirect: str) -> Any:
        return step(context, name, "begin", {**person, "redirect_uri": redirect})

    flow = by_paste if chosen == "paste" else by_browser
    ticket, redirect = flow(begin, app.provider.redirect_host, _ssh_target(os.environ))
    body = {**person, "ticket": ticket, "redirect": redirect}
    return _conclude(context, name, person, step(context, name, "finish", body))


def choose(app: App, environ: Mapping[str, str], *, terminal: bool) -> str:
    """The way that can work here: a browser on this machine or at the other end of SSH.

    Without a terminal nobody can paste anything; then a device code, if the provider has it.
    """
    here = bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))
    if here or terminal or app.provider.device_refusal:
        return "browser"
    return "device"


def explain(app: App) -> None:
    """Say what has to be registered, and what will be asked for."""
    provider = app.provider
    output.say(f"[oauth.{app.name}] at {provider.title}, client_id {app.client_id}. Registered as:")
    for line in provider.register.get(app.flow, ()):
        output.say(f"  - {line}")
    if app.flow == "user":
        output.say(f"  - redirect: http://{provider.redirect_host} (any port)")
    output.say("Asked for:")
    for scope in app.asked_scopes:
        output.say(f"  - {scope}")
    output.say()


def step(context: Context, name: str, which: str, body: Mapping[str, Any]) -> Any:
    """One step of a sign-in, by the daemon or without it."""

    async def work(core: Any) -> Any:
        from eisd.api import signing  # noqa: PLC0415 - only without a daemon

        rest = {key: value for key, value in body.items() if key not in person}
        who = signing.who(core, name, **{key: body[key] for key in person if key in body})
        return await getattr(signing, which)(core, who, **rest)

    person = ("app", "address", "accept")
    return act(context, path("auth", name, which), work, body, timeout=SECONDS)


def _by_device(context: Context, name: str, person: Mapping[str, str], app: App) -> Any:
    if app.provider.device_refusal:
        raise UserError(app.provider.device_refusal)
    shown = step(context, name, "device", person)
    output.say(f"Open {shown['verification_uri']} anywhere and type the code {shown['user_code']}")
    ends = time.monotonic() + shown["expires_in"]
    while time.monotonic() < ends:
        time.sleep(shown["interval"])
        done = step(context, name, "poll", {**person, "ticket": shown["ticket"]})
        if not done["pending"]:
            return done
    raise UserError("the code was not used in time", code=ExitCode.AUTH)


def _conclude(context: Context, name: str, person: Mapping[str, str], done: Any) -> ExitCode:
    """Say who signed in; where it is somebody else than expected, ask whether that is right."""
    who = done["identity"] or "the provider does not say who"
    kind = f" ({done['kind']})" if done["kind"] else ""
    output.say(output.safe(f"Signed in: {who}{kind}"))
    if not done["stored"]:
        output.say(output.safe(f"But the mailbox {name} is {done['address']}."))
        if not sys.stdin.isatty() or not click.confirm("Use it all the same?", err=True):
            raise UserError(
                "nothing was stored",
                hint=f"sign in as {done['address']}; or, for a shared mailbox or another login"
                f" name: eisd auth login {name} --signed-in-as {who}",
                code=ExitCode.AUTH,
            )
        done = step(context, name, "confirm", {**person, "ticket": done["ticket"]})
    for scope in done["missing"]:
        output.say(output.safe(f"Not granted: {scope}. Mail can be read, but not sent."))
    if done["note"]:
        output.say(done["note"])
    output.say(f"{name} is signed in; see: eisd auth status {name}")
    return ExitCode.OK


def _app(context: Context, name: str, app: str) -> App:
    """The application, as the configuration that this command reads has it."""
    from eisd.auth.apps import apps_of  # noqa: PLC0415 - pydantic is slow to import

    settings = context.loaded.settings
    box = settings.mailboxes.get(name)
    named = app or (box.oauth_app if box else None)
    if box is None and not app:
        known = ", ".join(settings.mailboxes) or "none"
        raise UserError(
            f"no mailbox called {name!r} is configured",
            hint=f"configured: {known}",
            code=ExitCode.UNKNOWN,
        )
    if named is None:
        raise UserError(
            f"{name} signs in with a password, not by OAuth",
            hint='to change that: oauth = { app = "NAME" } in its table, and [oauth.NAME]',
            code=ExitCode.CONFIG,
        )
    apps = apps_of(settings)
    if named not in apps:
        raise UserError(f"there is no [oauth.{named}]", code=ExitCode.CONFIG)
    return apps[named]


def _store_secret(context: Context, app: App, secret: str) -> None:
    if not secret:
        raise UserError("the client secret is empty", code=ExitCode.USAGE)

    async def work(core: Any) -> Any:
        from eisd.api import signing  # noqa: PLC0415 - only without a daemon

        return await signing.keep_client_secret(core, app.name, secret)

    act(context, path("oauth-apps", app.name, "secret"), work, {"client_secret": secret})
    output.say(f"the client secret of [oauth.{app.name}] is stored")


def _ssh_target(environ: Mapping[str, str]) -> str:
    """``user@host`` of this machine as the SSH client at the other end knows it; else empty."""
    connection = environ.get("SSH_CONNECTION", "").split()
    if len(connection) != 4:  # noqa: PLR2004 - client address and port, server address and port
        return ""
    return f"{getpass.getuser()}@{connection[2]}"
