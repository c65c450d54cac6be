"""The Gmail driver on a real Dovecot behind a front that speaks Gmail's IMAP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from anyio.to_thread import run_sync
from contract.harness import Password
from integration.driver.fronted import SMALL, Fronted, fronted
from lab import dialect
from lab.certs import Certs
from lab.dovecot import Dovecot, Options
from lab.https import Pages
from lab.world import World, world

from eisd.errors import AuthRejected, Transient
from eisd.model.folder import FolderRole, Window
from eisd_gmail import GmailDriver
from eisd_gmail.aliases import Aliases
from eisd_gmail.dialect import GMAIL, read

ALL = "[Gmail]/Alle Nachrichten"
FOLDERS = {
    f'"{ALL}"': "\\All",
    '"[Gmail]/Gesendet"': "\\Sent",
    '"[Gmail]/Entwürfe"': "\\Drafts",
    '"[Gmail]/Spam"': "\\Junk",
    '"[Gmail]/Papierkorb"': "\\Trash",
    '"Kunden"': None,
}
WEB_LOGIN = (
    b"* NO [WEBALERT https://x.test] Web login required.\r\n"
    b"{tag} NO [ALERT] Please log in via your web browser: https://x.test (Failure)\r\n"
)
HIDDEN = {name: use for name, use in FOLDERS.items() if use != "\\All"}


@pytest.fixture(scope="module")
def gmail_server(certs: Certs) -> Iterator[Dovecot]:
    """A Dovecot whose folders are those of a German Gmail."""
    with Dovecot(certs, Options(folders=FOLDERS)) as server:
        yield server


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    """A world with an empty database, whole at the end."""
    async with world(tmp_path) as made:
        yield made
        await made.check()


@pytest.fixture
async def gmail(here: World, gmail_server: Dovecot) -> AsyncIterator[Fronted]:
    """A mailbox at Gmail."""
    async with fronted(here, gmail_server, GmailDriver(SMALL), dialect.GMAIL) as found:
        yield found


async def test_all_mail_is_read_alone_and_labels_tell(gmail: Fronted):
    """Sent, drafts, spam, trash and chats are told apart by label; folders are not read at all."""
    await gmail.put(ALL, flags=["$L_Inbox", "$L_Kunden"])
    await gmail.put(ALL, outgoing=True, flags=["$L_Sent"])
    for label in ("Draft", "Spam", "Trash", "Chat"):
        await gmail.put(ALL, flags=[f"$L_{label}"])
    await gmail.put("INBOX")
    await gmail.put("Kunden")
    await gmail.sync()
    assert await gmail.outcomes() == {
        (ALL, "matched"): 2,
        (ALL, "skipped:draft"): 1,
        (ALL, "skipped:excluded_folder"): 3,
    }
    boxes = await gmail.here.rows("SELECT box FROM activity_copies ORDER BY box")
    assert boxes == [("received",), ("sent",)]
    assert {a[1] for a in await gmail.here.activities()} == {"incoming", "outgoing"}


async def test_threads_and_ids_come_along(gmail: Fronted):
    """A copy has Gmail's thread and message id, 64 bits as they are written."""
    await gmail.put(ALL, flags=["$T_18446744073709551615", "$M_1278455344230334865"])
    async with gmail.session() as session:
        folder = next(f for f in await session.folders() if f.role is FolderRole.ALL)
        assert session.capabilities.labels
        found = [c async for batch in session.scan(folder, Window()) for c in batch.copies]
    assert [(c.thread, c.message) for c in found] == [
        ("18446744073709551615", "1278455344230334865")
    ]
    assert not any(flag.startswith("$") for flag in found[0].flags)


async def test_new_mail_in_all_mail_ends_a_wait(gmail: Fronted):
    """IDLE watches the folder that has everything, so sent mail is told as well."""
    await gmail.put(ALL)
    async with gmail.session() as session:
        folder = next(f for f in await session.folders() if f.role is FolderRole.ALL)
        cursor = [b async for b in session.scan(folder, Window())][-1].cursor
        await gmail.put(ALL, outgoing=True, flags=["$L_Sent"])
        await session.wait(folder, 20)
        assert folder in await session.changed({folder: cursor})
        fresh = [c async for b in session.scan(folder, cursor) for c in b.copies]
    assert [c.role for c in fresh] == [FolderRole.SENT]


async def test_a_hidden_all_mail_is_made_up_for(here: World, start_dovecot: Callable[..., Dovecot]):
    """Without All Mail labels are read as folders, a message counts once, and it is told."""
    server = await run_sync(start_dovecot, Options(folders=HIDDEN))
    async with fronted(here, server, GmailDriver(SMALL), dialect.GMAIL) as gmail:
        for folder in ("INBOX", "Kunden"):
            await gmail.put(folder, message_id="<one@people.test>", subject="One")
        await gmail.put("[Gmail]/Gesendet", outgoing=True, flags=["$L_Sent"])
        await gmail.put("[Gmail]/Spam")
        await gmail.sync()
        assert len(await here.activities()) == 2
        assert set(await gmail.outcomes()) == {
            ("INBOX", "matched"),
            ("Kunden", "matched"),
            ("[Gmail]/Gesendet", "matched"),
        }
        ((detail,),) = await here.rows("SELECT detail FROM mailbox_status")
        assert "All Mail is hidden" in detail


class Limited(GmailDriver):
    """Gmail, with a folder size limit that a test can reach."""

    dialect = replace(GMAIL, cut_sizes=frozenset({5}))


