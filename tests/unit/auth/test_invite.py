"""Invitations: signed, for one owner, once, for a while."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from eisd.api import inviting
from eisd.auth import invite as tokens
from eisd.config.load import load
from eisd.daemon.core import Core
from eisd.errors import UserError

KEY = b"k" * 32


@pytest.fixture
async def core(tmp_path: Path):
    """A core without mailboxes."""
    config = tmp_path / "config.toml"
    config.write_text('daemon.state_dir = "state"\nmetrics.listen = []\n')
    core = await Core.open(await asyncio.to_thread(load, config))
    yield core
    await core.close()


def test_a_token_tells_its_owner_and_cannot_be_changed():
    """Every change of a character, another key, and the end are refused."""
    made = tokens.new("alice", now=1000, valid_ms=500)
    token = tokens.token_of(KEY, made)
    assert tokens.read(KEY, token, now=1499).owner == "alice"
    for at in range(len(token)):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        if changed.rpartition(".")[2][:42] == token.rpartition(".")[2][:42]:
            continue  # the last character of a signature has bits that say nothing
        with pytest.raises(UserError):
            tokens.read(KEY, changed, now=1100)
    for key, now in ((b"x" * 32, 1100), (KEY, 1500)):
        with pytest.raises(UserError):
            tokens.read(key, token, now=now)
    for nonsense in ("", "eisd1", "eisd1....", "é", "x" * 10_000):
        with pytest.raises(UserError):
            tokens.read(KEY, nonsense, now=1100)


async def test_an_invitation_works_once(core: Core):
    """Of several at once one succeeds; verifying uses nothing up."""
    token = (await inviting.invite(core, "alice"))["token"]
    assert (await inviting.verify(core, token)).owner == "alice"
    tries = [inviting.redeem(core, token, mailbox=f"m{n}") for n in range(5)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert [one for one in results if isinstance(one, str)] == ["alice"]
    assert all("used already" in str(one) for one in results if not isinstance(one, str))
    with pytest.raises(UserError, match="used already"):
        await inviting.verify(core, token)


async def test_an_invitation_can_be_taken_back(core: Core):
    """`--revoke` ends the open ones of this owner alone."""
    mine = (await inviting.invite(core, "alice"))["token"]
    other = (await inviting.invite(core, "bob"))["token"]
    assert (await inviting.revoke(core, "alice"))["ended"] == 1
    with pytest.raises(UserError, match="taken back"):
        await inviting.verify(core, mine)
    assert (await inviting.verify(core, other)).owner == "bob"


async def test_what_makes_no_sense_is_refused(core: Core):
    """An owner without a name, a time without measure."""
    for owner, valid in (("", 600.0), ("a\n", 600.0), ("a", 1.0), ("a", 1e9)):
        with pytest.raises(UserError):
            await inviting.invite(core, owner, valid_s=valid)
