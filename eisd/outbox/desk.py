"""Where messages are handed in, and where people ask about them.

Without a daemon it accepts and changes all the same, and nothing is sent until one runs.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from eisd import events
from eisd.errors import ExitCode, UserError
from eisd.logs import emit, trace_id
from eisd.matcher.keys import Hasher
from eisd.mime.addresses import LocalCase, address_key
from eisd.model.mail import RawMessage
from eisd.model.outgoing import Outgoing
from eisd.model.submission import SubmissionState
from eisd.outbox import moves
from eisd.outbox.moves import Accepted
from eisd.outbox.posts import Posts
from eisd.outbox.state import Event
from eisd.outbox.station import Services, Station
from eisd.store import outbox
from eisd.store.outbox import NewSubmission
from eisd.store.sql import now_ms

HORIZON_MS: Final = 366 * 86_400_000
KEY: Final = 200
"""Characters of an idempotency key."""


@dataclass(frozen=True, slots=True)
class Order:
    """A message to be sent, and how. ``fingerprint`` says whether two orders are the same."""

    mailbox: str
    outgoing: Outgoing
    at: int | None = None
    """Not before then (ms)."""
    hold: bool = False
    key: str | None = None
    """The idempotency key."""
    fingerprint: bytes = b""


class Desk:
    """The outbox, as the API and the commands use it."""

    def __init__(self, services: Services, hasher: Hasher) -> None:
        self.posts = Posts(services)
        self.local_case: LocalCase = "fold"
        self._services = services
        self._store = services.store
        self._hasher = hasher

    def station(self, mailbox: str) -> Station:
        """A mailbox's way out. Raises UserError: it has none (78), or is not configured (67)."""
        found = self.posts.stations.get(mailbox)
        if found is None:
            known = ", ".join(self.posts.stations) or "none"
            raise UserError(
                f"no mailbox called {mailbox!r} can send",
                hint=f"these can: {known}; a mailbox needs an smtp table to send",
                code=ExitCode.UNKNOWN,
            )
        return found

    async def accept(self, order: Order) -> Accepted:
        """Take a message over: once this returns, it is durable and will be sent.

        Raises:
            UserError: the message cannot be sent as it is (65), the idempotency key stands for
                another one (65), or the mailbox cannot send (67).
        """
        from eisd.outbox.compose import compose, mint_message_id  # noqa: PLC0415 - not to receive

        station = self.station(order.mailbox)
        if known := await self._known(order):
            return known
        now = now_ms()
        due = max(now, order.at or now)
        if due > now + HORIZON_MS:
            raise UserError("the time lies more than a year ahead", code=ExitCode.DATA)
        message_id = mint_message_id(order.outgoing.sender.address)
        when = datetime.fromtimestamp(due / 1000, UTC).astimezone()
        rfc822 = await asyncio.to_thread(compose, order.outgoing, message_id=message_id, date=when)
        (parsed,) = await self._services.parser.parse([RawMessage("", rfc822, len(rfc822))])
        new = self._new(order, station, message_id, rfc822, due)
        done = await self._store.write(
            lambda tx: moves.accept(tx, self._services.recorder, new, parsed)
        )
        self.posts.wake(order.mailbox)
        self._services.tell(order.mailbox, done.fresh)
        if not done.again:
            emit(
                events.OUTBOX_MESSAGE_ACCEPTED,
                mailbox=order.mailbox,
                submission=done.submission,
                trace_id=trace_id(new.id_key),
                recipients=len(new.recipients),
                size=len(rfc822),
                state=new.state.value,
            )
        return done

    async def _known(self, order: Order) -> Accepted | None:
        """What was accepted under the same key before."""
        key = order.key
        if key is None:
            return None
        if not 0 < len(key) <= KEY or not key.isprintable():
            raise UserError(
                f"an idempotency key is 1 to {KEY} printable characters", code=ExitCode.DATA
            )
        row = await self._store.read(lambda db: outbox.by_key(db, key))
        return None if row is None else moves.repeated(row, order.fingerprint)

    def _new(
        self, order: Order, station: Station, message_id: str, rfc822: bytes, due: int
    ) -> NewSubmission:
        from eisd.outbox.compose import envelope  # noqa: PLC0415

        envelope_id = secrets.token_hex(12)
        outer = envelope(order.outgoing, envelope_id=envelope_id)
        keys = [address_key(one, local_case=self.local_case) for one in outer.recipients]
        return NewSubmission(
            mailbox=station.id,
            state=SubmissionState.HELD if order.hold else SubmissionState.QUEUED,
            message_id=message_id,
            id_key=self._hasher.identity(message_id),
            envelope_id=envelope_id,
            sender=outer.sender,
            utf8=outer.utf8,
            subject=order.outgoing.subject,
            rfc822=rfc822,
            recipients=[
                (address, self._hasher.key(key))
                for address, key in zip(outer.recipients, keys, strict=True)
            ],
            due_at=due,
            idempotency_key=order.key,
            fingerprint=order.fingerprint,
        )

    async def ask(self, submission: int, event: Event) -> None:
        """Hold, release, retry, cancel or settle a submission.

        Raises:
            UserError: there is none of that id (67), or it is too late for that (1).
        """
        row = await self._store.read(lambda db: outbox.by_id(db, submission))
        if row is None:
            raise UserError(f"there is no submission {submission}", code=ExitCode.UNKNOWN)
        found = [one for one in self.posts.stations.values() if one.id == row.mailbox]
        files = bool(found) and not found[0].outlet.files_sent
        recorder = self._services.recorder
        await self._store.write(lambda tx: moves.ask(tx, recorder, submission, event, files=files))
        emit(
            events.OUTBOX_MESSAGE_CHANGED,
            mailbox=found[0].name if found else None,
            submission=submission,
            trace_id=trace_id(row.id_key),
            how=event.value,
        )
        if found:
            self.posts.wake(found[0].name)
