"""Drafts that eisd filed in a mailbox, recognised when their owner sends them from there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from eisd.matcher.codec import unpack
from eisd.model.mailbox import Box
from eisd.store import drafts
from eisd.store.database import Tx
from eisd.sync.prepare import Prepared

_SENT: Final = Box.SENT


def recognise(tx: Tx, mailbox: int, batch: Sequence[Prepared]) -> None:
    """Whatever new mail in Sent was one of the mailbox's filed drafts: it is sent now."""
    sent = [one for one in batch if one.box is _SENT and one.listed.live and not one.held]
    if not sent or not drafts.any_filed(tx.db, mailbox):
        return
    for one in sent:
        facts = unpack(one.read.id_key, one.gate_at, one.read.facts)
        people = [each.exact for each in facts.participants]
        drafts.recognise(tx.db, mailbox, facts.id_key, facts.subject_key, people)
