"""What may be asked of a core, as JSON in and JSON out.

Endpoints call these, and so do commands that find no daemon, with a core of their own.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import IO, Any

from eisd import events
from eisd.api import answers, explaining
from eisd.api.answers import Answer
from eisd.api.contact_files import read_open, refusal
from eisd.api.contact_rows import Rows, from_json
from eisd.api.core import Core
from eisd.errors import EisdError, ExitCode, UserError
from eisd.logs import emit
from eisd.mime.limits import MESSAGE
from eisd.model.contact import ContactIn
from eisd.model.mail import RawMessage
from eisd.store.backup import backup as copy_database
from eisd.store.contact_diff import Change
from eisd.store.contact_import import Imported
from eisd.sync.importing import PART, Given, hashed
from eisd.sync.mailbox import Mailbox
from eisd.sync.rehearsal import rehearse
from eisd.sync.rules import Rules
from eisd.sync.verify import FolderCheck, verify

BAD_ROWS_TOLD = 100
VERIFY_CATCH_UP = 300.0
"""Seconds that a mailbox at work is given to catch up before it is compared."""


async def contacts_import(
    core: Core,
    items: Sequence[object],
    *,
    workspace: str = "default",
    replace: bool = False,
    dry_run: bool = False,
    skip_bad: bool = False,
    source: str = "command",
) -> Answer:
    """Import contacts in their JSON form; the past of known addresses is looked up at once.

    Raises:
        UserError: (65) a bad row, and nothing was imported.
    """
    rows = await asyncio.to_thread(from_json, items, workspace)
    if rows.bad and not _may_leave_out(rows, skip_bad=skip_bad, replace=replace):
        told = "\n".join(f"contact {row.line}: {row.problem}" for row in rows.bad[:BAD_ROWS_TOLD])
        raise UserError(f"{told}\nnothing was imported", code=ExitCode.DATA)
    return await import_rows(core, rows, replace=replace, dry_run=dry_run, source=source)


def _may_leave_out(rows: Rows, *, skip_bad: bool, replace: bool) -> bool:
    """Whether the bad rows may be left out: not where a contact would be removed for its own."""
    return skip_bad and not replace and not any(row.is_fatal for row in rows.bad)


async def import_file(
    core: Core,
    file: IO[bytes],
    *,
    format_: str,
    workspace: str,
    replace: bool,
    dry_run: bool,
    skip_bad: bool,
    source: str,
) -> Answer:
    """Import a file as it lies; of bad rows that are left out the first are told.

    Raises:
        UserError: (65) it has bad rows, each named with its line, and nothing was imported.
    """
    with closing(await asyncio.to_thread(read_open, file, format_, workspace)) as rows:
        refused = refusal(source, rows.bad, replace=replace) if rows.bad else None
        if refused is not None and not _may_leave_out(rows, skip_bad=skip_bad, replace=replace):
            raise refused
        done = await import_rows(core, rows, replace=replace, dry_run=dry_run, source=source)
    return done | {"bad": str(refused).splitlines()[:-1] if refused else []}


async def import_rows(
    core: Core, rows: Rows, *, replace: bool, dry_run: bool = False, source: str
) -> Answer:
    """Import rows that were read already; bad ones are left out."""
    began = monotonic()
    rules = core.rules()
    given = Given(rows.workspaces, lambda: _parts(rows, rules), rows.has)
    if dry_run:
        would = await core.store.read(lambda db: rehearse(db, rules, given, replace=replace))
        return _told(would, len(rows.bad)) | {
            "to_fetch": would.matches,
            "dry_run": True,
            "changes": [_change(one) for one in would.changes],
        }
    done, settled = await core.import_contacts(given, replace=replace)
    emit(
        events.CONTACTS_IMPORTED,
        source=source,
        added=done.added,
        updated=done.updated,
        ended=done.addresses_ended,
        removed=done.removed,
        skipped=len(rows.bad),
        duration_ms=round((monotonic() - began) * 1000),
    )
    return _told(done, len(rows.bad)) | {"to_fetch": settled.pending, "dry_run": False}


def _parts(rows: Rows, rules: Rules) -> Iterator[Sequence[ContactIn]]:
    """The contacts part by part, with their hashes."""
    left = rows.contacts()
    while part := list(islice(left, PART)):
        yield hashed(rules.hasher, part, rules.local_case)


def _change(one: Change) -> Answer:
    return {
        "what": one.what,
        "workspace": one.workspace,
        "contact_id": one.contact_id,
        "lines": list(one.lines),
    }


def _told(done: Imported, skipped: int) -> Answer:
    return {
        "added": done.added,
        "updated": done.updated,
        "unchanged": done.unchanged,
        "removed": done.removed,
        "addresses_added": done.addresses_added,
        "addresses_ended": done.addresses_ended,
        "skipped": skipped,
    }


async def sync_now(
    core: Core, names: Sequence[str] | None, *, wait: bool, seconds: float
) -> list[Answer]:
    """Let mailboxes look now; with ``wait``, return when each is caught up or has failed.

    Raises:
        UserError: (67) one of ``names`` is not at work.
    """
    chosen = [_at_work(core, name) for name in names] if names else list(core.mailboxes.values())
    return list(
        await asyncio.gather(*(_sync_one(one, wait=wait, seconds=seconds) for one in chosen))
    )


async def _sync_one(mailbox: Mailbox, *, wait: bool, seconds: float) -> Answer:
    told: Answer = {"mailbox": mailbox.name, "caught_up": False, "error": None, "exit_code": 0}
    if not wait:
        mailbox.asked = True
        mailbox.bell.ring()
        return told
    if mailbox.at_rest:
        why = f": {mailbox.plan.over}" if mailbox.plan.over else ""
        told |= {"error": f"{mailbox.name} is paused{why}", "exit_code": int(ExitCode.NO)}
        return told
    before = mailbox.activities
    try:
        told["caught_up"] = await mailbox.caught_up(seconds)
        if not told["caught_up"]:
            error = f"not caught up within {seconds:g} s"
            told |= {"error": error, "exit_code": int(ExitCode.TRY_LATER)}
    except EisdError as error:
        told |= {"error": str(error), "exit_code": int(exit_code(error))}
    told["activities"] = mailbox.activities - before
    return told


def exit_code(error: EisdError) -> ExitCode:
    """The exit code that stands for an error of ours."""
    by_name = {
        "Transient": ExitCode.UNAVAILABLE,
        "AuthRejected": ExitCode.AUTH,
        "Misconfigured": ExitCode.CONFIG,
        "ProtocolError": ExitCode.PROTOCOL,
        "Rejected": ExitCode.DATA,
        "StoreError": ExitCode.IO,
    }
    if isinstance(error, UserError):
        return error.code
    return by_name.get(type(error).__name__, ExitCode.TRY_LATER)


def _at_work(core: Core, name: str) -> Mailbox:
    mailbox = core.mailboxes.get(name)
    if mailbox is None:
        known = ", ".join(sorted(core.mailboxes)) or "none"
        raise UserError(
            f"no mailbox called {name!r} is at work",
            hint=f"at work: {known}",
            code=ExitCode.UNKNOWN,
        )
    return mailbox


async def verify_mailboxes(core: Core, name: str | None) -> list[Answer]:
    """Compare mailboxes with their servers, folder by folder, over connections of their own."""
    names = [name] if name else [n for n, box in core.settings.mailboxes.items() if box.enabled]
    return [await _verify_one(core, one) for one in names]


async def _verify_one(core: Core, name: str) -> Answer:
    mailbox_id, plan = core.plan(name)
    running = core.mailboxes.get(name)
    checks: list[FolderCheck] = []
    try:
        for _ in range(2):  # what arrives between the pass and the count is no difference
            if running is not None and not running.at_rest:
                await running.caught_up(VERIFY_CATCH_UP)
            checks = await verify(core.store, mailbox_id, plan)
            if running is None or all(check.ok for check in checks):
                break
    except EisdError as error:
        return {
            "mailbox": name,
            "ok": False,
            "error": str(error),
            "exit_code": int(exit_code(error)),
            "folders": [],
        }
    return {
        "mailbox": name,
        "ok": all(check.ok for check in checks),
        "error": None,
        "exit_code": 0 if all(check.ok for check in checks) else 1,
        "folders": [
            {
                "folder": check.folder,
                "server": check.server,
                "rows": check.rows,
                "missing": list(check.missing[:20]),
                "missing_count": len(check.missing),
                "surplus": check.surplus,
                "problem": check.problem,
                "ok": check.ok,
            }
            for check in checks
        ],
    }


async def explain(core: Core, message_id: str) -> Answer:
    """Why a message was or was not recorded."""
    rules = core.rules()
    return await core.store.read(lambda db: explaining.explain(db, rules, message_id))


async def explain_message(core: Core, rfc822: bytes) -> Answer:
    """What would become of a message if it arrived now; nothing is stored."""
    if len(rfc822) > MESSAGE:
        raise UserError(f"the message has more than {MESSAGE} octets", code=ExitCode.DATA)
    (parsed,) = await core.parser.parse([RawMessage("", rfc822, len(rfc822))])
    rules, settings = core.rules(), core.settings
    return await core.store.read(
        lambda db: explaining.explain_file(db, settings, rules, rfc822, parsed)
    )


def decoded(text: str) -> bytes:
    """The message that a request carries in base64."""
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise UserError("rfc822 is no base64", code=ExitCode.DATA) from None


async def backup(core: Core, path: str) -> Answer:
    """Write a verified copy of the database to an absolute path that does not exist yet."""
    target = Path(path)
    if not target.is_absolute():
        raise UserError("want an absolute path", code=ExitCode.USAGE)
    paths = core.settings.paths
    began = monotonic()
    size = await asyncio.to_thread(copy_database, paths.database, paths.secrets_db, target)
    took = round((monotonic() - began) * 1000)
    emit(events.DB_BACKUP_DONE, path=str(target), bytes=size, duration_ms=took)
    return {"path": str(target), "bytes": size, "duration_ms": took}


async def pause(core: Core, name: str, *, paused: bool) -> Answer:
    """Pause or resume a mailbox, over restarts."""
    await core.pause(name, paused=paused)
    return await core.store.read(lambda db: answers.mailbox_show(db, name))


def outcome_of(results: Sequence[Mapping[str, Any]]) -> ExitCode:
    """The exit code for several mailboxes: their own if they agree, else 1."""
    codes = {ExitCode(one["exit_code"]) for one in results} - {ExitCode.OK}
    if not codes:
        return ExitCode.OK
    return codes.pop() if len(codes) == 1 else ExitCode.NO
