"""From listed copies to what is recorded of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from eisd.matcher.judge import People
from eisd.matcher.scan import Context, Item, Read, facts_in
from eisd.model.activity import OutcomeReason
from eisd.model.facts import Facts, KeyHash
from eisd.model.folder import Folder, FolderRole, Listed
from eisd.model.mailbox import Box
from eisd.sync.headers import HeaderReader
from eisd.sync.rules import Rules
from eisd.sync.selection import NEVER
from eisd.sync.threads import provider_key


class Prepared(NamedTuple):
    """A listed copy, and what was read of its header."""

    listed: Listed
    gate_at: int
    """Milliseconds since 1970 UTC."""
    held: OutcomeReason
    """Why it does not count, or nothing."""
    read: Read
    box: Box = Box.RECEIVED
    """By its labels, else by its folder."""
    unread: bool = False
    """The server has the copy and would not give its header: it is fetched whole."""
    thread: KeyHash = 0
    """The provider's thread, if it tells any."""


class Ready(NamedTuple):
    """A batch that can be recorded."""

    context: Context
    """What it was read by."""
    copies: Sequence[Prepared]


def context_of(rules: Rules, people: People, mailbox: int, box: Box) -> Context:
    """What copies of a mailbox on that side of it are read by."""
    own = rules.of(mailbox)
    return Context(
        hasher=rules.hasher,
        policy=rules.policy,
        people=people.only(mailbox),
        mailbox=mailbox,
        key=own.key,
        aliases=own.aliases,
        mode=own.mode,
        box=box,
        blocklist=own.blocklist or None,
        trusted_authserv=rules.trusted_authserv,
        local_case=rules.local_case,
    )


async def prepare(
    reader: HeaderReader,
    listed: Sequence[Listed],
    folder: Folder,
    mailbox: int,
    rules: Rules,
    people: People,
    begin_at: int | None,
) -> Ready:
    """Read the headers of a batch. ``begin_at`` (ms) is where the mailbox's window begins."""
    box = Box.SENT if folder.role is FolderRole.SENT else Box.RECEIVED
    context = context_of(rules, people, mailbox, box)
    items = [
        Item(int(c.gate_at.timestamp() * 1000), c.live, c.header, c.role is FolderRole.SENT)
        for c in listed
    ]
    reads = await reader.read(context, items) if items else []
    found = []
    for copy, item, read in zip(listed, items, reads, strict=True):
        unread = not copy.header
        if unread:  # nothing to know it by: it is itself alone until it is fetched
            place = copy.message or f"{folder.name}:{copy.remote_id}"
            name = f"unread:{mailbox}:{place}"
            read = read._replace(id_key=rules.hasher.identity(name))  # noqa: PLW2901
        side = Box.SENT if item.sent else box
        held = _held(copy, item, begin_at)
        thread = provider_key(rules.hasher, mailbox, copy.thread) if copy.thread else 0
        found.append(Prepared(copy, item.gate_at, held, read, side, unread, thread))
    return Ready(context, found)


def _held(copy: Listed, item: Item, begin_at: int | None) -> OutcomeReason:
    if copy.role is FolderRole.DRAFTS or (copy.flags and "\\Draft" in copy.flags):
        return OutcomeReason.DRAFT
    if copy.role in NEVER:
        return OutcomeReason.EXCLUDED_FOLDER
    if begin_at is not None and item.gate_at < begin_at:
        return OutcomeReason.OUTSIDE_WINDOW
    return OutcomeReason.NONE


def readable(context: Context, one: Prepared) -> Facts:
    """The facts of a copy with addresses and names, read here and now."""
    item = Item(one.gate_at, one.listed.live, one.listed.header, one.box is Box.SENT)
    return facts_in(context, item)._replace(id_key=one.read.id_key)
