"""A message to be sent, as a request describes it, and what becomes of it when it is handed in."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from pydantic import Field, ValidationError

from eisd.api.answers import known_mailbox
from eisd.api.core import Core
from eisd.api.originals import Source, read_original
from eisd.api.rendering import rendered
from eisd.api.request import Body
from eisd.errors import ExitCode, UserError
from eisd.matcher.keys import parent_key
from eisd.mime.addresses import address_key
from eisd.model.outgoing import File, Outgoing, Party
from eisd.model.submission import SubmissionState
from eisd.outbox.address import read_parties
from eisd.outbox.desk import Order
from eisd.outbox.reply import Words, forward, reply
from eisd.outbox.state import Event
from eisd.outbox.template import Rendered
from eisd.store import outbox, outbox_views
from eisd.store.sql import Connection

Answer = dict[str, Any]
LISTED = 1_000


class FileBody(Body):
    """An attachment in base64; with a ``content_id`` an image that the HTML shows."""

    filename: str
    data: str
    content_type: str = ""
    content_id: str = ""


class StoredBody(Body):
    """An attachment of a message on record, by its file name or its SHA-256."""

    activity: int
    name: str


class MailBody(Body):
    """A message as its author means it.

    ``mailbox`` is the name of a mailbox, or one of its addresses. With ``reply_to_activity`` the
    recipients, the subject and the thread come from that message, and what is named here besides
    is added; with ``forward_activity`` its text and attachments do.
    """

    mailbox: str | None = None
    sender_name: str | None = None
    to: list[str] = Field(default_factory=list, max_length=LISTED)
    cc: list[str] = Field(default_factory=list, max_length=LISTED)
    bcc: list[str] = Field(default_factory=list, max_length=LISTED)
    reply_to: list[str] = Field(default_factory=list, max_length=LISTED)
    subject: str | None = None
    text: str | None = None
    html: str | None = None
    attachments: list[FileBody] = Field(default_factory=list, max_length=200)
    stored: list[StoredBody] = Field(default_factory=list, max_length=200)
    headers: dict[str, str] = Field(default_factory=dict)
    reply_to_activity: int | None = None
    reply_all: bool = False
    forward_activity: int | None = None
    quote: bool = True
    template: str | None = None
    template_version: int | None = None
    contact: str | None = None
    workspace: str | None = None
    fields: dict[str, Any] = Field(default_factory=dict)
    allow_empty: bool = False


class OrderBody(MailBody):
    """A message, and when it is to go."""

    at: str | None = None
    hold: bool = False


def read_body(kind: type[MailBody], data: bytes) -> Any:
    """A request's body; may be large, so not for the loop. Raises UserError (65)."""
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        told = "; ".join(
            f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()
        )
        raise UserError(told, code=ExitCode.DATA) from None


async def send(core: Core, body: OrderBody, key: str | None = None) -> Answer:
    """Hand a message in; once this returns it is durable. Raises UserError."""
    outgoing, mailbox = await compose(core, body)
    same = await asyncio.to_thread(lambda: sha256(body.model_dump_json().encode()).digest())
    at = moment(body.at)
    order = Order(mailbox, outgoing, at=at, hold=body.hold, key=key, fingerprint=same)
    done = await core.outbox.accept(order)
    told = await shown(core, done.submission)
    return {**told, "again": done.again}


async def shown(core: Core, submission: int) -> Answer:
    """A submission as people see it. Raises UserError (67)."""
    return await core.store.read(lambda db: show(db, submission))


async def listed(
    core: Core,
    *,
    mailbox: str | None = None,
    states: Sequence[str] = (),
    before: int | None = None,
    limit: int = 50,
) -> Answer:
    """Submissions, newest first; ``next`` is the ``before`` of the next page."""
    return await core.store.read(
        lambda db: page(db, mailbox=mailbox, states=states, before=before, limit=limit)
    )


def page(
    db: Connection,
    *,
    mailbox: str | None = None,
    states: Sequence[str] = (),
    before: int | None = None,
    limit: int = 50,
) -> Answer:
    """The same from a connection. Raises UserError: unknown mailbox (67) or state (64)."""
    if mailbox is not None:
        known_mailbox(db, mailbox)
    if unknown := set(states) - set(SubmissionState):
        known = ", ".join(SubmissionState)
        raise UserError(f"no state is called {min(unknown)!r}", hint=f"states: {known}")
    found = outbox_views.listing(db, mailbox=mailbox, states=states, before=before, limit=limit + 1)
    rest = found[limit:]
    return {"submissions": found[:limit], "next": found[limit - 1]["id"] if rest else None}


def show(db: Connection, submission: int) -> Answer:
    """A submission as people see it, with what answered it. Raises UserError (67)."""
    found, row = outbox_views.show(db, submission), outbox.by_id(db, submission)
    if found is None or row is None:
        raise UserError(f"there is no submission {submission}", code=ExitCode.UNKNOWN)
    return {**found, "answers": outbox_views.answers(db, parent_key(row.id_key))}


