"""``eisd mailbox test`` tries the way out, too, and mail that comes back by it."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from itertools import count

import pytest
from anyio.to_thread import run_sync
from lab.dovecot import PASSWORD
from lab.sink import Sink, Taken

_numbers = count(1)
WAY_IN = ["dns", "tcp", "tls", "greeting", "auth", "caps", "folders"]
WAY_OUT = [f"smtp {name}" for name in ("dns", "tcp", "greeting", "tls", "auth", "caps")]


@pytest.fixture
def box(site, submission):
    """A mailbox that can send, in the configuration of the site; its address."""
    address = submission.add_user(f"box{next(_numbers)}@lab.test")
    smtp = {
        "host": "127.0.0.1",
        "port": submission.port_submission,
        "tls": "starttls",
        "ca_file": str(submission.certs.ca_file),
        "password": {"same_as": "imap"},
    }
    table = "\n".join(f"{key} = {value}" for key, value in _toml(smtp).items())
    site.write(site.mailbox(submission, address) + f"[mailboxes.sales.smtp]\n{table}\n")
    return address


def _toml(table):
    shown = {key: json.dumps(value) for key, value in table.items()}
    return shown | {"password": '{ same_as = "imap" }'}


async def run(site, *args):
    return await run_sync(partial(site.eisd, "mailbox", "test", "sales", *args, "--json"))


def steps(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


async def test_the_way_in_and_out(site, box, submission):
    """Both ways step by step; nothing is sent unasked."""
    async with Sink(port=submission.port_relay) as sink:
        done = await run(site)
    assert done.returncode == 0, done.stderr + done.stdout
    assert {one["name"] for one in steps(done)} >= {*WAY_IN, *WAY_OUT}
    assert sink.taken == []
    assert box


async def test_a_message_that_comes_back(site, box, submission):
    """--send-to the mailbox itself: sent, delivered, and seen in the inbox."""
    tasks = set()

    def deliver(taken: Taken) -> None:
        arriving = asyncio.to_thread(submission.deliver, taken.recipients[0], taken.rfc822)
        tasks.add(asyncio.ensure_future(arriving))

    async with Sink(port=submission.port_relay, on_taken=deliver) as sink:
        done = await run(site, "--send-to", box)
        await asyncio.gather(*tasks)
    assert done.returncode == 0, done.stderr + done.stdout
    assert [one["name"] for one in steps(done)][-2:] == ["smtp send", "arrival"]
    assert b"Auto-Submitted: auto-generated" in sink.taken[0].rfc822


async def test_what_goes_wrong(site, box, submission):
    """A refused message is 1, a refused password 77, no address 64; each named."""
    async with Sink(port=submission.port_relay) as sink:
        sink.replies["RCPT"] = "550 5.1.1 no such user"
        done = await run(site, "--send-to", "nobody@people.test")
        assert done.returncode == 1
        assert steps(done)[-1]["failure"] == "SendRefused"
        wrong = await run(site, "--send-to", "nobody")
        assert wrong.returncode == 64
        submission.add_user(box, "another")
        assert (await run(site)).returncode == 77
        submission.add_user(box, PASSWORD)
    site.write(site.mailbox(submission, box))
    mute = await run(site, "--send-to", box)
    assert mute.returncode == 78
    assert "no way to send" in mute.stderr
