"""Sending through a real submission server, and filing in the mailbox beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count

import pytest
from lab.dovecot import PASSWORD, Dovecot, Options
from lab.sink import Sink

from eisd.driver.interface import Sender, Step
from eisd.errors import AuthRejected, FolderGone, Misconfigured, Transient
from eisd.model.outgoing import Outgoing, Party, SendRefused, Stage
from eisd.outbox.compose import compose, envelope, mint_message_id
from eisd_imap import ImapDriver

_numbers = count(1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Secrets:
    """A `Login`: passwords by table, and a token."""

    smtp: str = PASSWORD
    imap: str = PASSWORD
    token: str = ""
    asked: tuple[str, ...] = ()

    async def password(self, table: str = "") -> str:
        self.asked += (table,)
        return self.smtp if table == "smtp" else self.imap

    async def access_token(self, *, refused: str = "") -> str:
        del refused
        return self.token


@pytest.fixture
async def sink(submission: Dovecot) -> AsyncIterator[Sink]:
    """What the submission server relays to."""
    async with Sink(port=submission.port_relay) as sink:
        yield sink


@pytest.fixture
def sales(submission: Dovecot) -> str:
    """A fresh mailbox that can send."""
    return submission.add_user(f"sales{next(_numbers)}@lab.test")


def options(server: Dovecot, address: str, *, oauth: bool = False, **smtp: object):
    ca = str(server.certs.ca_file)
    imap = {"host": "127.0.0.1", "port": server.port_imap, "tls": "starttls", "ca_file": ca}
    out = {**imap, "port": server.port_submission, **smtp}
    table: dict[str, object] = {"imap": imap, "smtp": out}
    if oauth:
        table["oauth"] = {"app": "lab"}
    else:
        imap["password"] = {"store": True}
    return ImapDriver().options(table, address=address)


def letter(sender: str, to: str = "ada@people.test", **more: object) -> tuple[str, Outgoing]:
    outgoing = Outgoing(Party(sender, "Sales"), (Party(to),), subject="Größe", text="Hé", **more)
    return mint_message_id(sender), outgoing


async def post(sender: Sender, message_id: str, outgoing: Outgoing):
    rfc822 = compose(outgoing, message_id=message_id, date=NOON)
    return rfc822, await sender.send(envelope(outgoing), rfc822)


async def test_a_message_is_sent_and_filed(submission: Dovecot, sink: Sink, sales: str):
    """One connection for two messages; the copy in Sent has Bcc, the wire has not; filed once."""
    login = Secrets()
    way = options(submission, sales)
    async with ImapDriver().sender(way, login) as sender:
        for _ in range(2):
            blind = (Party("eve@people.test"),)
            message_id, outgoing = letter(sales, bcc=blind)
            rfc822, receipt = await post(sender, message_id, outgoing)
            assert receipt.recipients == ("ada@people.test", "eve@people.test")
        assert await sender.find_sent(message_id) is None
        filed = await sender.append_sent(rfc822)
        assert await sender.append_sent(rfc822) == filed == await sender.find_sent(message_id)

    assert [b"Bcc" in taken.rfc822 for taken in sink.taken] == [False, False]
    assert message_id.encode() in sink.taken[1].rfc822
    assert len(submission.uids(sales, "Sent")) == 1
    assert "Bcc: eve@" in submission.doveadm("fetch", "-u", sales, "hdr", "mailbox", "Sent", "all")
    assert login.asked == ("imap", "imap")


async def test_a_token_signs_in_on_both_sides(submission: Dovecot, sink: Sink, sales: str):
    """XOAUTH2 to send and to file; a worthless token is the credentials' fault."""
    way = options(submission, sales, oauth=True)
    async with ImapDriver().sender(way, Secrets(token=submission.token(sales))) as sender:
        rfc822, _ = await post(sender, *letter(sales))
        await sender.append_sent(rfc822)
    assert len(sink.taken) == len(submission.uids(sales, "Sent")) == 1

    late = Secrets(token=submission.token(sales, seconds=-60))
    async with ImapDriver().sender(way, late) as sender:
        with pytest.raises(AuthRejected) as caught:
            await post(sender, *letter(sales))
        assert late.token not in str(caught.value)


async def test_a_refused_token_is_asked_for_again_once(submission: Dovecot, sink: Sink, sales: str):
    """Revoked early: another one is asked for, and its refusal alone is believed."""

    class Renewing(Secrets):
        async def access_token(self, *, refused: str = "") -> str:
            return submission.token(sales) if refused == "stale" else "stale"

    way = options(submission, sales, oauth=True)
    async with ImapDriver().sender(way, Renewing()) as sender:
        await post(sender, *letter(sales))
    assert len(sink.taken) == 1


async def test_a_relay_of_its_own(submission: Dovecot, sales: str):
    """Another server, other credentials; the mailbox's password is not even asked for."""
    other = {"host": "localhost", "username": "relay", "password": {"store": True}}
    ca_file = submission.certs.ca_file
    async with Sink(starttls=submission.certs.server_context(), logins={"relay": "other"}) as relay:
        way = options(submission, sales, **other, port=relay.port)
        login = Secrets(smtp="other")
        async with ImapDriver().sender(way, login) as sender:
            await post(sender, *letter(sales))
        assert (len(relay.taken), login.asked) == (1, ("smtp",))

    async with Sink() as open_relay:
        way = options(submission, sales, host="localhost", port=open_relay.port, tls="none")
        login = Secrets()
        async with ImapDriver().sender(way, login) as sender:
            await post(sender, *letter(sales))
        assert (len(open_relay.taken), login.asked) == (1, ())
    assert ca_file.exists()


