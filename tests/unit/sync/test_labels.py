"""Mail of a provider with labels: one folder holds everything, each copy says what it is."""

from __future__ import annotations

import pytest
from lab.mail import make
from lab.world import World, ago

from eisd.model.folder import FolderRole

MANY = 12  # more than a thread reads at once: the header worker has the labels too
CONTACT = "ada@people.test"
OWN = "anna@lab.test"


def letter(number: int, *, outgoing: bool = False) -> bytes:
    """A letter between the mailbox and the contact."""
    pair = (OWN, CONTACT) if outgoing else (CONTACT, OWN)
    return make(*pair, date=ago(hours=1), message_id=f"l{number}@people.test")


async def test_a_copy_is_sent_by_its_label(here: World):
    """Copies with the label of Sent lie on the sender's side, all others do not."""
    box = await here.mailbox()
    await here.contact("ada", CONTACT)
    for number in range(MANY):
        sent = number % 2 == 0
        box.provider.deliver(
            letter(number, outgoing=sent),
            gate_at=ago(hours=1),
            role=FolderRole.SENT if sent else None,
            thread=f"t{number}",
        )
    await here.sync()
    found = await here.rows("SELECT box, COUNT(*) FROM activity_copies GROUP BY box ORDER BY box")
    assert found == [("received", MANY // 2), ("sent", MANY // 2)]


@pytest.mark.parametrize(
    ("role", "outcome"),
    [
        (FolderRole.DRAFTS, "skipped:draft"),
        (FolderRole.JUNK, "skipped:excluded_folder"),
        (FolderRole.TRASH, "skipped:excluded_folder"),
        (FolderRole.SYSTEM, "skipped:excluded_folder"),
        (FolderRole.INBOX, "matched"),
    ],
)
async def test_labels_exclude_as_folders_do(here: World, role: FolderRole, outcome: str):
    """A draft is a draft, and spam, trash and chats are no mail of the mailbox."""
    box = await here.mailbox()
    await here.contact("ada", CONTACT)
    remote = box.provider.deliver(letter(1), gate_at=ago(hours=1), role=role)
    await here.sync()
    assert await here.outcomes() == {("anna", "INBOX", remote): outcome}


async def test_out_of_the_spam_it_counts(here: World):
    """A copy that is listed again without the label that held it is judged then."""
    box = await here.mailbox()
    await here.contact("ada", CONTACT)
    remote = box.provider.deliver(letter(1), gate_at=ago(hours=1), role=FolderRole.JUNK)
    await here.sync()
    folder = box.provider.folder("INBOX")
    folder.messages.clear()
    folder.next_number = int(remote[1:])
    box.provider.deliver(letter(1), gate_at=ago(hours=1))
    await here.store.write(lambda tx: tx.db.execute("UPDATE folder SET cursor = ''"))
    await here.sync()
    assert set((await here.outcomes()).values()) == {"matched"}
    assert len(await here.activities()) == 1