async def test_a_limited_folder_is_noticed(here: World, gmail_server: Dovecot):
    """What fell out of a folder of limited size was not deleted, and people learn of the limit."""
    here.on_remote_delete = "remove"
    async with fronted(here, gmail_server, Limited(SMALL), dialect.GMAIL) as gmail:
        for number in range(5):
            await gmail.put(ALL, message_id=f"<n{number}@people.test>", subject=f"n{number}")
        await gmail.sync()
        query = ("header", "message-id", "n0@people.test")
        await run_sync(lambda: gmail.server.expunge(gmail.user, ALL, *query))
        await gmail.put(ALL, message_id="<n5@people.test>", subject="n5")
        await gmail.sync()
        assert len(await here.activities()) == 6
        ((detail,),) = await here.rows("SELECT detail FROM mailbox_status")
        assert "exactly 5 messages" in detail
        await run_sync(lambda: gmail.server.expunge(gmail.user, ALL, *query[:2], "n1@people.test"))
        await gmail.sync()
        assert len(await here.activities()) == 4, "below the limit what is gone is gone"


async def test_one_connection_is_enough(gmail: Fronted):
    """Where all other connections are taken, the one there is fetches, too."""
    gmail.front.connections = 1
    for number in range(12):
        await gmail.put(ALL, subject=f"n{number}")
    await gmail.sync()
    assert len(await gmail.here.activities()) == 12


async def test_too_many_connections_are_waited_for(gmail: Fronted):
    """The fifteen connections that Gmail allows may be in use elsewhere: later, by itself."""
    gmail.front.connections = 0
    with pytest.raises(Transient) as raised:
        await gmail.sync()
    assert (raised.value.code, raised.value.retry_after) == ("throttled", 60.0)


async def test_bandwidth_is_waited_for(gmail: Fronted):
    """A spent bandwidth passes in half an hour at the least, and nothing is lost or doubled."""
    for number in range(30):
        await gmail.put(ALL, subject=f"n{number}")
    limits = b"{tag} NO [OVERQUOTA] Account exceeded command or bandwidth limits. (Failure)\r\n"
    gmail.front.answer("UID FETCH", limits, times=1)
    with pytest.raises(Transient) as raised:
        await gmail.sync()
    assert (raised.value.code, raised.value.retry_after) == ("throttled", 1800.0)
    await gmail.sync()
    assert await gmail.outcomes() == {(ALL, "matched"): 30}
    assert len(await gmail.here.activities()) == 30


class Renewing(Password):
    """A login that has a second token when the first is refused."""

    async def access_token(self, *, refused: str = "") -> str:
        return "token-2" if refused else self.word


async def test_a_refused_token_is_renewed_once(gmail: Fronted):
    """The provider may revoke a token early: only the next one's refusal is believed."""
    gmail.front.tokens = {"token-2": gmail.user}
    async with gmail.driver.session(gmail.options, Renewing("token-1")) as session:
        assert await session.folders()
    gmail.front.tokens = {}
    with pytest.raises(AuthRejected) as raised:
        async with gmail.driver.session(gmail.options, Renewing("token-1")):
            pass
    assert "eisd auth login" in raised.value.hint
    assert "token-" not in str(raised.value)


@pytest.mark.parametrize(
    ("answer", "code", "hint"),
    [
        (dialect.GMAIL.bad_password, "app_password", "myaccount.google.com/apppasswords"),
        (
            WEB_LOGIN,
            "web_login",
            "browser",
        ),
        (
            b"{tag} NO [ALERT] IMAP access is disabled for your domain. (Failure)\r\n",
            "permission",
            "admin",
        ),
    ],
)
async def test_each_refusal_has_its_way_out(gmail: Fronted, answer: bytes, code: str, hint: str):
    """What Gmail says when it refuses is known, and what to do about it is said."""
    gmail.front.answer("AUTHENTICATE", answer)
    steps = [step async for step in gmail.driver.probe(gmail.options, Password(gmail.token))]
    assert not steps[-1].ok
    assert hint in steps[-1].detail
    assert steps[-1].failure == ("Misconfigured" if code == "permission" else "AuthRejected")


def test_labels_are_read_whatever_comes():
    """A label in any letter case counts, the strongest wins, and nonsense says nothing."""
    assert read({b"X-GM-LABELS": [b"\\SENT", b"\\Trash"]}).role is FolderRole.TRASH
    assert read({b"X-GM-LABELS": [b"Sent"]}).role is None
    assert read({b"X-GM-LABELS": [[b"x"], None]}).role is None
    assert read({b"X-GM-LABELS": None, b"X-GM-THRID": b"x"}) == (None, "", "")
    assert read({b"X-GM-THRID": b"9" * 30}).thread == ""


SEND_AS = b"""{"sendAs": [
  {"sendAsEmail": "ann@lab.test", "isPrimary": true},
  {"sendAsEmail": "hello@lab.test", "verificationStatus": "accepted"},
  {"sendAsEmail": "stranger@lab.test", "verificationStatus": "pending"},
  {"sendAsEmail": 7}, null]}"""


async def test_aliases_are_those_one_may_send_as(gmail_server: Dovecot, here: World, certs: Certs):
    """Verified addresses of the Gmail API; in trouble, those of the last answer."""
    page = "/gmail/v1/users/me/settings/sendAs"
    context = await run_sync(certs.server_context)
    async with Pages(context) as pages:
        place = f"localhost:{pages.port}"
        pages.pages[f"{place}{page}"] = SEND_AS
        aliases = Aliases(f"https://{place}{page}", ca_file=str(certs.ca_file))
        driver = GmailDriver(SMALL, aliases)
        async with (
            fronted(here, gmail_server, driver, dialect.GMAIL) as gmail,
            gmail.session() as session,
        ):
            found = set(await session.aliases())
            assert found - {"ann@lab.test"} == {"hello@lab.test"}
            pages.pages.clear()
            assert set(await session.aliases()) == found
