"""`eisd explain`: why a message was or was not recorded, from what is kept and the rules in force.

Outcomes are those on record (O5). The decision beside them is made anew, by the very code that
recorded them, so it can differ where contacts or rules have changed since.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

from eisd.api.answers import Answer
from eisd.config.schema import Settings
from eisd.logs import trace_id
from eisd.matcher import because
from eisd.matcher.codec import unpack
from eisd.matcher.facts import facts_of, merge
from eisd.mime.addresses import address_key
from eisd.mime.headers import decode_text, extract, identity, message_id
from eisd.model.activity import OutcomeReason
from eisd.model.facts import Candidate, Decision, Facts, KeyHash
from eisd.model.mail import Headers, Parsed
from eisd.model.mailbox import Box
from eisd.store import explaining as store
from eisd.store import folders, mailboxes, messages
from eisd.store.explaining import Told
from eisd.store.mailboxes import MailboxRow
from eisd.store.sql import Connection, now_ms, stamp
from eisd.sync.rules import Rules
from eisd.sync.verdict import NOBODY, Book, Sight, Verdict, judge

_NOT_KEPT = "an address that is not kept"


@dataclass(frozen=True, slots=True)
class _Scene:
    """What every part of an explanation needs."""

    db: Connection
    rules: Rules
    book: Book
    staff: dict[KeyHash, str]
    """Readable addresses of mailboxes by exact hash."""

    @classmethod
    def of(cls, db: Connection, rules: Rules) -> _Scene:
        known = {
            rules.hasher.key(address_key(address, local_case=rules.local_case)): address
            for _, address in mailboxes.staff_addresses(db)
        }
        return cls(db, rules, Book.read(db), known)


def explain(db: Connection, rules: Rules, text: str) -> Answer:
    """Everything on record about a Message-ID (angle brackets or not, or ``fp:...``).

    ``messages`` is empty when no synced folder has listed it; ``elsewhere`` then says where it may
    be: folders that are not read, pasts that are not listed yet, windows.
    """
    wanted = text.strip()
    bare = message_id(wanted.encode()) or wanted
    scene = _Scene.of(db, rules)
    found = store.copies(db, rules.hasher.identity(bare))
    if not found and "~" in bare:  # several messages bear it, and this is the name of one (I2)
        bare = bare.rpartition("~")[0]
        found = store.copies(db, rules.hasher.identity(bare))
    by_variant: dict[int, list[Told]] = {}
    for copy in found:
        by_variant.setdefault(copy.variant, []).append(copy)
    id_key = rules.hasher.identity(bare)
    return {
        "message_id": bare if bare.startswith("fp:") else f"<{bare}>",
        "known": bool(found),
        "messages": [_message(scene, id_key, copies) for copies in by_variant.values()],
        "elsewhere": _elsewhere(db, {copy.mailbox_id for copy in found}),
    }


def _message(scene: _Scene, id_key: bytes, copies: Sequence[Told]) -> Answer:
    counted = [copy for copy in copies if not copy.held]
    kept = {copy.message_id for copy in copies if copy.message_id is not None}
    decisions: list[Answer] = []
    if counted:
        facts = reduce(merge, (unpack(id_key, c.gate_at, c.facts) for c in counted))
        sights = [Sight(c.mailbox_id, c.gate_at, Box(c.box), c.live) for c in counted]
        verdict = judge(scene.rules, scene.book, facts, sights, explain=True)
        decisions = _decisions(scene, verdict, facts, _readable(scene, facts, kept))
    return {
        "copies": [
            {
                **c.tell(),
                "rule": because.RULES[OutcomeReason(c.reason)],
                "trace_id": trace_id(id_key),
            }
            for c in copies
        ],
        "decisions": decisions,
        "activities": _written(scene.db, kept),
        "rows": store.rows(scene.db, list(kept)) | {"copies": len(copies)},
    }


def _written(db: Connection, kept: Iterable[int]) -> list[Answer]:
    return [dict(row) for row in store.written(db, list(kept))]


def _readable(scene: _Scene, facts: Facts, kept: Iterable[int]) -> dict[KeyHash, str]:
    """The addresses behind a message's hashes, as far as anybody is allowed to know them."""
    names = dict(scene.staff)
    names |= store.names(scene.db, [one.exact for one in facts.participants])
    for message in kept:
        people = messages.people(scene.db, message)
        names |= {exact: one.address for exact, one in people.items() if one.address}
    names |= {one.exact: one.address for one in facts.participants if one.address}
    return names


def _decisions(
    scene: _Scene, verdict: Verdict, facts: Facts, names: dict[KeyHash, str]
) -> list[Answer]:
    return [
        _decision(scene, workspace, decision, facts, names)
        for workspace, decision in verdict.decisions.items()
    ]


