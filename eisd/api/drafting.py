"""Drafts: messages that are being written, here or in their owner's own mail program."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

from eisd.api import orders
from eisd.api.core import Core
from eisd.api.orders import MailBody, OrderBody
from eisd.errors import DriverError, ExitCode, UserError
from eisd.mime.addresses import address_key
from eisd.mime.headers import extract
from eisd.model.outgoing import Outgoing
from eisd.outbox.compose import compose, mint_message_id
from eisd.store import drafts
from eisd.store.drafts import Draft, Marks
from eisd.store.sql import Connection

Answer = dict[str, Any]
LISTED = 1_000


class DraftBody(MailBody):
    """A draft; with ``file`` a copy lies in the mailbox's Drafts, to be finished there."""

    file: bool = False


async def create(core: Core, body: DraftBody) -> Answer:
    """Keep a draft, and file it in the mailbox if asked to. Raises UserError."""
    made, mailbox = await _composed(core, body)
    row_id = core.outbox.station(mailbox).id
    content = await asyncio.to_thread(lambda: body.model_dump_json().encode())
    people = _people(core, made)
    draft = await core.store.write(
        lambda tx: drafts.add(tx.db, row_id, content, made.subject, people)
    )
    if body.file:
        await _file(core, draft, mailbox, made)
    return await shown(core, draft)


async def edit(core: Core, draft: int, changes: dict[str, Any]) -> Answer:
    """Change a draft; what is not named stays. A filed copy is replaced. Raises UserError."""
    row = await _open(core, draft)
    merged = {**json.loads(row.content), **changes}
    body = orders.read_body(DraftBody, json.dumps(merged).encode())
    made, mailbox = await _composed(core, body)
    row_id = core.outbox.station(mailbox).id
    content = body.model_dump_json().encode()
    people = _people(core, made)
    await core.store.write(
        lambda tx: drafts.change(tx.db, draft, row_id, content, made.subject, people)
    )
    await _unfile(core, row)
    if body.file:
        await _file(core, draft, mailbox, made)
    return await shown(core, draft)


async def send(core: Core, draft: int, *, at: str | None = None) -> Answer:
    """Send a draft as it is; twice is once. Raises UserError."""
    row = await _open(core, draft)
    given = json.loads(row.content)
    given.pop("file", None)
    body = orders.read_body(OrderBody, json.dumps({**given, "at": at}).encode())
    done = await orders.send(core, body, f"draft {draft} {row.message_id}".strip())
    submission = int(done["id"])
    await core.store.write(lambda tx: drafts.end(tx.db, draft, "sent", submission))
    await _unfile(core, row)
    return done


async def delete(core: Core, draft: int) -> Answer:
    """Delete a draft, and its copy in the mailbox. Raises UserError."""
    row = await _open(core, draft)
    await core.store.write(lambda tx: drafts.end(tx.db, draft, "deleted"))
    await _unfile(core, row)
    return await shown(core, draft)


async def listed(core: Core) -> Answer:
    """Drafts that are still to be sent, the newest first."""
    return {"drafts": await core.store.read(lambda db: drafts.listing(db, limit=LISTED))}


async def shown(core: Core, draft: int) -> Answer:
    """One draft. Raises UserError (67)."""
    return await core.store.read(lambda db: show(db, draft))


def show(db: Connection, draft: int) -> Answer:
    """One draft with its words. Raises UserError (67)."""
    found = drafts.show(db, draft)
    row = drafts.get(db, draft)
    if found is None or row is None:
        raise UserError(f"there is no draft {draft}", code=ExitCode.UNKNOWN)
    content = json.loads(row.content) if row.content else {}
    content.pop("attachments", None)
    return {**found, "content": content}


async def _open(core: Core, draft: int) -> Draft:
    row = await core.store.read(lambda db: drafts.get(db, draft))
    if row is None:
        raise UserError(f"there is no draft {draft}", code=ExitCode.UNKNOWN)
    if row.state != "draft":
        raise UserError(f"draft {draft} is {row.state}", code=ExitCode.NO)
    return row


async def _composed(core: Core, body: MailBody) -> tuple[Outgoing, str]:
    """The message so far: a draft may lack what a message must have."""
    return await orders.compose(core, body.model_copy(update={"allow_empty": True}))


def _people(core: Core, made: Outgoing) -> list[tuple[str, int]]:
    case = core.outbox.local_case
    return [
        (party.address, core.hasher.key(address_key(party.address, local_case=case)))
        for party in (*made.to, *made.cc, *made.bcc)
    ]


async def _file(core: Core, draft: int, mailbox: str, made: Outgoing) -> None:
    """Put a copy into the mailbox's Drafts, by which it will be known when it is sent."""
    message_id = mint_message_id(made.sender.address)
    now = datetime.now(UTC)
    rfc822 = await asyncio.to_thread(compose, made, message_id=message_id, date=now)
    headers = extract(rfc822[: rfc822.find(b"\r\n\r\n") + 2])
    marks = Marks(
        message_id,
        core.hasher.identity(message_id),
        core.hasher.raw(headers.subject_raw),
    )
    try:
        async with core.outbox.station(mailbox).sender() as sender:
            await sender.append_draft(rfc822)
    except DriverError as error:
        raise UserError(
            f"draft {draft} is kept, and could not be filed in the mailbox: {error}",
            hint=error.hint,
            code=ExitCode.UNAVAILABLE,
        ) from error
    await core.store.write(lambda tx: drafts.file(tx.db, draft, marks))


async def _unfile(core: Core, row: Draft) -> None:
    """Take the copy out of the mailbox's Drafts; one that cannot be reached stays there."""
    station = next((s for s in core.outbox.posts.stations.values() if s.id == row.mailbox), None)
    if not row.message_id or station is None:
        return
    try:
        async with station.sender() as sender:
            await sender.remove_draft(row.message_id)
    except DriverError as error:
        raise UserError(
            f"done, but its copy in the mailbox's Drafts could not be removed: {error}",
            hint="delete it there by hand",
            code=ExitCode.UNAVAILABLE,
        ) from error
    await core.store.write(lambda tx: drafts.file(tx.db, row.id, None))
