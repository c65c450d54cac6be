"""The coroutine that sends one mailbox's mail, in its order, over one connection.

It lives while there is something to send and a little longer. A message's own trouble puts off
that message; the mailbox's trouble (no connection, refused credentials, too fast) puts off all of
them, and their order stays. Nothing here decides what a refusal means: `eisd.outbox.verdict` does.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import time
from typing import TypeVar

from eisd import events, metrics
from eisd.bell import Bell
from eisd.driver.interface import Sender
from eisd.errors import DriverError, InDoubt, StoreError, Transient, UserError
from eisd.logs import bind, emit, trace_id
from eisd.model.mail import RawMessage
from eisd.model.outgoing import Envelope, Receipt
from eisd.model.submission import RecipientState, SubmissionState
from eisd.outbox import moves, results
from eisd.outbox.pace import Pace
from eisd.outbox.results import Result
from eisd.outbox.station import Services, Station
from eisd.outbox.verdict import Ruling
from eisd.store import outbox
from eisd.store.database import Tx
from eisd.store.outbox import Submission
from eisd.store.sql import now_ms

T = TypeVar("T")

LINGER = 30.0
"""Seconds a connection is kept with nothing to send."""
AHEAD = 32
LOOK = 300.0
"""At least so often the queue is looked at, bell or no bell."""
SEND = 600.0
"""Seconds one message may take besides its bytes; the sender has limits for each of its steps."""
SLOWEST = 16 * 1024
"""Bytes a second: over a slower line a message is given up as lost."""
FINISH = 5.0
"""Seconds a message under way is given when the daemon ends."""
PATIENCE = 60.0
"""Seconds that `run --once` waits for a limit."""
_REST = {Ruling.AUTH: (300.0, 6 * 3600.0), Ruling.CONFIG: (300.0, 3600.0)}

Move = Callable[[Tx], T]


@dataclass(frozen=True, slots=True)
class _Job:
    """One message ready to go."""

    row: Submission
    rfc822: bytes
    recipients: tuple[str, ...]


class Outbox:
    """One station's sending."""

    def __init__(
        self,
        station: Station,
        services: Services,
        paces: Callable[[], Awaitable[Sequence[Pace]]],
    ) -> None:
        """Take who tells the paces it must keep: its own, and that of all who share its host."""
        self.station = station
        self.bell = Bell()
        self.result: Result | None = None
        """What keeps the whole mailbox from sending, while something does."""
        self._services = services
        self._store = services.store
        self._find_paces = paces
        self._paces: Sequence[Pace] = ()
        self.is_busy = False
        """Messages are waiting for their turn this very moment."""
        self._tries = 0
        self._writing: asyncio.Task[None] | None = None
        self.on_sent: Callable[[], None] = lambda: None
        """Called when there may be a copy to file, or a doubt to settle."""

    async def run(self, *, once: bool = False) -> None:
        """Send what is due until nothing is left; with ``once``, without waiting for later tries.

        What was being sent when this last ended is in doubt from here on.

        Raises:
            DriverError: with ``once`` alone: the mailbox cannot send.
        """
        await self._begin()
        while True:
            try:
                async with self.station.sender() as sender:
                    await self._serve(sender, once=once)
            except (DriverError, StoreError, UserError) as error:
                self.is_busy = False
                await self._written()
                if once:
                    raise
                await self._trouble(error)
                continue
            if once or not await self._rest():
                return

    async def _begin(self) -> None:
        if not self._paces:
            self._paces = await self._find_paces()
        doubted = await self._store.write(lambda tx: moves.recover(tx, self.station.id))
        for submission in doubted:
            emit(events.OUTBOX_MESSAGE_DOUBTED, submission=submission)
        if doubted:
            self.on_sent()

    async def _serve(self, sender: Sender, *, once: bool) -> None:
        """Send over one connection until nothing is due for a while."""
        while True:
            rows = await self._store.read(
                lambda db: outbox.due(db, self.station.id, now_ms(), AHEAD)
            )
            self.is_busy = len(rows) > 1
            if rows:
                await self._batch(sender, rows, once=once)
                continue
            await self._written()
            if once or not await self.bell.wait(min(LINGER, await self._pause(LINGER))):
                return

    async def _batch(self, sender: Sender, rows: Sequence[Submission], *, once: bool) -> None:
        """Send these; while one is on its way, the next is read."""
        ahead: asyncio.Future[_Job | None] | None = None
        try:
            for row, following in zip(rows, [*rows[1:], None], strict=True):
                job = await (ahead or self._ready(row))
                ahead = None if following is None else asyncio.ensure_future(self._ready(following))
                if job is not None:
                    await self._one(sender, job, once=once)
        finally:
            if ahead is not None:
                ahead.cancel()
                await asyncio.wait({ahead})

    async def _rest(self) -> bool:
        """Wait, without a connection, for what is due later; False when nothing is."""
        pause = await self._pause(0.0)
        if pause:
            await self.bell.wait(min(LOOK, pause))
        return pause > 0

    async def _pause(self, otherwise: float) -> float:
        """Seconds until something is due; ``otherwise`` when nothing is."""
        at = await self._store.read(lambda db: outbox.next_due(db, self.station.id))
        return otherwise if at is None else max(0.001, (at - now_ms()) / 1000)

    async def _keep_pace(self, recipients: int, *, once: bool) -> float:
        """Wait until the limits of mailbox and host let one more message go, and take its place.

        It is taken before the message goes, for others share the limits. Returns when (seconds).
        """
        while wait := max(pace.wait(time(), recipients) for pace in self._paces):
            if once and wait > PATIENCE:
                raise Transient("the limit of messages is reached", code="throttled")
            emit(events.OUTBOX_PACED, wait_s=round(wait, 1))
            await asyncio.sleep(min(wait, LOOK))
        return self._note(recipients)

    async def _expired(self, row: Submission) -> bool:
        """Whether the message was tried for too long: then it has failed.

        While a person is needed for the whole mailbox, its messages keep.
        """
        waits = self.result is not None and self.result.verdict.ruling in _REST
        tried = bool(row.attempts or self._tries)
        if waits or not tried or now_ms() < row.due_at + self.station.retry_for * 1000:
            return False
        await self._give_up(row, {}, row.reply or "not accepted in time")
        return True

    # One message

    async def _one(self, sender: Sender, job: _Job, *, once: bool) -> None:
        with bind(trace_id=trace_id(job.row.id_key)):
            taken = await self._keep_pace(len(job.recipients), once=once)
            task = asyncio.ensure_future(self._send(sender, job, taken))
            try:
                await asyncio.shield(task)
            except asyncio.CancelledError:
                await asyncio.wait([task], timeout=FINISH)  # its answer may be a moment away
                task.cancel()
                await asyncio.wait([task, *filter(None, [self._writing])], timeout=1.0)
                raise

    async def _ready(self, row: Submission) -> _Job | None:
        """The message's bytes and who is left to get it; its activity is made if it has none.

        None: it is given up.
        """
        if await self._expired(row):
            return None
        rfc822, left = await self._store.read(
            lambda db: (outbox.message(db, row.id), outbox.recipients(db, row.id))
        )
        recipients = tuple(one.address for one in left if one.state is RecipientState.QUEUED)
        if rfc822 is None or not recipients:
            reply = "its message is no longer kept" if rfc822 is None else "nobody is left"
            await self._give_up(row, {}, reply)
            return None
        if row.due_at > row.created_at or row.attempts:
            await self._record(row, rfc822)
        return _Job(row, rfc822, recipients)

    async def _record(self, row: Submission, rfc822: bytes) -> None:
        """Make the activity of a message whose time has come, or of a contact added since."""
        recorder = self._services.recorder
        missing = await self._store.write(lambda tx: recorder.is_missing(tx, row.mailbox, row.id))
        if not missing:
            return
        (parsed,) = await self._services.parser.parse([RawMessage("", rfc822, len(rfc822))])
        fresh = await self._store.write(
            lambda tx: recorder.record(tx, row.mailbox, row.id, row.due_at, rfc822, parsed)
        )
        self._services.tell(self.station.name, fresh)

    async def _send(self, sender: Sender, job: _Job, taken: float) -> None:
        row = job.row
        envelope = Envelope(row.sender, job.recipients, row.utf8, row.envelope_id)

        async def commit() -> None:
            await self._store.write(lambda tx: moves.commit(tx, row.id))

        def give_back() -> None:
            for pace in self._paces:
                pace.undo(taken, len(job.recipients))

        try:
            with metrics.OUTBOX_DELIVERY_DURATION.time():
                async with asyncio.timeout(SEND + len(job.rfc822) / SLOWEST):
                    receipt = await sender.send(envelope, job.rfc822, before_commit=commit)
        except moves.Withdrawn:
            give_back()
        except (InDoubt, TimeoutError) as error:
            await self._lost(row, error)
        except DriverError as error:
            give_back()
            await self._refused(row, results.of_error(error), error)
        else:
            give_back()
            self._went(receipt)
            await self._written()
            self._writing = asyncio.create_task(self._accepted(job, receipt))

    def _went(self, receipt: Receipt) -> None:
        self.result, self._tries = None, 0
        self._note(len(receipt.recipients))

    def _note(self, recipients: int) -> float:
        at = time()
        for pace in self._paces:
            pace.note(at, recipients)
        return at

    async def _written(self) -> None:
        """Wait until the last message's answer is on record; it is written beside the next one."""
        if self._writing is not None:
            task, self._writing = self._writing, None
            await task

    # What becomes of it

    async def _accepted(self, job: _Job, receipt: Receipt) -> None:
        row = job.row
        fates, again, dead = results.of_receipt(receipt)
        retry_at = now_ms() + round(results.delay(row.attempts + 1) * 1000) if again else None
        at = round(receipt.accepted_at.timestamp() * 1000)

        def write(tx: Tx) -> None:
            moves.mark_dead(tx, row, dead, at)
            moves.accepted(
                tx,
                self._services.recorder,
                row.id,
                fates,
                at=at,
                reply=receipt.text[: results.WORDS],
                retry_at=retry_at,
                files=not self.station.outlet.files_sent,
            )

        await self._insist(write)
        self.on_sent()
        emit(
            events.OUTBOX_MESSAGE_SENT,
            submission=row.id,
            recipients=len(receipt.recipients),
            refused=len(receipt.refusals),
            attempt=row.attempts + 1,
            size=row.size,
            lag_ms=max(0, at - row.due_at),
        )

    async def _refused(self, row: Submission, result: Result, error: DriverError) -> None:
        """Nobody has it. Raises the error if it concerns the whole mailbox."""
        if not result.again:
            await self._give_up(row, result.fates, result.reply, result.dead, error)
            return
        own = result.is_ours
        pause = results.delay(row.attempts + 1, floor=result.verdict.retry_after)
        retry_at = now_ms() + round(pause * 1000) if own else row.next_at

        def write(tx: Tx) -> None:
            moves.mark_dead(tx, row, result.dead, now_ms())
            moves.later(
                tx,
                self._services.recorder,
                row.id,
                result.fates,
                retry_at=retry_at,
                reply=result.reply,
                counts=own,
            )

        await self._store.write(write)
        if not own:
            raise error
        emit(
            events.OUTBOX_MESSAGE_DEFERRED,
            submission=row.id,
            attempt=row.attempts + 1,
            retry_in_s=round(pause, 1),
            code=result.verdict.code,
        )

    async def _lost(self, row: Submission, error: InDoubt | TimeoutError) -> None:
        """Nobody knows whether the message is out. The connection is of no more use."""
        reply = str(error) or "no answer in time"
        if await self._insist(lambda tx: moves.lost(tx, row.id, reply[: results.WORDS])):
            self.on_sent()
            emit(events.OUTBOX_MESSAGE_DOUBTED, submission=row.id, error=error)
        raise Transient("the server did not answer", code="lost") from error

    async def _give_up(
        self,
        row: Submission,
        fates: results.Fates,
        reply: str,
        dead: Sequence[str] = (),
        error: DriverError | None = None,
    ) -> None:
        """Nobody will have it, and whoever sent it is told."""

        def write(tx: Tx) -> SubmissionState:
            moves.mark_dead(tx, row, dead, now_ms())
            return moves.failed(tx, self._services.recorder, row.id, fates, reply=reply)

        state = await self._store.write(write)
        if state is not SubmissionState.CANCELLED:
            emit(
                events.OUTBOX_MESSAGE_FAILED,
                submission=row.id,
                trace_id=trace_id(row.id_key),
                attempt=row.attempts + 1,
                code=error.code if error else "expired",
            )

    async def _insist(self, run: Move[T]) -> T:
        """Write what the remote has said, though the disk be full: it cannot be asked again."""
        pause = 1.0
        while True:
            try:
                return await self._store.write(run)
            except StoreError as error:
                emit(events.DB_WRITE_FAILED, reason=str(error), retry_in_s=pause, error=error)
                await asyncio.sleep(pause)
                pause = min(30.0, pause * 2)

    async def _trouble(self, error: DriverError | StoreError | UserError) -> None:
        """The mailbox cannot send: say so, and leave it alone for a growing while."""
        found = results.of_error(error) if isinstance(error, DriverError) else None
        ruling = found.verdict.ruling if found else Ruling.CONFIG
        base, cap = _REST.get(ruling, (5.0, 600.0))
        step = min(cap, base * 2.0 ** min(self._tries, 20)) * random.uniform(0.75, 1.25)  # noqa: S311
        pause = max(found.verdict.retry_after or 0.0 if found else 0.0, step)
        self._tries += 1
        self.result = found
        emit(
            events.OUTBOX_STALLED,
            level=events.Level.ERROR if ruling in _REST else None,
            retry_in_s=round(pause, 1),
            fix=(found.verdict.fix if found else getattr(error, "hint", "")) or None,
            error=error,
        )
        await self.bell.wait(pause)