def _decision(
    scene: _Scene, workspace: str, decision: Decision, facts: Facts, names: dict[KeyHash, str]
) -> Answer:
    staff = scene.book.people.staff.get(workspace, NOBODY)
    direction = because.direction(facts, staff)
    kind = because.kind(facts, decision.kind, decision.direction)
    rows = {row for one in decision.candidates for row in one.contacts}
    people = store.contacts(scene.db, rows) if rows else {}
    return {
        "workspace": workspace,
        "outcome": decision.outcome.value,
        "reason": decision.reason.value,
        "rule": because.reason(decision),
        "direction": decision.direction.value,
        "direction_why": direction._asdict(),
        "class": decision.kind.value,
        "class_why": kind._asdict(),
        "flags": sorted(decision.flags),
        "notes": list(decision.notes),
        "candidates": [_candidate(scene, one, names, people) for one in decision.candidates],
    }


def _candidate(
    scene: _Scene, one: Candidate, names: dict[KeyHash, str], people: dict[int, tuple[str, str]]
) -> Answer:
    exact = one.participant.exact
    address = names.get(exact)
    case = scene.rules.local_case
    return {
        "role": one.participant.role.value,
        "address": address or _NOT_KEPT,
        "key": address_key(address, local_case=case) if address else f"{exact:016x}",
        "verdict": one.verdict,
        "rule": one.rule,
        "contacts": [
            {"contact_id": people[row][0], "name": people[row][1]}
            for row in one.contacts
            if row in people
        ],
    }


def _elsewhere(db: Connection, seen: set[int]) -> list[Answer]:
    """Of each mailbox that lists no copy: where one could be that was not read (O5)."""
    return [
        _unseen(db, row) for row in mailboxes.all_rows(db) if row.configured and row.id not in seen
    ]


def _unseen(db: Connection, row: MailboxRow) -> Answer:
    listed = folders.of_mailbox(db, row.id)
    synced = [one for one in listed if one.status == "synced"]
    return {
        "mailbox": row.name,
        "state": row.state,
        "detail": row.detail,
        "window_begin": None if row.begin_at is None else stamp(row.begin_at),
        "synced": [one.folder.name for one in synced],
        "not_listed_yet": [
            {"folder": one.folder.name, "remaining": one.remaining}
            for one in synced
            if one.cursor is None or one.cursor.backfilling
        ],
        "not_read": [
            {"folder": one.folder.name, "why": one.why or one.status}
            for one in listed
            if one.status != "synced"
        ],
    }


# A file: a dry run


def explain_file(
    db: Connection, settings: Settings, rules: Rules, rfc822: bytes, parsed: Parsed
) -> Answer:
    """What would become of a message that arrives now in each mailbox; nothing is stored."""
    headers = extract(rfc822, local_case=rules.local_case)
    scene = _Scene.of(db, rules)
    gate_at = now_ms()
    known = store.copies(db, rules.hasher.identity(identity(headers)))
    return {
        "message_id": _shown(headers),
        "known": bool(known),
        "subject": decode_text(headers.subject_raw),
        "date": None if headers.date is None else headers.date.isoformat(),
        "defects": sorted({*headers.defects, *parsed.defects}),
        "text": {
            "status": parsed.status.value,
            "octets": len(parsed.text.encode("utf-8", "replace")),
            "snippet": parsed.snippet,
        },
        "attachments": [
            {"filename": one.filename, "content_type": one.content_type, "size": one.size}
            for one in parsed.attachments
        ],
        "mailboxes": [
            _would(scene, settings, headers, row, gate_at)
            for row in mailboxes.all_rows(db)
            if row.configured
        ],
    }


def _shown(headers: Headers) -> str:
    bare = identity(headers)
    return bare if bare.startswith("fp:") else f"<{bare}>"


def _would(
    scene: _Scene, settings: Settings, headers: Headers, row: MailboxRow, gate_at: int
) -> Answer:
    """The decision for a copy in one mailbox: in Sent if its own address wrote it."""
    rules = scene.rules
    box = settings.mailboxes.get(row.name)
    own = {row.address, *(box.aliases if box else ())}
    keys = {address_key(one, local_case=rules.local_case) for one in own}
    sent = any(one.key in keys for one in headers.from_)
    facts = facts_of(
        headers,
        gate_at_ms=gate_at,
        hasher=rules.hasher,
        blocklist=rules.of(row.id).blocklist,
        trusted_authserv=rules.trusted_authserv,
        sent=sent,
    )
    sight = Sight(row.id, gate_at, Box.SENT if sent else Box.RECEIVED, live=True)
    verdict = judge(rules, scene.book, facts, [sight], explain=True)
    outcome, reason = verdict.outcomes[0]
    return {
        "mailbox": row.name,
        "box": sight.box.value,
        "outcome": outcome.value,
        "reason": reason.value,
        "rule": because.RULES[reason],
        "decisions": _decisions(scene, verdict, facts, _readable(scene, facts, ())),
    }
