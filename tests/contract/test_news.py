"""What `changed` and `wait` promise: never too few, never too late."""

from __future__ import annotations

import anyio
import anyio.lowlevel
from contract.harness import Provider, caught_up, fill, folder_named, ids_of, mail, scan_all

from eisd.driver.interface import Session
from eisd.model.folder import Window

ALMOST_NEVER = 20.0
NAMES = ("INBOX", "Sent")


async def test_changed_names_where_mail_came(provider: Provider):
    """A folder that got mail is named, whichever folder is open."""
    async with provider.session() as session:
        cursors = {await folder_named(session, n): await caught_up(session, n) for n in NAMES}
        await provider.deliver(mail("a@people.test"), "Sent")
        assert "Sent" in {f.name for f in await session.changed(cursors)}
        await provider.deliver(mail("b@people.test"), "INBOX")
        assert "INBOX" in {f.name for f in await session.changed(cursors)}
        await scan_all(session, Window(), "INBOX")
        await provider.deliver(mail("c@people.test"), "INBOX")
        assert "INBOX" in {f.name for f in await session.changed(cursors)}


async def test_changed_is_quiet_where_nothing_came(provider: Provider):
    """Folders that were caught up and not touched are not named."""
    await fill(provider, 3)
    async with provider.session() as session:
        cursors = {await folder_named(session, n): await caught_up(session, n) for n in NAMES}
        assert not await session.changed(cursors)
    async with provider.session() as session:
        assert not await session.changed(cursors)


async def test_changed_names_an_unfinished_backfill(provider: Provider):
    """A folder whose backfill is not done is named until it is."""
    await fill(provider, 30)
    async with provider.session() as session:
        inbox = await folder_named(session)
        scan = session.scan(inbox, Window())
        first = await anext(scan)
        await scan.aclose()
        assert list(await session.changed({inbox: first.cursor})) == [inbox]


async def test_changed_names_what_a_scan_must_tell(provider: Provider):
    """A folder that was numbered anew or is gone is named."""
    await provider.create("Project")
    async with provider.session() as session:
        inbox, project = await folder_named(session), await folder_named(session, "Project")
        cursors = {
            inbox: await caught_up(session),
            project: await caught_up(session, "Project"),
        }
    await provider.renumber()
    await provider.delete("Project")
    async with provider.session() as session:
        assert set(await session.changed(cursors)) == {inbox, project}


async def test_wait_ends_when_mail_comes(provider: Provider):
    """A delivery ends the wait long before its time."""
    async with provider.session() as session:
        inbox = await folder_named(session)
        cursor = await caught_up(session)
        with anyio.fail_after(ALMOST_NEVER / 2):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_later, provider)
                await session.wait(inbox, ALMOST_NEVER)
        assert ids_of(await scan_all(session, cursor)) == ["later@people.test"]


async def _later(provider: Provider) -> None:
    await anyio.sleep(0.3)
    await provider.deliver(mail("later@people.test"))


async def test_wait_does_not_miss_what_came_before_it(provider: Provider):
    """What arrived between the scan and the wait ends the wait at once, in any folder order."""
    async with provider.session() as session:
        inbox = await folder_named(session)
        await caught_up(session)
        await caught_up(session, "Sent")
        await provider.deliver(mail("between@people.test"))
        with anyio.fail_after(ALMOST_NEVER / 2):
            await session.wait(inbox, ALMOST_NEVER)


async def test_wait_ends_by_itself(provider: Provider):
    """Without news the wait ends after its seconds."""
    async with provider.session() as session:
        inbox = await folder_named(session)
        await caught_up(session)
        with anyio.fail_after(5):
            await session.wait(inbox, 0.3)


async def test_a_nudge_ends_the_wait(provider: Provider):
    """A nudge from another task ends the wait, and the session goes on."""
    async with provider.session() as session:
        inbox = await folder_named(session)
        await caught_up(session)
        with anyio.fail_after(ALMOST_NEVER / 2):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_nudge_later, session)
                await session.wait(inbox, ALMOST_NEVER)
        assert await session.folders()


async def test_a_nudge_counts_from_the_first_moment(provider: Provider):
    """A nudge ends a wait that has but begun, though it has another folder to open first."""
    async with provider.session() as session:
        inbox = await folder_named(session)
        await caught_up(session)
        await caught_up(session, "Sent")
        with anyio.fail_after(ALMOST_NEVER / 2):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(session.wait, inbox, ALMOST_NEVER)
                await anyio.lowlevel.checkpoint()
                session.nudge()


async def _nudge_later(session: Session) -> None:
    await anyio.sleep(0.2)
    session.nudge()
