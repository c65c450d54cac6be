"""The in-memory way out refuses and drops where it is told to, and says what is certain."""

from __future__ import annotations

import pytest
from lab.world import Login

from eisd.driver.memory import MemoryDriver, MemoryMailbox
from eisd.errors import FolderGone, InDoubt, Transient
from eisd.model.folder import FolderRole
from eisd.model.outgoing import Envelope, Outlet, SendRefused, Stage

LETTER = b"Message-ID: <a@x>\r\nBcc: c@x\r\nTo: b@x\r\n\r\nhi\r\n"
ENVELOPE = Envelope("a@x", ("b@x", "c@x"))


@pytest.fixture
def mailbox() -> MemoryMailbox:
    """An empty mailbox that can send."""
    return MemoryMailbox()


@pytest.fixture
async def sender(mailbox: MemoryMailbox):
    """Its way out."""
    async with MemoryDriver({"box": mailbox}).sender("box", Login()) as sender:
        yield sender


async def test_what_was_sent_is_there_to_see(mailbox, sender):
    """The provider has the message without Bcc; one connection serves two messages."""
    committed = []

    async def commit():
        committed.append(len(mailbox.outlet.taken))

    for _ in range(2):
        receipt = await sender.send(ENVELOPE, LETTER, before_commit=commit)
        assert receipt.recipients == ENVELOPE.recipients

    assert committed == [0, 1]
    assert [b"Bcc" in rfc822 for _, rfc822 in mailbox.outlet.taken] == [False, False]
    assert mailbox.outlet.connections == 1


@pytest.mark.parametrize(
    ("stage", "error", "taken", "committed"),
    [
        ("send_connect", Transient, 0, 0),
        ("mail", Transient, 0, 0),
        ("rcpt", Transient, 0, 0),
        ("data", Transient, 0, 0),
        ("end", InDoubt, 0, 1),
        ("reply", InDoubt, 1, 1),
    ],
)
async def test_a_line_that_drops(mailbox, sender, stage, error, taken, committed):
    """Before the commit nothing was sent; after it the message is in doubt, taken or not."""
    commits = []

    async def commit():
        commits.append(1)

    mailbox.fail(stage)
    with pytest.raises(error):
        await sender.send(ENVELOPE, LETTER, before_commit=commit)
    assert (len(mailbox.outlet.taken), len(commits)) == (taken, committed)

    await sender.send(ENVELOPE, LETTER)  # on a new connection
    assert mailbox.outlet.connections == 1 if stage == "send_connect" else 2


async def test_refusals(mailbox, sender):
    """One recipient, all of them, and the message itself at its end."""
    mailbox.outlet.refuse("c@x", 550, "unknown", enhanced="5.1.1")
    receipt = await sender.send(ENVELOPE, LETTER)
    assert (receipt.recipients, receipt.refusals[0].recipient) == (("b@x",), "c@x")

    with pytest.raises(SendRefused) as caught:
        await sender.send(Envelope("a@x", ("c@x",)), LETTER)
    assert caught.value.refusals[0].enhanced == "5.1.1"

    mailbox.outlet.refuse("", 451, "later", at="end")
    with pytest.raises(SendRefused) as caught:
        await sender.send(ENVELOPE, LETTER)
    assert caught.value.refusals[0].stage is Stage.END
    assert not caught.value.refusals[0].permanent
    assert len(mailbox.outlet.taken) == 1


async def test_copies(mailbox, sender):
    """The Sent copy is filed once, whoever files it; a draft is filed, found and removed."""
    assert await sender.find_sent("a@x") is None
    filed = await sender.append_sent(LETTER)
    assert await sender.append_sent(LETTER) == filed == await sender.find_sent("a@x")

    with pytest.raises(FolderGone):
        await sender.append_draft(LETTER)
    mailbox.create_folder("Drafts", FolderRole.DRAFTS)
    assert await sender.append_draft(LETTER) == await sender.find_draft("a@x")
    assert [await sender.remove_draft("a@x") for _ in range(2)] == [True, False]


async def test_a_provider_that_files_itself(mailbox, sender):
    """What Gmail does: the copy is in Sent already."""
    mailbox.outlet.facts = Outlet("memory", files_sent=True)
    await sender.send(ENVELOPE, LETTER)
    assert await sender.find_sent("a@x") is not None
