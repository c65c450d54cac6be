"""Answering and forwarding a message: who gets it, what it is called, what it quotes. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from html import escape
from typing import Final

from eisd.errors import ExitCode, UserError
from eisd.mime.addresses import address_key, relaxed_key
from eisd.mime.html import html_to_text
from eisd.mime.prefixes import without_reply_prefixes
from eisd.mime.quote_html import quotable_html
from eisd.mime.text import cut, one_line
from eisd.model.outgoing import File, Outgoing, Party
from eisd.outbox.address import wire_address
from eisd.outbox.check import NAME, SUBJECT, is_message_id

_QUOTED: Final = 256 << 10
"""Octets of quoted text."""
_REFERENCES: Final = 20
_CITE: Final = 'type="cite" style="margin:0 0 0 .8ex;border-left:1px solid #ccc;padding-left:1ex"'


@dataclass(frozen=True, slots=True)
class Original:
    """The message that is answered or forwarded, as it was stored and fetched."""

    sender: Party
    """Its author (From)."""
    message_id: str = ""
    """Without angle brackets; empty where it had none."""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    subject: str = ""
    reply_to: tuple[Party, ...] = ()
    to: tuple[Party, ...] = ()
    cc: tuple[Party, ...] = ()
    date: datetime | None = None
    text: str = ""
    html: str = ""
    files: tuple[File, ...] = ()
    """For `forward`; those with a ``content_id`` are what the HTML shows."""


@dataclass(frozen=True, slots=True)
class Words:
    """What the author writes, and whether it is an answer to everybody."""

    text: str = ""
    html: str | None = None
    files: tuple[File, ...] = ()
    quote: bool = True
    """Put the original below."""


def reply(
    original: Original,
    words: Words,
    *,
    sender: Party,
    ours: Collection[str],
    everyone: bool = False,
) -> Outgoing:
    """An answer from ``sender``, to its author or, with ``everyone``, to all it was between.

    ``ours`` are the mailbox's address and its aliases: none of them is ever a recipient. An
    original that we wrote ourselves is answered to whom it went.

    Raises `UserError` when nobody is left to answer to.
    """
    mine = _Ours([sender.address, *ours])
    to, cc = _recipients(original, mine, everyone=everyone)
    if not to:
        hint = "name the recipient: --to ADDRESS"
        raise UserError("there is nobody to reply to", hint=hint, code=ExitCode.DATA)
    answered = Outgoing(
        sender=sender,
        to=to,
        cc=cc,
        subject=_prefixed("Re: ", without_reply_prefixes(one_line(original.subject))),
        text=words.text,
        html=words.html,
        files=words.files,
        in_reply_to=original.message_id if is_message_id(original.message_id) else "",
        references=references(original),
    )
    return _with_quote(answered, original) if words.quote else answered


def forward(
    original: Original,
    words: Words,
    *,
    sender: Party,
    to: Sequence[Party],
    cc: Sequence[Party] = (),
) -> Outgoing:
    """The original with its attachments, below what the author writes.

    It begins a thread of its own: whom it goes to had no part in the old one.
    """
    subject = one_line(original.subject)
    if not subject.casefold().startswith(("fwd:", "fw:", "wg:", "tr:")):
        subject = _prefixed("Fwd: ", subject)
    known = is_message_id(original.message_id)
    head = (("X-Forwarded-Message-Id", f"<{original.message_id}>"),) if known else ()
    rich = words.html is not None or bool(original.html)
    shown = [f for f in original.files if f.content_id] if rich else []
    attached = [f if rich else replace(f, content_id="") for f in original.files]
    block = _header_block(original)
    text = f"{words.text.rstrip()}\n\n{block}\n\n{_text_of(original)}".lstrip("\n")
    html = None
    if rich:
        own = words.html if words.html is not None else _as_html(words.text)
        quoted = _html_of(original, [f.content_id for f in shown])
        html = f"{own}\n<br>\n<div>{_as_html(block)}<br>\n{quoted}</div>\n"
    return Outgoing(
        sender=sender,
        to=tuple(to),
        cc=tuple(cc),
        subject=subject,
        text=text,
        html=html,
        files=(*words.files, *attached),
        headers=head,
    )


def references(original: Original) -> tuple[str, ...]:
    """References of an answer (RFC 5322 section 3.6.4): the first, and the last nineteen."""
    parents = original.references or ((original.in_reply_to,) if original.in_reply_to else ())
    chain = dict.fromkeys(one for one in parents if is_message_id(one))
    chain.pop(original.message_id, None)
    if is_message_id(original.message_id):
        chain[original.message_id] = None
    found = tuple(chain)
    return found if len(found) <= _REFERENCES else (found[0], *found[1 - _REFERENCES :])


# Recipients


class _Ours:
    """Whether an address is ours, tags and Gmail's dots set aside."""

    def __init__(self, addresses: Iterable[str]) -> None:
        keys = [address_key(one) for one in addresses]
        self._keys = frozenset(relaxed_key(key) for key in keys if key)

    def has(self, address: str) -> bool:
        return relaxed_key(address_key(address)) in self._keys

    def others(self, parties: Iterable[Party], but: Iterable[Party] = ()) -> tuple[Party, ...]:
        """Those that are not ours, each once, and none that is in ``but``."""
        seen = {address_key(party.address) for party in but}
        kept: list[Party] = []
        for party in parties:
            key = address_key(party.address)
            if key in seen or self.has(party.address) or wire_address(party.address) is None:
                continue
            seen.add(key)
            kept.append(Party(party.address, one_line(party.name)[:NAME]))
        return tuple(kept)


