"""The IMAP driver on a real Dovecot in several shapes."""

from __future__ import annotations

import email
from collections.abc import Callable, Sequence
from contextlib import aclosing, suppress
from datetime import UTC, datetime, timedelta
from email.policy import default
from functools import partial
from typing import Any

import anyio
import pytest
from anyio.to_thread import run_sync
from contract.harness import (
    NOON,
    DovecotProvider,
    Password,
    caught_up,
    fill,
    folder_named,
    ids_of,
    mail,
    scan_all,
)
from lab.certs import Certs
from lab.dovecot import Dovecot, Options
from lab.mail import make

from eisd.driver.imap import headers, scan
from eisd.driver.imap.scan import Sizes
from eisd.driver.interface import Step
from eisd.errors import CursorExpired, Misconfigured, Rejected, Transient
from eisd.mime.parse import parse
from eisd.model.folder import Batch, Cursor, FolderRole, Listed, Window
from eisd.model.mail import RawMessage
from eisd.wire.imap import Client, Pending
from eisd_imap import ImapDriver

SMALL = Sizes(first=5, batch=10, per_search=20)
Start = Callable[..., Dovecot]


def mailbox(server: Dovecot, sizes: Sizes | None = SMALL, tls: str = "implicit") -> DovecotProvider:
    """A fresh mailbox on a server."""
    return DovecotProvider(server, server.add_user("box@lab.test"), ImapDriver(sizes), tls=tls)


async def test_asks_for_no_more_of_a_header_than_is_read(start_dovecot: Start):
    """Authentication-Results stay with the server where nobody trusts them."""
    box = mailbox(await run_sync(start_dovecot))
    said = b"Authentication-Results: mx.lab.test; dmarc=pass header.from=people.test\r\n"
    await box.deliver(said + mail("vouched@people.test"))
    async with box.session() as session:
        (copy,) = [c for b in await scan_all(session) for c in b.copies]
        inbox = await folder_named(session)
        batches = [b async for b in session.scan(inbox, Window(), authentication=False)]
    (other,) = [c for b in batches for c in b.copies]
    assert other == copy._replace(header=copy.header.replace(said, b""))
    assert other != copy


SHAPES = {
    "maildir, no extensions": Options(
        mail_location="maildir",
        special_use=False,
        imap_capability="IMAP4rev1 AUTH=PLAIN",
    ),
    "names below INBOX.": Options(separator=".", prefix="INBOX.", special_use=False),
    "no NOTIFY, no ESEARCH": Options(without=frozenset({"NOTIFY", "ESEARCH", "LIST-STATUS"})),
}


@pytest.mark.parametrize("options", SHAPES.values(), ids=SHAPES)
async def test_the_essentials_need_no_extension(start_dovecot: Start, options: Options):
    """Roles, backfill, new mail and news work on a server with few or odd capabilities."""
    box = mailbox(await run_sync(start_dovecot, options))
    ids = await fill(box, 33)
    async with box.session() as session:
        folders = await session.folders()
        roles = {f.role: f for f in folders}
        assert {FolderRole.INBOX, FolderRole.SENT, FolderRole.TRASH, FolderRole.JUNK} <= set(roles)
        batches = await scan_all(session)
        assert ids_of(batches) == ids[::-1]
        sent = roles[FolderRole.SENT]
        cursors = {roles[FolderRole.INBOX]: batches[-1].cursor}
        cursors[sent] = [b async for b in session.scan(sent, Window())][-1].cursor
        assert not await session.changed(cursors)
        await box.deliver(mail("n@people.test"), sent.name)
        assert set(await session.changed(cursors)) == {sent}


async def test_starttls_and_the_wrong_authority(dovecot: Dovecot, user: str):
    """STARTTLS works with our authority; without it nobody sends a password."""
    box = DovecotProvider(dovecot, user, ImapDriver(SMALL), tls="starttls")
    async with box.session() as session:
        assert await session.folders()
    table = {"host": "localhost", "port": dovecot.port_imaps, "password": {"env": "X"}}
    options = box.driver.options({"imap": table}, address=user)
    with pytest.raises(Misconfigured) as raised:
        async with box.driver.session(options, Password()):
            pass
    assert raised.value.code == "tls"


