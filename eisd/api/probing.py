"""A mailbox tried out, step by step: the way in, the way out, and mail that comes back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

from eisd.api.core import Core
from eisd.driver.interface import Session, Step
from eisd.errors import CursorExpired, DriverError, ExitCode, UserError
from eisd.mime.addresses import address_key
from eisd.mime.headers import extract
from eisd.model.folder import Cursor, Folder, FolderRole, Window
from eisd.model.outgoing import Envelope, Outgoing, Party
from eisd.outbox.address import read_parties
from eisd.outbox.compose import compose, envelope, mint_message_id
from eisd.sync.mailbox import Plan

SECONDS: Final = 150.0
"""For all of it; a command waits a little longer."""
ARRIVAL: Final = 60.0
"""Seconds in which a message to oneself should be there."""

_TEXT: Final = """\
This message was sent to find out whether mail leaves this mailbox.
Nobody needs to answer it, and it may be deleted.
"""


async def probe(core: Core, name: str, *, send_to: str | None = None) -> list[dict[str, Any]]:
    """Connect, log in, and the same where mail goes out; with an address, send it a message.

    A message to the mailbox itself is awaited there. The last step tells how it ended. Raises
    `UserError` when there is nothing to send with, or no address to send to.
    """
    _, plan = core.plan(name)
    letter = None if send_to is None else _letter(core, name, plan, send_to)
    steps: list[Step] = []
    began = time.monotonic()
    try:
        async with asyncio.timeout(SECONDS):
            async for step in _steps(plan, letter, own=_own(core, name, letter)):
                steps.append(step)  # noqa: PERF401 - those before a failure are kept
    except TimeoutError:
        said, ms = f"not done after {SECONDS:.0f} s", (time.monotonic() - began) * 1000
        steps.append(Step("limit", said, ms, ok=False, failure="Transient"))
    return [asdict(step) for step in steps]


Letter = tuple[str, Envelope, bytes]
"""A message to send: its id, its envelope, its bytes."""


def _own(core: Core, name: str, letter: Letter | None) -> bool:
    """The letter goes to the mailbox itself."""
    box = core.settings.mailboxes[name]
    ours = {address_key(one) for one in (box.address, *box.aliases)}
    return letter is not None and address_key(letter[1].recipients[0]) in ours


def _letter(core: Core, name: str, plan: Plan, send_to: str) -> Letter:
    box = core.settings.mailboxes[name]
    if plan.driver.outlet(plan.options) is None:
        hint = f'write smtp = {{ host = "..." }} below [mailboxes.{name}]'
        raise UserError(f"{name} has no way to send", hint=hint, code=ExitCode.CONFIG)
    try:
        to = read_parties(send_to)
    except ValueError as error:
        raise UserError(f"{str(error)!r} is no address", code=ExitCode.USAGE) from error
    outgoing = Outgoing(
        sender=Party(box.address, box.sender_name or ""),
        to=to[:1],
        subject="Test of a mailbox",
        text=_TEXT,
        headers=(("Auto-Submitted", "auto-generated"),),
    )
    message_id = mint_message_id(box.address)
    rfc822 = compose(outgoing, message_id=message_id, date=datetime.now(UTC))
    return message_id, envelope(outgoing), rfc822


async def _steps(plan: Plan, letter: Letter | None, *, own: bool) -> AsyncIterator[Step]:
    async for step in plan.driver.probe(plan.options, plan.login):
        yield step
        if not step.ok:
            return
    if plan.driver.outlet(plan.options) is None:
        return
    message = None if letter is None else letter[1:]
    if letter is None or not own:
        async for step in plan.driver.probe_sender(plan.options, plan.login, message):
            yield step
        return
    async for step in _round_trip(plan, letter):
        yield step


async def _round_trip(plan: Plan, letter: Letter) -> AsyncIterator[Step]:
    """Send the mailbox a message, and watch its inbox until it is there."""
    try:
        async with plan.driver.session(plan.options, plan.login) as session:
            inbox, cursor = await _listening(session)
            began = time.monotonic()
            async for step in plan.driver.probe_sender(plan.options, plan.login, letter[1:]):
                yield step
                if not step.ok:
                    return
            yield await _arrival(session, inbox, cursor, letter[0], began)
    except DriverError as error:
        yield Step("arrival", str(error), 0.0, ok=False, failure=type(error).__name__)


async def _listening(session: Session) -> tuple[Folder, Cursor]:
    """The inbox, and the position behind what it holds now."""
    folders = await session.folders()
    inbox = next(folder for folder in folders if folder.role is FolderRole.INBOX)
    async with aclosing(session.scan(inbox, Window(backfill=False))) as batches:
        async for batch in batches:
            return inbox, batch.cursor
    raise CursorExpired("the inbox gives no position")


async def _arrival(
    session: Session, inbox: Folder, cursor: Cursor, message_id: str, began: float
) -> Step:
    while (left := ARRIVAL - (time.monotonic() - began)) > 0:
        async with aclosing(session.scan(inbox, cursor)) as batches:
            async for batch in batches:
                cursor = batch.cursor
                if any(extract(copy.header).message_id == message_id for copy in batch.copies):
                    ms = (time.monotonic() - began) * 1000
                    return Step("arrival", "the message is in the inbox", ms)
        await session.wait(inbox, min(left, 5.0))
    said = f"sent, and not in the inbox after {ARRIVAL:.0f} s: is it in Junk?"
    return Step("arrival", said, ARRIVAL * 1000, ok=False, failure="Transient")
