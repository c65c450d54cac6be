"""New messages written many at once come to what settling each by itself makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lab.world import World, world
from unit.sync.test_proof import LONG_AGO, OWNERS, Case, case

from eisd.sync import fresh

WRITTEN = (
    (
        "SELECT id_key, variant, identity, subject, subject_key, is_reply, text, dated_at,"
        " received, occurred_at, gate_at, size, parse_status, sha256,"
        " (SELECT o.id_key FROM message o WHERE o.id = m.follows),"
        " (SELECT min(o.id_key) FROM message o WHERE o.thread_id = m.thread_id) FROM message m"
    ),
    (
        "SELECT m.id_key, p.exact, p.role, p.address, p.name, p.relaxed, p.domain, p.registrable,"
        " p.marks FROM participant p JOIN message m ON m.id = p.message_id"
    ),
    "SELECT m.id_key, r.ref, r.kind FROM message_ref r JOIN message m ON m.id = r.message_id",
    (
        "SELECT m.id_key, a.workspace, a.contact_id, a.direction, a.kind, a.roles, a.via, a.flags,"
        " a.source, a.occurred_at, a.received_at, a.visibility FROM activity a"
        " JOIN message m ON m.id = a.message_id"
    ),
    (
        "SELECT p.folder_id, p.remote_id, p.id_key, p.variant, p.outcome, p.reason, p.facts,"
        " p.parent, p.thread, m.id_key FROM copy p LEFT JOIN message m ON m.id = p.message_id"
    ),
    "SELECT count(*) FROM thread",
)


async def written(made: Case, folder: Path) -> list[Any]:
    """What is on record when all of it was there before the first look."""
    async with world(folder, policy=made.policy, scope=made.scope) as here:
        for owner in OWNERS:
            await here.mailbox(owner)
        await here.contacts({**made.contacts}, added_at=LONG_AGO)
        for copy in made.copies:
            here.boxes[copy.owner].put(copy.rfc822, folder=copy.folder, at=copy.when)
        await here.sync()
        await here.check()
        return [sorted(map(repr, await here.rows(sql))) for sql in WRITTEN]


@pytest.mark.parametrize("seed", range(8))
async def test_many_at_once_are_what_each_is_by_itself(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Every table holds the same, whichever way the messages went."""
    made = case(seed)
    together = await written(made, tmp_path / "together")
    monkeypatch.setattr(fresh, "record", lambda *_: set())

    assert await written(made, tmp_path / "one by one") == together


async def test_new_messages_are_written_together(here: World, monkeypatch: pytest.MonkeyPatch):
    """A first sync of plain mail settles none by itself."""
    box = await here.mailbox("anna")
    await here.contact("c1", "ada@x.test")
    for number in range(20):
        box.deliver("ada@x.test", subject=f"s{number}", message_id=f"<{number}@x.test>")
    taken: list[int] = []
    record = fresh.record

    def watched(*given: Any) -> set[int]:
        found = record(*given)
        taken.append(len(found))
        return found

    monkeypatch.setattr(fresh, "record", watched)

    await here.sync()

    assert sum(taken) == 20
    assert len(await here.activities()) == 20