async def test_notify_wakes_for_any_folder(dovecot: Dovecot, user: str):
    """With NOTIFY a wait on INBOX ends when mail comes to Sent, and changed names Sent."""
    box = DovecotProvider(dovecot, user, ImapDriver(SMALL))
    async with box.session() as session:
        assert session.capabilities.push_all
        names = ("INBOX", "Sent", "Archive")
        cursors = {await folder_named(session, n): await caught_up(session, n) for n in names}
        inbox = await folder_named(session)
        for _ in range(2):
            with anyio.fail_after(15):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(_later, box, "Sent")
                    await session.wait(inbox, 30)
            assert [f.name for f in await session.changed(cursors)] == ["Sent"]
            sent = await folder_named(session, "Sent")
            news = [b async for b in session.scan(sent, cursors[sent])]
            assert len(ids_of(news)) == 1
            cursors[sent] = news[-1].cursor
            assert not await session.changed(cursors)


async def test_what_came_while_a_folder_was_open_is_not_overlooked(dovecot: Dovecot, user: str):
    """With NOTIFY, mail that comes to an open folder is found after it was left unlooked."""
    box = DovecotProvider(dovecot, user, ImapDriver(SMALL))
    async with box.session() as session:
        names = ("INBOX", "Sent")
        cursors = {await folder_named(session, n): await caught_up(session, n) for n in names}
        inbox, sent = cursors
        await session.wait(inbox, 0.1)
        await session.changed(cursors)
        assert not await scan_all(session, cursors[sent], "Sent")
        await box.deliver(mail("open@people.test"), "Sent")
        await session.wait(inbox, 0.1)
        assert sent in await session.changed(cursors)


async def _later(box: DovecotProvider, folder: str) -> None:
    await anyio.sleep(0.3)
    await box.deliver(mail("later@people.test"), folder)


async def test_reading_on_the_phone_does_not_end_a_wait(dovecot: Dovecot, user: str):
    """Flags that change are no reason to look for mail."""
    box = DovecotProvider(dovecot, user, ImapDriver(SMALL))
    await fill(box, 2)
    async with box.session() as session:
        inbox = await folder_named(session)
        await caught_up(session)
        with anyio.move_on_after(10) as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(run_sync, dovecot.flag, user, "INBOX", ["\\Seen"])
                began = anyio.current_time()
                await session.wait(inbox, 1.5)
        assert not scope.cancelled_caught
        assert anyio.current_time() - began >= 1.5


async def test_a_certificate_of_another_host(start_dovecot: Start, certs: Certs):
    """A certificate that names another host is refused, with a word on how to mend it."""
    server = await run_sync(partial(start_dovecot, pair=certs.wrong_host()))
    with pytest.raises(Misconfigured) as raised:
        async with mailbox(server).session():
            pass
    assert raised.value.code == "tls"
    assert raised.value.hint


async def test_a_dropped_connection_ends_a_wait_at_once(dovecot: Dovecot, user: str):
    """Who waits in IDLE is told when the server cuts the line."""
    box = DovecotProvider(dovecot, user, ImapDriver(SMALL))
    with anyio.fail_after(10):
        async with box.session() as session:
            inbox = await folder_named(session)
            await caught_up(session)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_kick_later, dovecot, user)
                with pytest.raises(Transient):
                    await session.wait(inbox, 60)


async def test_a_cancelled_call_closes_the_connection(dovecot: Dovecot, user: str):
    """After a cancellation the session is of no use, and leaving it takes no time."""
    box = DovecotProvider(dovecot, user, ImapDriver(SMALL))
    with anyio.fail_after(5):
        async with box.session() as session:
            inbox = await folder_named(session)
            with anyio.move_on_after(0.3):
                await session.wait(inbox, 60)
            with pytest.raises(Transient):
                await session.folders()


async def _kick_later(server: Dovecot, user: str) -> None:
    await anyio.sleep(0.5)
    await run_sync(server.kick, user)


async def test_a_window_by_the_servers_search(dovecot: Dovecot, user: str):
    """Dovecot's own SINCE gives the floor, however the messages are ordered by UID."""
    box = DovecotProvider(dovecot, user, ImapDriver(SMALL))
    now = datetime.now(UTC)
    days = [100, 90, 3, 200, 1, 80, 2]
    await box.deliver_many([(mail(f"{d}@x"), now - timedelta(days=d)) for d in days])
    async with box.session() as session:
        batches = await scan_all(session, Window(since=now - timedelta(days=30)))
    # all from the oldest UID inside on; what is older among them the gate time tells
    assert ids_of(batches) == ["2@x", "80@x", "1@x", "200@x", "3@x"]


