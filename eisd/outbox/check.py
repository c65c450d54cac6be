"""What an outgoing message must be before it is composed; every mistake at once, with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from eisd.errors import ExitCode, UserError
from eisd.model.outgoing import File, Outgoing, Party
from eisd.outbox.address import wire_address
from eisd.outbox.header import forbidden
from eisd.outbox.parts import is_type

RECIPIENTS: Final = 500
SUBJECT: Final = 1_000
NAME: Final = 200
FILES: Final = 200
REFERENCES: Final = 100
SIZE: Final = 50 << 20
"""Octets of all bodies and files together, before they are encoded."""

_MESSAGE_ID: Final = re.compile(r"[!-;=?-~]{1,900}")
_CONTENT_ID: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.@-]{1,200}")
_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,76}")
_OURS: Final = frozenset(
    {"from", "sender", "reply-to", "to", "cc", "bcc", "subject", "date", "message-id"}
    | {"in-reply-to", "references", "mime-version", "return-path", "received", "delivered-to"}
    | {"dkim-signature", "authentication-results", "arc-seal", "x-original-to", "errors-to"}
)
_STRUCTURED: Final = ("list-", "auto-submitted", "precedence", "x-forwarded-message-id")
_LONGEST: Final = 900


class Problem(NamedTuple):
    """One mistake: the field of `Outgoing`, what is wrong, and the way out."""

    field: str
    message: str
    hint: str = ""


class Unsendable(UserError):
    """The message cannot be composed; carries every problem."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        said = [f"{p.field}: {p.message}" for p in problems]
        hints = [p.hint for p in problems if p.hint]
        super().__init__("\n".join(said), hint=hints[0] if hints else "", code=ExitCode.DATA)
        self.problems = tuple(problems)


def check(outgoing: Outgoing) -> None:
    """Raise `Unsendable` if anything is wrong."""
    problems = [
        *_parties(outgoing),
        *_words(outgoing),
        *_ids(outgoing),
        *_headers(outgoing),
        *_files(outgoing),
        *([] if outgoing.allow_empty else _emptiness(outgoing)),
    ]
    if problems:
        raise Unsendable(problems)


def _parties(outgoing: Outgoing) -> Iterator[Problem]:
    yield from _party("from", outgoing.sender)
    listed = {"to": outgoing.to, "cc": outgoing.cc, "bcc": outgoing.bcc}
    for name, parties in {**listed, "reply_to": outgoing.reply_to}.items():
        for party in parties:
            yield from _party(name, party)
    count = sum(map(len, listed.values()))
    if count > RECIPIENTS:
        hint = "a mailbox is no way to send to a list: use a list server"
        yield Problem("to", f"{count} recipients; at most {RECIPIENTS} go with one message", hint)


def _party(name: str, party: Party) -> Iterator[Problem]:
    if wire_address(party.address) is None:
        yield Problem(name, f"{party.address!r} is no address")
    if forbidden(party.name):
        yield Problem(name, f"the name of {party.address!r} holds a line break or a control")
    elif len(party.name) > NAME:
        yield Problem(name, f"the name of {party.address!r} has more than {NAME} characters")


def _words(outgoing: Outgoing) -> Iterator[Problem]:
    if forbidden(outgoing.subject):
        yield Problem("subject", "it holds a line break or a control")
    elif len(outgoing.subject) > SUBJECT:
        yield Problem("subject", f"it has more than {SUBJECT} characters")
    size = sum(len(file.data) for file in outgoing.files)
    size += sum(len(text or "") for text in (outgoing.text, outgoing.html))
    if size > SIZE:
        yield Problem("attachments", f"{size} octets; at most {SIZE} go with one message")


def _ids(outgoing: Outgoing) -> Iterator[Problem]:
    if outgoing.in_reply_to and not is_message_id(outgoing.in_reply_to):
        yield Problem("in_reply_to", f"{outgoing.in_reply_to!r} is no Message-ID")
    if len(outgoing.references) > REFERENCES:
        yield Problem("references", f"more than {REFERENCES}")
    for one in outgoing.references:
        if not is_message_id(one):
            yield Problem("references", f"{one!r} is no Message-ID")


def is_message_id(text: str) -> bool:
    """Whether that may stand between angle brackets."""
    return _MESSAGE_ID.fullmatch(text) is not None


def _headers(outgoing: Outgoing) -> Iterator[Problem]:
    for name, value in outgoing.headers:
        place = f"headers.{name}"
        if not _NAME.fullmatch(name):
            yield Problem("headers", f"{name!r} is no header name")
        elif name.lower() in _OURS or name.lower().startswith(("content-", "resent-")):
            yield Problem(place, "eisd writes this header itself")
        elif forbidden(value) or not value.strip():
            yield Problem(place, "its value is empty, or holds a line break or a control")
        elif name.lower().startswith(_STRUCTURED) and not _is_structured(value):
            yield Problem(place, "its value must be ASCII, without words of 900 characters")
        elif len(value) > SUBJECT:
            yield Problem(place, f"its value has more than {SUBJECT} characters")


def is_structured(name: str) -> bool:
    """Whether a header's value is grammar, not text: encoded words would break it."""
    return name.lower().startswith(_STRUCTURED)


def _is_structured(value: str) -> bool:
    return value.isascii() and all(len(word) < _LONGEST for word in value.split())


def _files(outgoing: Outgoing) -> Iterator[Problem]:
    if len(outgoing.files) > FILES:
        yield Problem("attachments", f"more than {FILES}")
    for file in outgoing.files:
        yield from _file(file, inline=outgoing.html is not None)


def _file(file: File, *, inline: bool) -> Iterator[Problem]:
    place = f"attachments.{file.filename or 'unnamed'}"
    if forbidden(file.filename) or len(file.filename.encode("utf-8", "replace")) > NAME:
        message = f"its name holds a line break or a control, or has more than {NAME} octets"
        yield Problem("attachments", message)
    if file.content_type and not is_type(file.content_type):
        yield Problem(place, f"{file.content_type!r} is no content type")
    if file.content_id and not _CONTENT_ID.fullmatch(file.content_id):
        yield Problem(place, f"{file.content_id!r} is no content id")
    elif file.content_id and not inline:
        yield Problem(place, "an inline file needs HTML that shows it", "give html, or no id")


def _emptiness(outgoing: Outgoing) -> Iterator[Problem]:
    hint = "give it, or allow an empty message: --allow-empty"
    if not (outgoing.to or outgoing.cc or outgoing.bcc):
        yield Problem("to", "there is no recipient", "give --to, --cc or --bcc")
    if not outgoing.subject.strip():
        yield Problem("subject", "there is no subject", hint)
    bodies = (outgoing.text or "", outgoing.html or "")
    if not any(body.strip() for body in bodies) and not outgoing.files:
        yield Problem("body", "there is no text", hint)
