"""A small world to decide in: one mailbox, one book, header text in, a decision out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eisd.matcher.facts import Blocklist, facts_of
from eisd.matcher.keys import Hasher
from eisd.matcher.match import decide
from eisd.matcher.policy import Policy
from eisd.matcher.staff import staff_of
from eisd.mime.addresses import address_key, relaxed_key
from eisd.mime.headers import extract
from eisd.model.facts import AddressEntry, CopyFacts, Decision, Facts, KeyHash, Staff
from eisd.model.mailbox import Box

HASHER = Hasher(b"an index key for tests")
DAY = 86_400_000
HOUR = 3_600_000
CONNECTED = 1_700_000_000_000
"""When the mailbox was connected, milliseconds."""
LATER = CONNECTED + 10 * DAY
"""A live copy's receive time."""
EARLIER = CONNECTED - 10 * DAY
"""A backfill copy's receive time."""
ME = "me@ours.example"
STAFF: Staff = staff_of([ME, "you@ours.example"], hasher=HASHER)
DATE = "Date: Tue, 14 Nov 2023 22:13:20 +0000\n"


@dataclass(frozen=True)
class Block:
    """A block-list entry, as the configuration would give it."""

    entry: str
    action: str = "participant"
    mailbox: str | None = None


def key(address: str) -> KeyHash:
    return HASHER.key(address_key(address))


def facts(text: str, *, gate: int = LATER, blocks: Sequence[Block] = (), **more: Any) -> Facts:
    """Make facts of header text."""
    return facts_of(
        extract(text.replace("\n", "\r\n").encode()),
        gate_at_ms=gate,
        hasher=HASHER,
        blocklist=Blocklist.of(blocks, "mine"),
        **more,
    )


def copy(*, gate: int = LATER, mailbox: str = ME, aliases: Sequence[str] = ()) -> CopyFacts:
    """Make a copy in a mailbox."""
    return CopyFacts(
        mailbox=1,
        mailbox_key=key(mailbox),
        gate_at=gate,
        connected_at=CONNECTED,
        box=Box.RECEIVED,
        live=gate >= CONNECTED,
        aliases=frozenset(map(key, aliases)),
    )


def entry(
    contact: int,
    address: str,
    *,
    added: int | None = None,
    ended: int | None = None,
    primary: bool = True,
    created: bool = False,
    match_from: int | None = None,
) -> AddressEntry:
    """Make one interval of a contact's address."""
    exact = address_key(address)
    return AddressEntry(
        contact=contact,
        exact=HASHER.key(exact),
        relaxed=HASHER.key(relaxed_key(exact)),
        primary=primary,
        added_at=added,
        ended_at=ended,
        created=created,
        match_from=match_from,
    )


def book(*entries: AddressEntry) -> dict[KeyHash, list[AddressEntry]]:
    """Make the mapping that the book gives: by exact and by relaxed key."""
    found: dict[KeyHash, list[AddressEntry]] = {}
    for one in entries:
        for hashed in {one.exact, one.relaxed}:
            found.setdefault(hashed, []).append(one)
    return found


def judge(
    message: str | Facts,
    *entries: AddressEntry,
    copies: Sequence[CopyFacts] | None = None,
    staff: Staff = STAFF,
    policy: Policy | None = None,
    **more: Any,
) -> Decision:
    """Decide about header text, or about facts, in this world."""
    known = facts(message) if isinstance(message, str) else message
    return decide(
        known,
        [copy(gate=known.gate_at)] if copies is None else copies,
        staff,
        book(*entries),
        policy or Policy(),
        **more,
    )


def contacts(decision: Decision) -> list[int]:
    return [hit.contact for hit in decision.hits]


def told(decision: Decision) -> str:
    """Say outcome and reason in one word, as `eisd explain` would."""
    reason = decision.reason.value
    return f"{decision.outcome.value}:{reason}" if reason else decision.outcome.value
