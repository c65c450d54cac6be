"""Header blocks of many copies: what is asked for, and what to do about what is not answered.

A server may leave a UID out of its answer because the copy was expunged, because a replica lags,
or because it cannot read the message. Only a UID that a search does not find is gone; any other
is asked for again, in other words each time, and in the end listed with what is known, for a
position moves only past copies that were listed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache

from eisd.driver.imap.dialect import PLAIN, Dialect, Told
from eisd.errors import ProtocolError, Transient
from eisd.mime.limits import HEADER_BLOCK
from eisd.model.folder import Listed
from eisd.wire.imap import Client, Pending
from eisd.wire.imap_fetch import Fetched, merge
from eisd.wire.imap_grammar import compress, parse_internaldate

HEADER_FIELDS = (
    "From", "Reply-To", "To", "Cc", "Bcc", "Date", "Subject", "Message-ID",
    "In-Reply-To", "References", "Return-Path", "List-Id", "List-Post", "List-Unsubscribe",
    "Precedence", "Auto-Submitted", "X-Autoreply", "X-Autorespond", "X-Autoresponder",
    "Feedback-ID", "X-Original-From", "X-Original-Sender", "Content-Type",
)  # fmt: skip
"""What decisions need. Received is not asked for: it is half of a header's bytes, and only the time
of a matched message needs it (T1), whose whole header is fetched anyway; so with Delivered-To."""
_AUTHENTICATION = "Authentication-Results"
"""A third of what is left, and of use only where some server is trusted to have written it (S4)."""

_FACTS = "UID FLAGS INTERNALDATE RFC822.SIZE"
_UNVOUCHED = f"BODY.PEEK[HEADER.FIELDS ({' '.join(HEADER_FIELDS)})]"
_HEADERS = (
    f"BODY.PEEK[HEADER.FIELDS ({' '.join(HEADER_FIELDS)} {_AUTHENTICATION})]",
    "BODY.PEEK[HEADER]",  # some servers fail on a list of fields
    "BODY.PEEK[]<0.65536>",  # and some on a header that they could not parse
)
_PAUSES = (0.0, 0.5, 1.0)  # seconds; a lagging replica needs a moment
_NOTHING = Told()
_MOST = HEADER_BLOCK + 1  # octets of a header; so many are too many, and seen to be
_TYPICAL = 2048  # octets a copy, for the deadline of a fetch

_SYSTEM_FLAGS = {
    f.lower(): f for f in ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft", "\\Recent")
}


def _question(items: str, header: str) -> str:
    """All that is asked for; ``items`` are the dialect's own."""
    return f"({_FACTS} {items} {header})" if items else f"({_FACTS} {header})"


@lru_cache(maxsize=8)
def _questions(items: str) -> tuple[str, ...]:
    """What is asked for, in other words each time."""
    return tuple(_question(items, header) for header in _HEADERS)


def ask(
    client: Client, uids: Sequence[int], dialect: Dialect = PLAIN, *, authentication: bool = True
) -> Pending:
    """Send the question for these UIDs; several may be under way."""
    question = _question(dialect.items, _HEADERS[0] if authentication else _UNVOUCHED)
    return client.start_fetch(uids, question, size_hint=len(uids) * _TYPICAL)


async def listed(
    client: Client,
    uids: Sequence[int],
    pending: Pending,
    dialect: Dialect = PLAIN,
    *,
    live: bool,
) -> list[Listed]:
    """The copies of these UIDs, in their order, without those that are gone."""
    found = _kept(await pending.by_uid())
    copies, lacking = [], []
    for uid in uids:
        answer = found.get(uid)
        if answer is None or answer.internaldate is None or not (header := _header(answer)):
            lacking.append(uid)
        else:
            copies.append(_listed(answer, header, dialect, live=live))
    if not lacking:
        return copies
    found, gone = await _insist(client, lacking, found, _questions(dialect.items))
    answers = [found.get(u) or Fetched(u) for u in uids if u not in gone]
    return [_listed(answer, _header(answer), dialect, live=live) for answer in answers]


async def _insist(
    client: Client, lacking: list[int], found: dict[int, Fetched], questions: Sequence[str]
) -> tuple[dict[int, Fetched], set[int]]:
    """Ask again for what was not answered; returns all answers and the UIDs that are gone."""
    gone: set[int] = set()
    for pause, items in zip(_PAUSES, questions, strict=True):
        if not lacking:
            break
        await asyncio.sleep(pause)
        there = set(await client.uid_search(f"UID {compress(lacking)}"))
        gone.update(u for u in lacking if u not in there)
        lacking = [u for u in lacking if u in there]
        if not lacking:
            break
        again = client.start_fetch(lacking, items, size_hint=len(lacking) * _TYPICAL)
        found = _merged(found, lacking, _kept(await again.by_uid()).values())
        lacking = [u for u in lacking if not _whole(found.get(u))]
    if len(lacking) > 1 and not any(u in found for u in lacking):
        raise Transient(f"the server answers nothing for {len(lacking)} messages", code="silent")
    return found, gone


def _kept(found: dict[int, Fetched]) -> dict[int, Fetched]:
    """The answers without what is too much of a header: a server may give 64 MiB for one."""
    for uid, answer in found.items():
        if any(len(content) > _MOST for content in answer.sections.values()):
            cut = {name: content[:_MOST] for name, content in answer.sections.items()}
            found[uid] = answer._replace(sections=cut)
    return found


def _merged(
    found: dict[int, Fetched], uids: Iterable[int], answers: Iterable[Fetched]
) -> dict[int, Fetched]:
    """The answers by UID; others than those asked for are news, and not ours."""
    asked = set(uids)
    merged = dict(found)
    for answer in answers:
        if answer.uid in asked:
            old = merged.get(answer.uid)
            merged[answer.uid] = merge(old, answer) if old else answer
    return merged


def _whole(answer: Fetched | None) -> bool:
    return answer is not None and answer.internaldate is not None and bool(_header(answer))


def _header(answer: Fetched) -> bytes:
    """The header block. A header is never empty: at least the line that ends it is there."""
    if content := answer.sections.get(b"HEADER.FIELDS"):
        return content
    for section, content in answer.sections.items():
        if content:
            return content if section else content.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    return b""


def _listed(answer: Fetched, header: bytes, dialect: Dialect, *, live: bool) -> Listed:
    told = dialect.read(answer.others) if answer.others else _NOTHING
    return Listed(
        str(answer.uid),
        _received(answer.internaldate),
        -1 if answer.size is None else answer.size,
        flag_names(answer.flags or ()),
        header,
        live,
        *told,
    )


def _received(raw: bytes | None) -> datetime:
    """INTERNALDATE; a server that sends none, or none that can be read, gets the time of now."""
    try:
        return parse_internaldate(raw or b"")
    except ProtocolError:
        return datetime.now(UTC)


@lru_cache(maxsize=1024)
def flag_names(flags: tuple[bytes, ...]) -> frozenset[str]:
    """Flags as text, system flags in the RFC's letter case."""
    names = (f.decode("utf-8", "replace") for f in flags)
    return frozenset(_SYSTEM_FLAGS.get(n.lower(), n) for n in names)