def _recipients(
    original: Original, ours: _Ours, *, everyone: bool
) -> tuple[tuple[Party, ...], tuple[Party, ...]]:
    if ours.has(original.sender.address):
        to = ours.others(original.to) or ours.others(original.cc)
        return to, ours.others(original.cc, to) if everyone else ()
    to = ours.others(original.reply_to) or ours.others([original.sender])
    if not everyone:
        return to, ()
    return to or ours.others(original.to), ours.others([*original.to, *original.cc], to)


# Words


def _prefixed(prefix: str, subject: str) -> str:
    return f"{prefix}{subject}"[:SUBJECT].rstrip()


def _with_quote(answered: Outgoing, original: Original) -> Outgoing:
    line = _attribution(original)
    quoted = "\n".join(_quoted(one) for one in _text_of(original).rstrip().split("\n"))
    text = f"{(answered.text or '').rstrip()}\n\n{line}\n{quoted}\n"
    if answered.html is None:
        return replace(answered, text=text)
    cited = f"<blockquote {_CITE}>\n{_html_of(original)}\n</blockquote>"
    html = f"{answered.html}\n<br>\n<div>{_as_html(line)}\n{cited}</div>\n"
    given = text if answered.text else None
    return replace(answered, text=given, html=html)


def _quoted(line: str) -> str:
    return f">{line}" if line.startswith(">") else f"> {line}".rstrip()


def _attribution(original: Original) -> str:
    when = f"On {_when(original.date)}, " if original.date else ""
    return f"{when}{_named(original.sender)} wrote:"


def _header_block(original: Original) -> str:
    lines = [
        "---------- Forwarded message ----------",
        f"From: {_named(original.sender)}",
        f"Date: {_when(original.date)}" if original.date else "",
        f"Subject: {one_line(original.subject)}",
        f"To: {', '.join(map(_named, original.to))}" if original.to else "",
        f"Cc: {', '.join(map(_named, original.cc))}" if original.cc else "",
    ]
    return "\n".join(line for line in lines if line)


_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip


def _when(date: datetime | None) -> str:
    """As it was there, whatever locale eisd runs in."""
    if date is None:
        return ""
    day, month = _DAYS[date.weekday()], _MONTHS[date.month - 1]
    return f"{day}, {date.day} {month} {date.year} at {date:%H:%M} {date:%z}".rstrip()


def _named(party: Party) -> str:
    name, address = one_line(party.name), one_line(party.address)
    return f"{name} <{address}>" if name else address


def _text_of(original: Original) -> str:
    return cut(original.text or html_to_text(original.html), _QUOTED)


def _html_of(original: Original, images: Collection[str] = ()) -> str:
    return quotable_html(original.html, images) if original.html else _as_html(_text_of(original))


def _as_html(text: str) -> str:
    return escape(text, quote=False).replace("\n", "<br>\n")
