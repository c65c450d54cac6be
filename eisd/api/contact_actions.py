"""What may be done to one contact, as JSON in and JSON out. An id of a merged contact is as good.

Every action takes effect at once: mail that arrives from then on is decided with it, and what was
seen before is looked at again before the answer, or in the background if that takes longer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from eisd import events
from eisd.api.answers import Answer
from eisd.api.contact_rows import DEFAULT_WORKSPACE, RowError, contact
from eisd.api.core import Core
from eisd.errors import ExitCode, UserError
from eisd.logs import emit
from eisd.store import contact_life
from eisd.store.contact_life import Contact
from eisd.store.database import Tx, empty_log
from eisd.store.sql import Connection
from eisd.sync import people
from eisd.sync.importing import hashed

T = TypeVar("T")

TRIES = 5
"""So often the database's log is emptied after a purge, until nobody is in the way."""
LOOK_BACK = 20.0
"""Seconds that an answer waits for the look at the past."""


async def add(core: Core, values: Mapping[str, Any]) -> Answer:
    """Add a contact, or addresses to one; nothing of it ends, a deleted one is there again.

    Raises:
        UserError: (65) it is no contact, with the reason.
    """
    try:
        row = contact(values, DEFAULT_WORKSPACE)
    except RowError as error:
        raise UserError(str(error), code=ExitCode.DATA) from None
    rules = core.rules()
    [person] = await asyncio.to_thread(hashed, rules.hasher, [row], rules.local_case)
    done = await core.store.write(lambda tx: people.add(tx, rules, person))
    _told("added" if done.added else "changed", row.contact_id)
    return {
        "contact_id": row.contact_id,
        "workspace": row.workspace,
        "added": bool(done.added),
        "addresses_added": done.addresses_added,
        **await looked(core),
    }


async def remove(core: Core, contact_id: str, *, workspace: str | None = None) -> Answer:
    """Delete a contact; its activities stay (M10). Raises UserError (67)."""

    def run(tx: Tx, one: Contact) -> None:
        people.remove(tx, one.row)

    one, _ = await _on_one(core, contact_id, workspace, run)
    _told("removed", one.contact_id)
    return _named(one) | await looked(core)


async def purge(core: Core, contact_id: str, *, workspace: str | None = None) -> Answer:
    """Erase a contact and what is readable of it, deleted before or not (M10)."""
    one, done = await _on_one(
        core,
        contact_id,
        workspace,
        lambda tx, one: people.purge(tx, one.row),
        deleted_too=True,
    )
    _told("purged", "")  # the log is not to remember whom
    past = await looked(core)
    for _ in range(TRIES):
        if await asyncio.to_thread(empty_log, core.store.path):
            break
    return _named(one) | {
        "activities": done.activities,
        "messages": done.messages,
        "participants": done.participants,
        "sent": done.sent,
        "drafts": done.drafts,
        **past,
    }


async def end_address(
    core: Core, contact_id: str, address: str, *, workspace: str | None = None
) -> Answer:
    """End one address of a contact (M6); what came by it stays. Raises UserError (67)."""
    rules = core.rules()
    given = people.address_in(rules.hasher, address.strip(), rules.local_case)
    one, ended = await _on_one(
        core,
        contact_id,
        workspace,
        lambda tx, one: people.end_address(tx, rules, one.row, given.key, given),
    )
    if not ended:
        raise UserError(
            f"contact {one.contact_id!r} does not have the address {address!r}",
            hint=f"its addresses: eisd contacts show {one.contact_id}",
            code=ExitCode.UNKNOWN,
        )
    _told("changed", one.contact_id)
    return _named(one) | {"address": address, **await looked(core)}


async def restore(core: Core, contact_id: str, *, workspace: str | None = None) -> Answer:
    """Take a deletion back: the addresses it had count again from now on (M10)."""
    one, opened = await _on_one(
        core,
        contact_id,
        workspace,
        lambda tx, one: people.restore(tx, one.row),
        deleted_too=True,
    )
    if opened:
        _told("restored", one.contact_id)
    return _named(one) | {"addresses": opened, **await looked(core)}


async def merge(core: Core, contact_id: str, into: str, *, workspace: str | None = None) -> Answer:
    """Merge a contact into another of its workspace; done again it changes nothing (M9)."""

    def run(tx: Tx, target: Contact) -> tuple[Contact, int] | UserError:
        source = _find(tx.db, contact_id, target.workspace, deleted_too=True)
        if isinstance(source, UserError):
            return source
        if source.row == target.row:
            return target, 0
        return target, people.merge(tx, source.row, target.row)

    _, found = await _on_one(core, into, workspace, run)
    if isinstance(found, UserError):
        raise found
    target, moved = found
    _told("merged", target.contact_id)
    return _named(target) | {"activities": moved, **await looked(core)}


async def backfill(
    core: Core, contact_id: str, *, since_ms: int | None = None, workspace: str | None = None
) -> Answer:
    """Give a contact its past since a time, or all that was ever listed (M4)."""
    since = since_ms or 0
    one, _ = await _on_one(
        core, contact_id, workspace, lambda tx, one: people.backfill(tx, one.row, since)
    )
    return _named(one) | await looked(core)


async def looked(core: Core) -> Answer:
    """What the look at the past brought so far; ``looking``: it goes on in the background."""
    settled = await core.look_back(LOOK_BACK)
    if settled is None:
        return {"to_fetch": 0, "new_activities": 0, "looking": True}
    return {
        "to_fetch": settled.pending,
        "new_activities": len(settled.activities),
        "looking": False,
    }


def _named(one: Contact) -> Answer:
    return {"contact_id": one.contact_id, "workspace": one.workspace}


def _told(what: str, contact_id: str) -> None:
    emit(events.CONTACT_CHANGED, what=what, contact_id=contact_id or None)


async def _on_one(
    core: Core,
    contact_id: str,
    workspace: str | None,
    run: Callable[[Tx, Contact], T],
    *,
    deleted_too: bool = False,
) -> tuple[Contact, T]:
    """Find the contact and do something to it, in one transaction.

    What is wrong is raised outside of it: a write that fails costs the writer what it remembers.
    """

    def write(tx: Tx) -> tuple[Contact, T] | UserError:
        found = _find(tx.db, contact_id, workspace, deleted_too=deleted_too)
        return found if isinstance(found, UserError) else (found, run(tx, found))

    done = await core.store.write(write)
    if isinstance(done, UserError):
        raise done
    return done


def _find(
    db: Connection, contact_id: str, workspace: str | None, *, deleted_too: bool
) -> Contact | UserError:
    """The one contact that is meant, or why there is none."""
    known = contact_life.find(db, contact_id, workspace=workspace)
    there = [one for one in known if one.deleted_at is None] or (known if deleted_too else [])
    if len(there) == 1:
        return there[0]
    if there:
        return UserError(
            f"several workspaces have a contact {contact_id!r}",
            hint=f"say which: {', '.join(f'--workspace {one.workspace}' for one in there)}",
        )
    if known:
        return UserError(
            f"the contact {contact_id!r} was deleted",
            hint=f"eisd contacts restore {contact_id}",
            code=ExitCode.UNKNOWN,
        )
    return UserError(f"there is no contact {contact_id!r}", code=ExitCode.UNKNOWN)
