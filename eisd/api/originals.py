"""A message on record as it is answered or forwarded: what we keep of it, and what the server has.

For an answer the text on record will do when the server is out of reach; for a forward the
attachments are needed, and so is the server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from eisd.api.core import Core
from eisd.errors import DriverError, ExitCode, Transient, UserError
from eisd.mime.contents import contents
from eisd.mime.headers import decode_text, extract, header_block
from eisd.model.mail import Address, Parsed, RawMessage
from eisd.model.outgoing import File, Party
from eisd.outbox.check import SIZE
from eisd.outbox.reply import Original
from eisd.store import activities, folders, originals, outbox
from eisd.store.originals import Place

SECONDS: Final = 45.0


@dataclass(frozen=True, slots=True)
class Source:
    """The message, and the mailbox that holds it."""

    message: Original
    mailbox: str


async def read_original(core: Core, activity: int, *, with_files: bool) -> Source:
    """The message of an activity; from the server, or without files else from what is on record.

    Raises:
        UserError: there is no such activity (67), or its message cannot be had (69).
    """
    shown, places = await core.store.read(
        lambda db: (activities.show(db, activity), originals.places(db, activity))
    )
    if shown is None:
        raise UserError(f"there is no activity {activity}", code=ExitCode.UNKNOWN)
    if not places:
        raise UserError(
            f"no mailbox holds the message of activity {activity} any more", code=ExitCode.UNKNOWN
        )
    try:
        raw = await _first(core, places)
    except (DriverError, UserError) as error:
        if with_files:
            raise UserError(
                f"the message of activity {activity} cannot be fetched: {error}",
                hint=error.hint,
                code=ExitCode.UNAVAILABLE,
            ) from error
        return Source(_on_record(shown), places[0].mailbox)
    (parsed,) = await core.parser.parse([raw], html=True)
    files = await asyncio.to_thread(_files, raw.rfc822, parsed)
    return Source(_as_fetched(raw, parsed, files), places[0].mailbox)


async def _first(core: Core, places: Sequence[Place]) -> RawMessage:
    """The bytes of the first copy that can be had."""
    problem: DriverError | UserError | None = None
    for place in places:
        try:
            async with asyncio.timeout(SECONDS):
                return await _fetch(core, place)
        except TimeoutError:
            problem = Transient("no answer in time", code="timeout")
        except (DriverError, UserError) as error:
            problem = error
    raise problem or Transient("it is no longer there", code="vanished")


async def _fetch(core: Core, place: Place) -> RawMessage:
    if place.ours:
        number = int(place.remote_id)
        rfc822 = await core.store.read(lambda db: outbox.message(db, number))
        if rfc822 is None:
            raise Transient("the outbox no longer keeps it", code="vanished")
        return RawMessage("", rfc822, len(rfc822))
    _, plan = core.plan(place.mailbox)
    row = await core.store.read(lambda db: folders.by_id(db, place.folder_id))
    async with plan.driver.session(plan.options, plan.login) as session:
        fetching = session.fetch(
            row.folder, [place.remote_id], limit=SIZE, validity=place.validity, whole=True
        )
        async with aclosing(fetching) as messages:
            async for raw in messages:
                if not raw.missing:
                    return raw
    raise Transient("it is no longer there", code="vanished")


def _on_record(shown: dict[str, Any]) -> Original:
    """The message as the database has it."""
    people: dict[str, tuple[Party, ...]] = {}
    for one in shown["participants"]:
        party = Party(str(one["address"]), str(one["name"]))
        people[one["role"]] = (*people.get(one["role"], ()), party)
    identity = str(shown["message_id"])
    return Original(
        sender=(*people.get("from", ()), Party(""))[0],
        message_id=identity.strip("<>") if identity.startswith("<") else "",
        subject=str(shown["subject"]),
        reply_to=people.get("reply_to", ()),
        to=people.get("to", ()),
        cc=people.get("cc", ()),
        date=datetime.fromisoformat(str(shown["occurred_at"])),
        text=str(shown["text"] or ""),
    )


def _as_fetched(raw: RawMessage, parsed: Parsed, files: tuple[File, ...]) -> Original:
    headers = extract(header_block(raw.rfc822))
    return Original(
        sender=(*_parties(headers.from_), Party(""))[0],
        message_id=headers.message_id or "",
        in_reply_to=headers.in_reply_to or "",
        references=headers.references,
        subject=decode_text(headers.subject_raw),
        reply_to=_parties(headers.reply_to),
        to=_parties(headers.to),
        cc=_parties(headers.cc),
        date=headers.date,
        text=parsed.text,
        html=parsed.html,
        files=files,
    )


def _parties(listed: Sequence[Address]) -> tuple[Party, ...]:
    return tuple(Party(one.address, one.name) for one in listed if one.address)


def _files(rfc822: bytes, parsed: Parsed) -> tuple[File, ...]:
    """The attachments that the parser found, with their bytes."""
    bodies = contents(rfc822, parsed.attachments)
    return tuple(
        File(
            one.filename,
            bodies[one.sha256],
            one.content_type,
            one.content_id.strip("<>") if one.inline else "",
        )
        for one in parsed.attachments
        if one.sha256 in bodies
    )
