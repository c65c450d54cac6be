"""From what a sender says to what is written down of a submission: pure."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from eisd.errors import DriverError
from eisd.model.outgoing import Receipt, Refusal, SendRefused
from eisd.model.submission import RecipientState
from eisd.outbox.verdict import Ruling, Scope, Verdict, verdict

Fates = dict[str, tuple[RecipientState, str]]

FIRST_DELAY: Final = 60.0
LONGEST_DELAY: Final = 2 * 3600.0
WORDS: Final = 500


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one try. ``again``: somebody is left who may take it later."""

    verdict: Verdict
    fates: Fates
    again: bool
    reply: str
    dead: tuple[str, ...] = ()
    """Addresses that do not exist."""

    @property
    def is_ours(self) -> bool:
        """Whether it was this message's own trouble, and the next one may fare better."""
        return self.verdict.scope is not Scope.MAILBOX


def of_receipt(receipt: Receipt) -> tuple[Fates, bool, tuple[str, ...]]:
    """(what became of each recipient, whether any is left to be tried, who does not exist)."""
    fates: Fates = dict.fromkeys(receipt.recipients, (RecipientState.SENT, receipt.text[:WORDS]))
    refused, again, dead = of_refusals(receipt.refusals)
    return fates | refused, again, dead


def of_refusals(refusals: Iterable[Refusal]) -> tuple[Fates, bool, tuple[str, ...]]:
    """The same, of those who were refused."""
    fates: Fates = {}
    again, dead = False, []
    for refusal in refusals:
        found = verdict(refusal)
        final = found.ruling is Ruling.PERMANENT
        again = again or not final
        if refusal.recipient:
            state = RecipientState.FAILED if final else RecipientState.QUEUED
            fates[refusal.recipient] = (state, found.text[:WORDS])
        if found.hard_bounce:
            dead.append(refusal.recipient)
    return fates, again, tuple(dead)


def of_error(error: DriverError) -> Result:
    """What a try came to that was not accepted for anybody."""
    found = verdict(error)
    fates: Fates = {}
    dead: tuple[str, ...] = ()
    if isinstance(error, SendRefused):
        fates, _, dead = of_refusals(error.refusals)
    again = found.ruling is not Ruling.PERMANENT
    return Result(found, fates, again, found.text[:WORDS], dead)


def delay(attempts: int, *, floor: float | None = None) -> float:
    """Seconds before a message is tried again: doubling, with some jitter, at most two hours."""
    step = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(max(attempts - 1, 0), 20))
    return max(floor or 0.0, step * random.uniform(0.75, 1.25))  # noqa: S311 - no secret
