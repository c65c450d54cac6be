"""The browser's part of `eisd auth login`: here, over SSH, or by pasting the redirect back."""

from __future__ import annotations

import asyncio
import os
import sys
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

import click

from eisd.cli import output
from eisd.errors import ExitCode, UserError

Begin = Callable[[str], Any]
"""From a redirect address to ``{"url", "ticket"}``."""

WAIT = 900.0
"""Seconds that a person has; the ticket is good for no longer."""
PASTE_PORT = 53682
"""Stands in the redirect where nobody listens: the browser fails there, its address is pasted."""


def by_browser(begin: Begin, host: str, ssh: str) -> tuple[str, str]:
    """Wait for the browser on a loopback port; the pasted redirect is taken as well.

    Raises:
        UserError: (77) nobody came in time.
    """
    return asyncio.run(_by_browser(begin, host, ssh))


def by_paste(begin: Begin, host: str, ssh: str) -> tuple[str, str]:
    """Let the person paste the address at which the browser ends."""
    del ssh
    begun = begin(f"http://{host}:{PASTE_PORT}")
    _show(begun["url"])
    output.say("At the end the browser cannot open a page on this machine. That is as it should")
    output.say("be: copy the whole address that it shows then, and paste it here.")
    if sys.stdin.isatty():
        redirect = str(click.prompt("Address", err=True))
    else:
        redirect = sys.stdin.readline()
    return begun["ticket"], redirect.strip()


async def _by_browser(begin: Begin, host: str, ssh: str) -> tuple[str, str]:
    from eisd.wire.oauth_loopback import Loopback  # noqa: PLC0415 - asyncio is slow to import

    async with Loopback() as here:
        begun = await asyncio.to_thread(begin, f"http://{host}:{here.port}")
        here.expect(parse_qs(urlsplit(begun["url"]).query).get("state", [""])[0])
        _show(begun["url"])
        if ssh:
            output.say("The browser must reach this machine. In another terminal at your end:")
            output.say(f"    ssh -L {here.port}:127.0.0.1:{here.port} {ssh}")
            output.say("or paste the address here at which the browser ends.")
        elif not await asyncio.to_thread(_open, begun["url"]):
            output.say("No browser could be opened here; open the address above in one, and paste")
            output.say("the address at which it ends, if that is on another machine.")
        waiting = {asyncio.create_task(here.redirect())}
        if sys.stdin.isatty():
            waiting.add(asyncio.create_task(_pasted()))
        done, rest = await asyncio.wait(waiting, timeout=WAIT, return_when=asyncio.FIRST_COMPLETED)
        for task in rest:
            task.cancel()
        if not done:
            raise UserError("nobody signed in within 15 minutes", code=ExitCode.AUTH)
        return begun["ticket"], done.pop().result()


async def _pasted() -> str:
    """A line from the terminal, without a thread that nobody could end."""
    loop = asyncio.get_running_loop()
    line: asyncio.Future[str] = loop.create_future()

    def read() -> None:
        text = sys.stdin.readline()
        if text.strip() and not line.done():
            line.set_result(text.strip())
        elif not text:
            loop.remove_reader(sys.stdin)

    loop.add_reader(sys.stdin, read)
    try:
        return await line
    finally:
        with suppress(ValueError, OSError):
            loop.remove_reader(sys.stdin)


def _show(url: str) -> None:
    output.say("Open this address in a browser and sign in as the mailbox's user:")
    output.say()
    output.line(url)
    sys.stdout.flush()
    output.say()


def _open(url: str) -> bool:
    """Open a graphical browser on this machine, if there is one; never one on this terminal."""
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    try:
        return webbrowser.open(url)
    except webbrowser.Error:
        return False