async def test_wrong_passwords_and_no_way_out(submission: Dovecot, sales: str):
    """A refused password is told as that; a mailbox without smtp cannot send and says how."""
    async with ImapDriver().sender(options(submission, sales), Secrets(imap="no")) as sender:
        with pytest.raises(AuthRejected):
            await post(sender, *letter(sales))
    table = {"imap": {"host": "127.0.0.1", "password": {"store": True}}}
    mute = ImapDriver().options(table, address=sales)
    assert ImapDriver().outlet(mute) is None
    with pytest.raises(Misconfigured, match="no way to send"):
        ImapDriver().sender(mute, Secrets())


async def test_refusals_of_the_relay_come_through(submission: Dovecot, sink: Sink, sales: str):
    """Dovecot passes on what the next server says, for a recipient and for the message."""
    sink.replies["no@people.test"] = "550 5.1.1 no such user"
    async with ImapDriver().sender(options(submission, sales), Secrets()) as sender:
        cc = (Party("no@people.test"),)
        _, receipt = await post(sender, *letter(sales, cc=cc))
        assert [r.recipient for r in receipt.refusals] == ["no@people.test"]
        sink.replies["DATA"] = "554 5.7.1 spam"
        with pytest.raises(SendRefused) as caught:
            await post(sender, *letter(sales))
        assert caught.value.refusals[0].stage is Stage.END
        assert caught.value.refusals[0].permanent


async def test_a_connection_that_died_is_made_anew(submission: Dovecot, sales: str):
    """Between two messages the server hangs up: the second goes over another connection."""
    async with Sink() as relay:
        way = options(submission, sales, host="localhost", port=relay.port, tls="none")
        async with ImapDriver().sender(way, Secrets()) as sender:
            await post(sender, *letter(sales))
            relay.hang_up()
            await post(sender, *letter(sales))
            assert relay.connections == 2
            relay.drops.add("MAIL")  # noticed with the message half said
            with pytest.raises(Transient):
                await post(sender, *letter(sales))
            assert relay.connections == 3
        assert len(relay.taken) == 2


async def test_drafts(submission: Dovecot, sales: str):
    """Filed once, found, replaced and removed; what is beside it stays."""
    message_id, outgoing = letter(sales)
    rfc822 = compose(outgoing, message_id=message_id, date=NOON)
    other = compose(outgoing, message_id="other@lab.test", date=NOON)
    async with ImapDriver().sender(options(submission, sales), Secrets()) as sender:
        await sender.append_draft(other)
        assert await sender.append_draft(rfc822) == await sender.append_draft(rfc822)
        flags = submission.doveadm("fetch", "-u", sales, "flags", "mailbox", "Drafts", "all")
        assert flags.count("\\Draft") == 2
        assert await sender.remove_draft(message_id)
        assert not await sender.remove_draft(message_id)
        assert await sender.find_draft(message_id) is None
        assert await sender.find_draft("other@lab.test") is not None
    assert len(submission.uids(sales, "Drafts")) == 1


async def test_a_mailbox_without_sent(start_dovecot):
    """Told as that, with the way out, and not as trouble that passes."""
    bare = await asyncio.to_thread(start_dovecot, Options(folders={}))
    address = bare.add_user("a@lab.test")
    async with ImapDriver().sender(options(bare, address), Secrets()) as sender:
        with pytest.raises(FolderGone, match="no folder for sent"):
            await sender.append_sent(b"Message-ID: <a@b>\r\n\r\nx")


async def test_the_way_out_step_by_step(submission: Dovecot, sink: Sink, sales: str):
    """Every step is named, with a message to its end; the one that fails is the last."""

    async def steps(secrets: Secrets, message=None, **smtp: object) -> list[Step]:
        way = options(submission, sales, **smtp)
        return [one async for one in ImapDriver().probe_sender(way, secrets, message)]

    _, outgoing = letter(sales)
    rfc822 = compose(outgoing, message_id="p@lab.test", date=NOON)
    good = await steps(Secrets(), (envelope(outgoing), rfc822))
    assert [one.name for one in good] == [
        *("smtp dns", "smtp tcp", "smtp greeting", "smtp tls", "smtp auth", "smtp caps"),
        "smtp send",
    ]
    assert all(one.ok for one in good)
    assert len(sink.taken) == 1

    wrong = (await steps(Secrets(imap="no")))[-1]
    assert (wrong.name, wrong.ok, wrong.failure) == ("smtp auth", False, "AuthRejected")
    plain = (await steps(Secrets(), tls="implicit"))[-1]
    assert (plain.name, plain.failure) == ("smtp tls", "Misconfigured")
    nobody = (await steps(Secrets(), port=1))[-1]
    assert (nobody.name, nobody.failure) == ("smtp tcp", "Transient")
    sink.replies["RCPT"] = "550 5.1.1 no such user"
    refused = (await steps(Secrets(), (envelope(outgoing), rfc822)))[-1]
    assert (refused.name, refused.failure) == ("smtp send", "SendRefused")
    assert "correct the address" in refused.detail
