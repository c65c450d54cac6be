"""Messages that could not be read: try them anew, or leave it at that."""

from __future__ import annotations

from eisd.api.answers import Answer, known_mailbox
from eisd.api.core import Core
from eisd.store import unreadable
from eisd.store.database import Tx


async def retry(core: Core, name: str, *, accept: bool) -> Answer:
    """Queue a mailbox's unreadable messages for another five tries, or accept that they are so.

    Raises:
        UserError: (67) there is no mailbox of that name.
    """

    def write(tx: Tx) -> int:
        mailbox = known_mailbox(tx.db, name).id
        return unreadable.accept(tx.db, mailbox) if accept else unreadable.again(tx.db, mailbox)

    count = await core.store.write(write)
    if running := core.mailboxes.get(name):
        running.lane_bell.ring()
    return {"mailbox": name, "messages": count, "accepted": accept}
