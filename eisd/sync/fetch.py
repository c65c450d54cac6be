"""Fetching what matched: bytes from a session, through the parser, into the store.

What a message does to its parser costs that message its text and nobody else anything. A message
that cannot be fetched is tried again later, alone, at growing intervals; after five tries it is
poison and listed as such. A connection that breaks while several are under way says nothing about
any one of them: they are tried one by one next. Nor does one that breaks once while a message is
alone, for most break by themselves: it has to happen several times in a row.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from itertools import groupby

from eisd import events, metrics
from eisd.driver.interface import Session
from eisd.errors import CursorExpired, DriverError, FolderGone, StoreError, Transient
from eisd.logs import bind, emit, trace_id
from eisd.mime.contents import contents
from eisd.mime.headers import extract, header_block
from eisd.model.activity import OutcomeReason
from eisd.model.mail import Headers, Parsed, RawMessage
from eisd.store import copies, folders, removals
from eisd.store.copies import Queued
from eisd.store.database import Tx
from eisd.store.sql import now_ms
from eisd.sync.complete import complete
from eisd.sync.content import Fetched
from eisd.sync.mailbox import Mailbox
from eisd.sync.rules import Rules
from eisd.sync.settle import Settled

GROUP = 64
"""So many messages are parsed and written together, or fewer if they are large."""
GROUP_BYTES = 4 << 20
BREAKS = 3
"""So many connections in a row break under one message alone before it is blamed."""


class Fetcher:
    """Fetches queued copies over a session it is given; one for each task that fetches."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._broke: dict[int, int] = {}
        """Copies under way when connections broke, and how many broke under each one alone."""
        self.breaks = BREAKS

    async def run(self, session: Session, queued: Sequence[Queued]) -> None:
        """Fetch these copies, and record what becomes of each."""
        mine = _one_of_each([one for one in queued if one.id not in self._mailbox.in_hand])
        self._mailbox.in_hand.update(one.id for one in mine)
        self._mailbox.quiet.clear()
        try:
            for place, members in groupby(sorted(mine, key=_place), key=_place):
                listed = list(members)
                together = [one for one in listed if not self._suspicious(one)]
                if together:
                    await self._folder(session, *place, together)
                for one in filter(self._suspicious, listed):
                    await self._folder(session, *place, [one])
        finally:
            self._mailbox.in_hand.difference_update(one.id for one in mine)
            if not self._mailbox.in_hand:
                self._mailbox.quiet.set()

    def _suspicious(self, one: Queued) -> bool:
        """Whether a copy is to be fetched alone: it may be what broke a connection."""
        return one.attempts > 0 or one.id in self._broke

    async def _folder(
        self, session: Session, folder: int, validity: str, queued: Sequence[Queued]
    ) -> None:
        mailbox = self._mailbox
        row = await mailbox.services.store.read(lambda db: folders.by_id(db, folder))
        waiting = {one.remote_id: one for one in queued}
        gathered: list[RawMessage] = []
        size = 0
        try:
            fetching = session.fetch(
                row.folder,
                list(waiting),
                limit=mailbox.plan.max_message_size,
                validity=validity,
                whole=mailbox.services.rules().attachments,
            )
            async with aclosing(fetching) as messages:
                async for raw in messages:
                    gathered.append(raw)
                    size += len(raw.rfc822)
                    if len(gathered) >= GROUP or size >= GROUP_BYTES:
                        await self._take(waiting, gathered)
                        gathered, size = [], 0
        except (FolderGone, CursorExpired):  # these ids lead nowhere, or to other messages
            await self._take(waiting, gathered)
            gone = [one.id for one in waiting.values()]
            await mailbox.services.store.write(lambda tx: removals.vanished(tx.db, gone))
            return
        except DriverError as exc:
            await self._take(waiting, gathered)
            await self._broken(list(waiting.values()), exc)
            raise
        await self._take(waiting, gathered)
        if waiting:  # they are there, and nothing is given of them
            await self._failed(list(waiting.values()), OutcomeReason.FETCH, "not answered")

    async def _broken(self, under_way: Sequence[Queued], error: DriverError) -> None:
        """The session failed: blame a message only if it was alone, again and again."""
        throttled = isinstance(error, Transient) and error.code == "throttled"
        alone = len(under_way) == 1 and not throttled
        for one in under_way:
            self._broke[one.id] = self._broke.get(one.id, 0) + alone
        blamed = [one for one in under_way if self._broke[one.id] >= self.breaks]
        for one in blamed:
            del self._broke[one.id]
        await self._failed(blamed, OutcomeReason.FETCH, str(error))

    async def _failed(self, queued: Sequence[Queued], reason: OutcomeReason, why: str) -> None:
        for one in queued:
            poison = await self._mailbox.services.store.write(
                lambda tx, one=one: copies.failed(tx.db, one.id, reason, why)  # type: ignore[misc]
            )
            if poison:
                metrics.MESSAGES.inc(self._mailbox.name, "failed")
            emit(
                events.MATCH_MESSAGE_FAILED,
                level=None if poison else events.Level.WARNING,
                uid=one.remote_id,
                trace_id=trace_id(one.id_key),
                attempt=one.attempts + 1,
                quarantined=poison,
                error_code=reason.value,
            )

    async def _take(self, waiting: dict[str, Queued], gathered: Sequence[RawMessage]) -> None:
        """Parse and record a group; each that is taken no longer waits."""
        if not gathered:
            return
        services = self._mailbox.services
        here = [raw for raw in gathered if raw.remote_id in waiting and not raw.missing]
        gone = [
            waiting[raw.remote_id].id
            for raw in gathered
            if raw.remote_id in waiting and raw.missing
        ]
        parsed = await services.parser.parse(here)
        fetched = await asyncio.get_running_loop().run_in_executor(
            services.threads, _fetched, services.rules(), here, parsed
        )
        ready = [(waiting[raw.remote_id], one) for raw, one in zip(here, fetched, strict=True)]
        await self._record(ready, gone)
        for raw in filter(lambda raw: raw.missing, gathered):
            emit(
                events.MESSAGE_DROPPED,
                level=events.Level.DEBUG,
                uid=raw.remote_id,
                reason="vanished",
                intentional=False,
            )
        for raw in gathered:
            if one := waiting.pop(raw.remote_id, None):
                self._broke.pop(one.id, None)

    async def _record(self, ready: Sequence[tuple[Queued, Fetched]], gone: list[int]) -> None:
        rules = self._mailbox.services.rules()

        def write(tx: Tx) -> list[Settled]:
            if gone:
                removals.vanished(tx.db, gone)
            return complete(tx, rules, [(one.id, fetched) for one, fetched in ready])

        try:
            done = await self._mailbox.services.store.write(write)
        except StoreError:
            raise
        except Exception as exc:  # noqa: BLE001  a fault of ours in one of them: find out which
            if len(ready) == 1:
                emit(
                    events.MATCH_MESSAGE_FAILED,
                    error=exc,
                    attempt=ready[0][0].attempts + 1,
                    trace_id=trace_id(ready[0][0].id_key),
                )
                why = f"{type(exc).__name__}"
                await self._failed([ready[0][0]], OutcomeReason.INTERNAL_ERROR, why)
                return
            for single in ready:
                await self._record([single], gone)
            return
        for (one, fetched), settled in zip(ready, done, strict=True):
            lag_ms = max(0, now_ms() - one.gate_at) if one.live else None
            metrics.MESSAGES.inc(self._mailbox.name, "matched")
            if lag_ms is not None:
                driver = self._mailbox.plan.driver.name
                metrics.MESSAGE_LATENCY.observe(lag_ms / 1000, driver)
            with bind(trace_id=trace_id(one.id_key), message_id=_name(fetched.headers)):
                emit(
                    events.MESSAGE_INGESTED,
                    level=None if one.live else events.Level.DEBUG,
                    uid=one.remote_id,
                    size=fetched.size,
                    lag_ms=lag_ms,
                )
                self._mailbox.tell(settled.activities, live=one.live)
                self._mailbox.heed(settled)


def _name(headers: Headers) -> str | None:
    """The Message-ID as people write it; nothing where a message has none."""
    return f"<{headers.message_id}>" if headers.message_id else None


def _one_of_each(queued: Sequence[Queued]) -> list[Queued]:
    """One copy of each message: its text serves the others, or they are still queued after."""
    found: dict[tuple[bytes, int], Queued] = {}
    for one in queued:
        found.setdefault((one.id_key, one.variant), one)
    return list(found.values())


def _place(one: Queued) -> tuple[int, str]:
    """What a fetch is for: one folder, under one numbering."""
    return one.folder_id, one.validity


def _fetched(
    rules: Rules, messages: Sequence[RawMessage], parsed: Sequence[Parsed]
) -> list[Fetched]:
    return [
        Fetched(
            extract(header_block(raw.rfc822), local_case=rules.local_case),
            body,
            raw.size,
            contents(raw.rfc822, body.attachments) if rules.attachments else {},
        )
        for raw, body in zip(messages, parsed, strict=True)
    ]
