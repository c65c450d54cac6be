"""From listed copies to facts: pure work, done in a thread for a whole batch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from eisd.matcher.facts import facts_of
from eisd.mime.headers import extract
from eisd.model.activity import OutcomeReason
from eisd.model.facts import Facts
from eisd.model.folder import Folder, FolderRole, Listed
from eisd.model.mailbox import Box
from eisd.sync.rules import Rules


class Prepared(NamedTuple):
    """A listed copy with its readable facts. ``held``: why it does not count, or nothing."""

    remote_id: str
    size: int
    flags: frozenset[str]
    live: bool
    gate_at: int
    box: Box
    held: OutcomeReason
    facts: Facts
    unread: bool = False
    """The server has the copy and would not give its header: it is fetched whole."""


def prepare(
    listed: Sequence[Listed],
    folder: Folder,
    mailbox: int,
    rules: Rules,
    begin_at: int | None,
) -> list[Prepared]:
    """Read the headers of a batch. ``begin_at`` (ms) is where the mailbox's window begins."""
    sent = folder.role is FolderRole.SENT
    box = Box.SENT if sent else Box.RECEIVED
    blocklist = rules.of(mailbox).blocklist
    found = []
    for copy in listed:
        gate_at = int(copy.gate_at.timestamp() * 1000)
        facts = facts_of(
            extract(copy.header, local_case=rules.local_case),  # type: ignore[arg-type]
            gate_at_ms=gate_at,
            hasher=rules.hasher,
            blocklist=blocklist,
            trusted_authserv=rules.trusted_authserv,
            sent=sent,
        )
        unread = not copy.header
        if unread:  # nothing to know it by: it is itself alone until it is fetched
            name = f"unread:{mailbox}:{folder.name}:{copy.remote_id}"
            facts = facts._replace(id_key=rules.hasher.identity(name))
        held = OutcomeReason.NONE
        if "\\Draft" in copy.flags:
            held = OutcomeReason.DRAFT
        elif begin_at is not None and gate_at < begin_at:
            held = OutcomeReason.OUTSIDE_WINDOW
        found.append(
            Prepared(
                copy.remote_id, copy.size, copy.flags, copy.live, gate_at, box, held, facts, unread
            )
        )
    return found