async def test_a_change_of_numbering_amid_a_session(dovecot: Dovecot, user: str):
    """UIDVALIDITY that changes while the folder is open is noticed at the next look."""
    box = DovecotProvider(dovecot, user, ImapDriver(SMALL))
    await fill(box, 3)
    async with box.session() as session:
        inbox = await folder_named(session)
        cursor = await caught_up(session)
        await box.renumber()
        assert await session.changed({inbox: cursor})
        with pytest.raises(CursorExpired):
            await scan_all(session, cursor)


async def test_ten_thousand_messages_in_order(dovecot: Dovecot, user: str):
    """A folder of ten thousand comes in batches of 500 at most, complete."""
    box = DovecotProvider(dovecot, user, ImapDriver())
    ids = await fill(box, 10_000)
    async with box.session() as session:
        batches = await scan_all(session)
    assert ids_of(batches) == ids[::-1]
    sizes = [len(b.copies) for b in batches]
    assert sizes[:3] == [0, 50, 500]
    assert max(sizes) == 500


@pytest.mark.parametrize("refused", [None, 2])
async def test_a_scan_that_is_left_loses_and_repeats_nothing(
    dovecot: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch, refused: int | None
):
    """Left after every batch, or by an error, a scan goes on with what it was answered."""
    box = DovecotProvider(dovecot, user, ImapDriver(SMALL))
    ids = await fill(box, 53)
    asked: list[int] = []
    taken: list[str] = []

    def ask(client: Client, uids: Sequence[int], *given: Any, authentication: bool) -> Pending:
        asked.extend(uids)
        return headers.ask(client, uids, *given, authentication=authentication)

    async def listed(*given: Any, live: bool) -> Sequence[Listed]:
        if len(taken) == refused:
            taken.append("refused")
            raise Rejected("not now", code="no")
        taken.append("answered")
        return await headers.listed(*given, live=live)

    monkeypatch.setattr(scan, "ask", ask)
    monkeypatch.setattr(scan, "listed", listed)
    batches: list[Batch] = []
    async with box.session() as session:
        inbox = await folder_named(session)
        since: Cursor | Window = Window()
        while not isinstance(since, Cursor) or since.backfilling:
            with suppress(Rejected):
                async with aclosing(session.scan(inbox, since)) as scanning:
                    async for batch in scanning:
                        batches.append(batch)
                        since = batch.cursor
                        if batch.copies:
                            break

    assert ids_of(batches) == ids[::-1]
    assert len(asked) == len(set(asked)) == len(ids)


