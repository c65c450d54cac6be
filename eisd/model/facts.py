"""The facts of a message as the matcher sees them: keys as hashes, bits that merge by *or*.

The matcher never compares readable addresses: every key is a 64-bit keyed hash (BLAKE2b with the
index key that lies beside the secrets). So the facts of a copy that matched nobody can be kept
exactly as they were, without a subject, a name or a readable address (rule U1), and merged
with those of a copy that comes years later (I4).

Merging (`eisd.matcher.merge`) is commutative, associative and idempotent.

What is made for each message is a named tuple: a frozen dataclass takes four times as long.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import NamedTuple

from eisd.model.activity import Direction, Flag, MessageClass, Outcome, OutcomeReason, Via
from eisd.model.mail import Role, Signal
from eisd.model.mailbox import Box

KeyHash = int
"""Unsigned 64 bits; 0 means "no key"."""


class Mark(IntFlag):
    """What is known of one participant besides its keys."""

    BLOCKED = 1  # on the block list with action "participant" (M13)
    NONE = 0
    LIST_ADDRESS = 2  # is the list's own address (List-Post), so no sign of being addressed
    BLOCKS_MESSAGE = 4  # blocked with action "message" (M13); a bit here because S is exempt
    RECIPIENT = 8  # stands in To, Cc or Bcc, whatever its strongest role (S5: mail to oneself)


class Participant(NamedTuple):
    """One address of a message, in its strongest role.

    ``address`` and ``name`` are readable only while a message is at hand or was matched.
    """

    role: Role
    exact: KeyHash
    relaxed: KeyHash
    domain: KeyHash
    """Hash of the address's domain (A-label, lower case)."""
    registrable: KeyHash
    """Hash of its registrable domain (public suffix list); 0 for free-mail domains."""
    marks: Mark = Mark.NONE
    address: str = ""
    name: str = ""


class Facts(NamedTuple):
    """What the copies of one message say together."""

    id_key: bytes
    """16 bytes: keyed hash of the identity (I1) before any collision (I2) is looked at."""
    author: KeyHash
    """Exact key of the author (S3)."""
    author_relaxed: KeyHash
    author_domain: KeyHash
    author_registrable: KeyHash
    date: int | None
    """The Date header, seconds since 1970 UTC."""
    subject_key: KeyHash
    """Of the raw subject, for I2."""
    gate_at: int
    """Milliseconds since 1970 UTC: the earliest of the copies."""
    signals: Signal
    participants: tuple[Participant, ...]
    """Sorted by (role strength, exact)."""
    parents: tuple[KeyHash, ...] = ()
    """Message-ID hashes: In-Reply-To first, then References from the end; up to 33, 5 if kept
    for an unmatched copy."""


class CopyFacts(NamedTuple):
    """What decides about one copy beside the message's facts."""

    mailbox: int
    """Row id of the mailbox."""
    mailbox_key: KeyHash
    """Exact key of the mailbox's own address (any_staff, S5)."""
    gate_at: int
    """Milliseconds since 1970 UTC."""
    connected_at: int
    """When the mailbox first fed the workspace in question, milliseconds (Z1)."""
    box: Box
    live: bool
    aliases: frozenset[KeyHash] = frozenset()
    """Exact and relaxed keys of the mailbox's other addresses, for any_staff (S5)."""


class AddressEntry(NamedTuple):
    """One interval of one contact's address, as the book holds it (M3). Times in milliseconds."""

    contact: int
    """Row id of the contact; order of creation, then of import."""
    exact: KeyHash
    relaxed: KeyHash
    primary: bool
    added_at: int | None
    """None: always known (first import into an empty workspace)."""
    ended_at: int | None
    created: bool = False
    """The contact was made by auto-create: every copy needs gate_at >= added_at."""
    match_from: int | None = None
    """Backfill asked for (M4): this much earlier counts as known."""
    primary_times: tuple[tuple[int | None, int | None], ...] = ()
    """When it was its contact's primary one (M5), from and until, where that is not all the time
    or never, as ``primary`` says; None: as long as the interval."""


@dataclass(frozen=True, slots=True)
class Staff:
    """S of one workspace (S1), as key hashes. ``domains`` holds plain and registrable ones."""

    exact: frozenset[KeyHash]
    relaxed: frozenset[KeyHash]
    domains: frozenset[KeyHash] = frozenset()


class Hit(NamedTuple):
    """One contact that the message concerns."""

    contact: int
    roles: tuple[Role, ...]
    via: Via
    flags: frozenset[Flag]
    participants: tuple[KeyHash, ...]
    """Exact hashes of the participants that led to the contact."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One participant's way through the rules, for `eisd explain`."""

    participant: Participant
    verdict: str
    """``matched``, or the reason it gave none, in the words of OutcomeReason or Mark."""
    rule: str
    """The deciding rule's number in docs/reference/matching.md, such as "M3"."""
    contacts: tuple[int, ...] = ()


class Decision(NamedTuple):
    """What the matcher says of one message in one workspace."""

    outcome: Outcome
    reason: OutcomeReason
    direction: Direction
    kind: MessageClass
    flags: frozenset[Flag]
    hits: tuple[Hit, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    notes: tuple[str, ...] = ()
