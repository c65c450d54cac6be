"""What of the outbox needs a person."""

from __future__ import annotations

from eisd.api.issues import Answer, issue
from eisd.outbox.desk import Desk
from eisd.outbox.verdict import Ruling
from eisd.store import outbox_views
from eisd.store.sql import Connection

_PERSON = {Ruling.AUTH, Ruling.CONFIG}


def doubts(db: Connection) -> list[Answer]:
    """Messages that may have been sent: somebody has to look."""
    return [
        issue(
            "outbox_doubt",
            f"message {submission} may have been sent; it is looked for in Sent",
            f"look whether it arrived; then: eisd outbox settle {submission}, or to send it "
            f"again: eisd outbox retry {submission}",
            mailbox=mailbox,
        )
        for submission, mailbox, _ in outbox_views.in_doubt(db)
    ]


def stalled(desk: Desk) -> list[Answer]:
    """Mailboxes whose way out a person has to mend."""
    return [
        issue(
            "outbox_stalled",
            f"cannot send: {result.verdict.text}",
            result.verdict.fix or f"eisd mailbox test {mailbox}",
            mailbox=mailbox,
        )
        for mailbox, result in sorted(desk.posts.troubles().items())
        if result.verdict.ruling in _PERSON
    ]
