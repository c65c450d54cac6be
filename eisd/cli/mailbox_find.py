"""The servers of an address, for ``eisd mailbox add``: what was looked at is shown step by step."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from eisd.cli import output
from eisd.errors import ExitCode, UserError

if TYPE_CHECKING:
    from eisd.driver.discovery import Discovered
    from eisd.driver.presets import Place, Provider
    from eisd.wire.internet import Internet


@dataclass(frozen=True, slots=True)
class Servers:
    """Who speaks to a mailbox, and where; what is None the driver knows by itself."""

    driver: str
    imap: Place | None = None
    smtp: Place | None = None
    username: str | None = None
    provider: Provider | None = None


def find(given: dict[str, Any]) -> Servers:
    """The servers that the options name, else those that are discovered.

    Raises:
        UserError: none is found, or they lie in another domain and nobody says that it is right.
    """
    from eisd.driver import presets  # noqa: PLC0415 - not needed for a help page

    driver: str | None = given["driver"]
    if given["host"]:
        return Servers(driver or "imap", provider=presets.by_host(given["host"]))
    if driver is not None and driver != "imap":
        known = next((one for one in presets.providers() if one.driver == driver), None)
        return Servers(driver, provider=known)
    found = _discover(given["address"])
    if found is None:
        return _asked(given, driver)
    if found.elsewhere:
        _vouch(found, yes=given["yes"], ask=not given["no_input"])
    if found.driver != "imap" and driver is None:
        return Servers(found.driver, provider=found.provider)
    username = None if found.username == given["address"] else found.username
    return Servers("imap", found.imap, found.smtp, username, found.provider)


def internet() -> Internet:
    """The world that is asked; tests put another in its place."""
    from eisd.wire.internet import Internet  # noqa: PLC0415 - httpx and dnspython are slow

    return Internet()


def _discover(address: str) -> Discovered | None:
    """Look, showing the steps as they are taken."""
    from eisd.driver.discovery import discover_servers  # noqa: PLC0415

    world = internet()

    async def look() -> Discovered | None:
        try:
            async for step in discover_servers(world, address):
                output.say(output.safe(f" {step.name:<10} {step.detail}"))
                if step.found is not None:
                    return step.found
        finally:
            await world.aclose()
        return None

    return asyncio.run(look())


def _vouch(found: Discovered, *, yes: bool, ask: bool) -> None:
    """Have somebody say that a password may go to another domain than the address's own."""
    text = f"{found.source} leads to {found.imap.host}, which is of another domain: "
    text += found.elsewhere
    if yes:
        output.say(output.safe(f"{text}; accepted by --yes"))
        return
    output.say(output.safe(text))
    if ask and sys.stdin.isatty() and click.confirm("Sign in there?", err=True):
        return
    raise UserError(
        f"nobody says that {found.elsewhere} may be signed in to",
        hint=f"if it may: --yes, or --host {found.imap.host}",
        code=ExitCode.USAGE,
    )


def _asked(given: dict[str, Any], driver: str | None) -> Servers:
    """Nothing was found: whoever is there may know the server."""
    guess = f"imap.{given['address'].rpartition('@')[2]}"
    if given["no_input"] or not sys.stdin.isatty():
        raise UserError(
            "which server?", hint=f"say --host, for example --host {guess}", code=ExitCode.USAGE
        )
    given["host"] = click.prompt("IMAP server", default=guess, err=True)
    return replace(find(given), driver=driver or "imap")
