"""What a scan is asked, and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from eisd.matcher.blocklist import Blocklist
from eisd.matcher.judge import People
from eisd.matcher.keys import Hasher
from eisd.matcher.policy import Policy
from eisd.mime.addresses import LocalCase
from eisd.model.activity import Outcome, OutcomeReason
from eisd.model.facts import KeyHash
from eisd.model.mailbox import Box, SyncMode


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """What the copies of one folder are read and judged by. Plain values, so it can be sent."""

    hasher: Hasher
    policy: Policy
    people: People
    """Of the workspaces that the mailbox feeds."""
    mailbox: int
    key: KeyHash
    """Exact key of the mailbox's own address."""
    aliases: frozenset[KeyHash]
    mode: SyncMode
    box: Box
    blocklist: Blocklist | None = None
    trusted_authserv: frozenset[str] = frozenset()
    local_case: LocalCase = "fold"


class Item(NamedTuple):
    """One listed copy: when it was received (milliseconds), how it was listed, its header."""

    gate_at: int
    live: bool
    header: bytes
    sent: bool = False
    """Its labels put it on the sender's side, whatever the folder's box is."""


class Read(NamedTuple):
    """What was read of a copy, and its outcome if it concerns no contact and is alone."""

    id_key: bytes
    facts: bytes
    """Packed."""
    keys: tuple[KeyHash, ...]
    """Exact and relaxed keys of everybody it names."""
    outcome: Outcome
    reason: OutcomeReason
    parent: KeyHash = 0
    """Of list mail that is skipped: what it answers, or 0."""
    outgoing: bool = False
    """Whether staff of a workspace that the mailbox feeds wrote it."""