def big(attachment: int) -> bytes:
    """A message with two texts and a large attachment, CRLF line ends."""
    rfc822 = make(
        "Ada <ada@people.test>",
        "sales@example.org",
        subject="Angebot \u00fc",
        text="Gr\u00fc\u00dfe\n" * 100,
        html="<p>Gr\u00fc\u00dfe</p>",
        attachments={"Angebot \u00fc.pdf": b"\0\xff" * (attachment // 2)},
    )
    return rfc822.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


async def fetched(box: DovecotProvider, *, limit: int = 50 << 20) -> list[RawMessage]:
    """All messages of INBOX."""
    async with box.session() as session:
        ids = [c.remote_id for b in await scan_all(session) for c in b.copies]
        inbox = await folder_named(session)
        return [m async for m in session.fetch(inbox, ids, limit=limit)]


async def test_a_large_message_comes_without_its_attachment(dovecot: Dovecot, user: str):
    """By Dovecot's BODYSTRUCTURE: texts as in the whole message, the attachment described."""
    box = DovecotProvider(dovecot, user, ImapDriver(SMALL))
    whole = big(3_000_000)
    await box.deliver(whole)
    (message,) = await fetched(box)
    assert message.size == len(whole)
    assert len(message.rfc822) < 20_000
    (pdf,) = message.omitted
    assert (pdf.filename, pdf.content_type) == ("Angebot \u00fc.pdf", "application/octet-stream")
    assert abs(pdf.size - 3_000_000) < 100_000
    original = email.message_from_bytes(whole, policy=default)
    skeleton = email.message_from_bytes(message.rfc822, policy=default)
    for kind in ("plain", "html"):
        one, other = original.get_body((kind,)), skeleton.get_body((kind,))
        assert one is not None
        assert other is not None
        assert one.get_content() == other.get_content()
    assert skeleton["Subject"] == original["Subject"]
    ours, full = parse(message.rfc822, message.omitted), parse(whole)
    assert (ours.text, ours.html, ours.snippet) == (full.text, full.html, full.snippet)
    assert [a.filename for a in ours.attachments] == [a.filename for a in full.attachments]
    assert list(skeleton.iter_attachments()) == []


async def test_a_small_message_with_an_attachment_comes_whole(dovecot: Dovecot, user: str):
    """Up to 256 KiB nothing is left out; over the caller's limit everything but text is."""
    box = DovecotProvider(dovecot, user, ImapDriver(SMALL))
    whole = big(20_000)
    await box.deliver(whole)
    (message,) = await fetched(box)
    assert (message.rfc822, message.omitted) == (whole, ())
    (message,) = await fetched(box, limit=10_000)
    assert [a.content_type for a in message.omitted] == ["application/octet-stream"]


async def test_a_huge_text_is_cut_at_a_mebibyte(dovecot: Dovecot, user: str):
    """One text of three MiB: its first MiB is fetched, the header is whole."""
    box = DovecotProvider(dovecot, user, ImapDriver(SMALL))
    await box.deliver(mail("huge@people.test", body="0123456789abcdef\r\n" * 180_000))
    (message,) = await fetched(box)
    assert b"<huge@people.test>" in message.rfc822
    assert 1 << 20 <= len(message.rfc822) < (1 << 20) + 2000
    assert message.omitted == ()


async def test_probe_tells_each_step(dovecot: Dovecot, user: str):
    """`mailbox test` sees dns, tcp, tls, greeting, auth, caps and folders, each with its time."""
    box = DovecotProvider(dovecot, user, ImapDriver())
    steps = [s async for s in box.driver.probe(box.options, Password())]
    assert [s.name for s in steps] == ["dns", "tcp", "tls", "greeting", "auth", "caps", "folders"]
    assert all(s.ok for s in steps)
    assert "IDLE yes" in steps[5].detail


FAILURES = {
    "refused": ({"port": 1}, "tcp"),
    "no authority": ({"ca_file": "/none"}, "tls"),
    "wrong password": ({}, "auth"),
}


@pytest.mark.parametrize(("change", "failed"), FAILURES.values(), ids=FAILURES)
async def test_probe_ends_at_the_step_that_fails(
    dovecot: Dovecot, user: str, change: dict[str, object], failed: str
):
    """The last step says what failed, in words, and nothing follows."""
    driver = ImapDriver()
    imap = {
        "host": "localhost",
        "port": dovecot.port_imaps,
        "password": {"env": "X"},
        "ca_file": str(dovecot.certs.ca_file),
    }
    options = driver.options({"imap": imap | change}, address=user)
    steps: list[Step] = [s async for s in driver.probe(options, Password("wrong"))]
    assert steps[-1].name == failed
    assert [s.ok for s in steps] == [True] * (len(steps) - 1) + [False]
    assert steps[-1].detail


async def test_a_structure_of_megabytes_costs_nothing_but_itself(dovecot: Dovecot, user: str):
    """A message whose structure is too long to be read comes by its beginning, the rest too."""
    box = DovecotProvider(dovecot, user, ImapDriver(SMALL))
    head = b"Message-ID: <huge@x>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
    part = b'Content-Type: image/png; name="' + b"n" * 800 + b'"\r\n\r\n\r\n--b\r\n'
    huge = head + b"\r\nthe text\r\n--b\r\n" + part * 3000
    await box.deliver_many([(huge, NOON), (mail("next@x", body="n" * 300_000), NOON)])
    async with box.session() as session:
        inbox = await folder_named(session)
        ids = [c.remote_id for b in await scan_all(session) for c in b.copies]
        got = [m async for m in session.fetch(inbox, ids, limit=50 << 20)]
    assert [b"the text" in m.rfc822 for m in got].count(True) == 1
    assert sorted(m.size > 1 << 20 for m in got) == [False, True]
    assert not any(m.missing for m in got)