async def change(core: Core, submission: int, event: Event) -> Answer:
    """Hold, release, retry, cancel or settle a submission. Raises UserError."""
    await core.outbox.ask(submission, event)
    return await shown(core, submission)


async def compose(core: Core, body: MailBody) -> tuple[Outgoing, str]:
    """(the message, the mailbox's name); what it answers and its attachments are fetched."""
    original = await _original(core, body)
    mailbox, address = _sender(core, body, original)
    box = core.settings.mailboxes[mailbox]
    name = body.sender_name if body.sender_name is not None else box.sender_name or ""
    sender = Party(address, name)
    words = await _words(core, body, mailbox)
    files = [*await asyncio.to_thread(_files, body), *await _stored(core, body.stored)]
    said = Words(words.text or "", words.html, tuple(files), quote=body.quote)
    if original is not None and body.reply_to_activity is not None:
        ours = [box.address, *box.aliases]
        made = reply(original.message, said, sender=sender, ours=ours, everyone=body.reply_all)
    elif original is not None:
        made = forward(original.message, said, sender=sender, to=_parties(body.to, "to"))
        made = replace(made, to=())
    else:
        made = Outgoing(sender=sender, text=words.text, html=words.html, files=tuple(files))
    return _addressed(made, body, words), mailbox


def _addressed(made: Outgoing, body: MailBody, words: Rendered) -> Outgoing:
    """The message with what the request names itself."""
    subject = body.subject if body.subject is not None else words.subject or made.subject
    return replace(
        made,
        to=(*made.to, *_parties(body.to, "to")),
        cc=(*made.cc, *_parties(body.cc, "cc")),
        bcc=_parties(body.bcc, "bcc"),
        reply_to=_parties(body.reply_to, "reply_to"),
        subject=subject,
        headers=(*made.headers, *words.headers, *body.headers.items()),
        allow_empty=body.allow_empty,
    )


def _sender(core: Core, body: MailBody, original: Source | None) -> tuple[str, str]:
    """(mailbox, its address): the one named, by default the one that received the original."""
    named = body.mailbox or (original.mailbox if original is not None else None)
    if named is None:
        raise UserError("which mailbox is to send it?", hint="--from NAME")
    boxes = core.settings.mailboxes
    if named in boxes:
        return named, boxes[named].address
    key = address_key(named)
    for name, box in boxes.items():
        for address in (box.address, *box.aliases):
            if key and address_key(address) == key:
                return name, address
    raise UserError(
        f"no mailbox is called {named!r}, nor has that address",
        hint=f"configured: {', '.join(boxes) or 'none'}",
        code=ExitCode.UNKNOWN,
    )


async def _original(core: Core, body: MailBody) -> Source | None:
    if body.reply_to_activity is not None and body.forward_activity is not None:
        raise UserError("a message answers another or forwards it, not both")
    if body.reply_to_activity is not None:
        return await read_original(core, body.reply_to_activity, with_files=False)
    if body.forward_activity is not None:
        return await read_original(core, body.forward_activity, with_files=True)
    return None


async def _words(core: Core, body: MailBody, mailbox: str) -> Rendered:
    """Subject, text and HTML: as given, or of a template."""
    if body.template is None:
        return Rendered("", body.text, body.html)
    return await rendered(
        core,
        body.template,
        version=body.template_version,
        mailbox=mailbox,
        contact=body.contact,
        workspace=body.workspace,
        fields=body.fields,
    )


def _files(body: MailBody) -> list[File]:
    found = []
    for one in body.attachments:
        try:
            data = base64.b64decode(one.data, validate=True)
        except (ValueError, binascii.Error):
            raise UserError(f"{one.filename}: no base64", code=ExitCode.DATA) from None
        found.append(File(one.filename, data, one.content_type, one.content_id))
    return found


async def _stored(core: Core, asked: Sequence[StoredBody]) -> list[File]:
    found: list[File] = []
    for one in asked:
        source = await read_original(core, one.activity, with_files=True)
        chosen = [
            file
            for file in source.message.files
            if one.name in {file.filename, sha256(file.data).hexdigest()}
        ]
        if not chosen:
            known = ", ".join(file.filename for file in source.message.files) or "none"
            raise UserError(
                f"activity {one.activity} has no attachment {one.name!r}",
                hint=f"it has: {known}",
                code=ExitCode.UNKNOWN,
            )
        found.append(replace(chosen[0], content_id=""))
    return found


def _parties(listed: Sequence[str], name: str) -> tuple[Party, ...]:
    try:
        return tuple(party for text in listed for party in read_parties(text))
    except ValueError as error:
        raise UserError(f"{name}: {str(error)!r} is no address", code=ExitCode.DATA) from None


def moment(text: str | None) -> int | None:
    """RFC 3339 text in milliseconds. Raises UserError (65)."""
    if text is None:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(f"at: {text!r} is no RFC 3339 time", code=ExitCode.DATA) from None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return round(when.timestamp() * 1000)
