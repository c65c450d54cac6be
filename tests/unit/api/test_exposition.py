"""What Prometheus reads: complete, well-formed, and without a word from anybody's mail."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from datetime import UTC, datetime

import pytest
from lab import mail

from eisd import metrics
from eisd.api import exposition
from eisd.daemon.lookout import Lookout
from eisd.model.mailbox import MailboxState

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (.ci/install)"
)


async def scrape(desk):
    """The text of a scrape over the API."""
    reply = await desk.http.get("/metrics")
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/plain")
    return reply.text


def values(text, name):
    """The samples of a family: labels, sorted, to value."""
    found = re.findall(rf"^{name}(?:\{{(.*)\}})? (\S+)$", text, re.MULTILINE)
    return {",".join(sorted(labels.split(","))): float(value) for labels, value in found}


async def test_every_family_is_shown_with_its_help(desk):
    """The text names each family of the catalogue once, with its kind, and the process's own."""
    text = await scrape(desk)

    shown = re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE)
    expected = [(name, one.kind) for name, one in metrics.CATALOGUE.items()]
    assert sorted(kind for kind in shown if kind[0].startswith("eisd_")) == sorted(expected)
    assert {name for name, _ in shown} >= set(exposition.FAMILIES_OF_PROCESS)


@needs_promtool
async def test_promtool_has_no_complaint(desk):
    """`promtool check metrics` is clean on a scrape with something in every kind of family."""
    desk.provider.deliver(mail.make(from_="ada@customer.test", to="sales@us.test"))
    await desk.core.once()
    metrics.MESSAGE_LATENCY.observe(0.4, "memory")

    done = await asyncio.to_thread(
        subprocess.run,
        ["promtool", "check", "metrics"],
        input=await scrape(desk),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


async def test_a_mailbox_is_counted(desk):
    """A sync shows in the copies' results, the activities and the provider's requests."""
    text = await scrape(desk)
    before = values(text, "eisd_messages_total")
    contact = {"id": "1", "emails": ["ada@customer.test"]}
    await desk.post("/contacts", {"contacts": [contact]})
    for author in ("ada@customer.test", "stranger@else.test"):
        letter = mail.make(from_=author, to="sales@us.test")
        desk.provider.deliver(letter, gate_at=datetime.now(UTC))

    await desk.core.once()
    text = await scrape(desk)

    after = values(text, "eisd_messages_total")
    grown = {key: value - before.get(key, 0) for key, value in after.items()}
    assert grown['mailbox="sales",result="matched"'] == 1
    assert grown['mailbox="sales",result="unmatched"'] == 1
    assert values(text, "eisd_activities_written_total")['direction="incoming",mailbox="sales"'] > 0
    asked = values(text, "eisd_provider_requests_total")
    assert asked['code="ok",operation="connect",provider="memory"'] > 0
    assert asked['code="ok",operation="scan",provider="memory"'] > 0


async def test_states_and_issues_are_shown(desk, events):
    """A mailbox that needs a person is not up, is an action required, and is told once."""
    lookout = Lookout(desk.core)
    await desk.core.start()
    sales = desk.core.mailboxes["sales"]
    sales.paused = True
    sales.bell.ring()
    async with asyncio.timeout(10):
        while sales.state is not MailboxState.PAUSED:  # noqa: ASYNC110  it rings no bell
            await asyncio.sleep(0.01)
    sales.state, sales.reason, sales.detail = MailboxState.PROBLEMATIC, "auth", "refused"

    await lookout.look()
    await lookout.look()
    text = await scrape(desk)
    sales.state, sales.reason = MailboxState.PAUSED, ""
    await lookout.look()

    assert values(text, "eisd_mailbox_up") == {'mailbox="sales"': 0}
    assert values(text, "eisd_mailboxes")['state="problematic"'] == 1
    required = 'code="mailbox_auth",mailbox="sales"'
    assert values(text, "eisd_action_required") == {required: 1}
    told = [(e["event"], e["issue"]) for e in events if str(e["event"]).startswith("issue.")]
    assert told == [("issue.opened", "mailbox_auth"), ("issue.closed", "mailbox_auth")]
    assert values(await scrape(desk), "eisd_mailbox_up") == {}, "a paused one alarms nobody"


async def test_when_tokens_and_sign_ins_end_is_shown(desk):
    """Of a mailbox at work; of one that is not configured any more nothing is left."""
    await desk.core.start()
    for name in ("sales", "gone"):
        desk.core.keeper.expiring[name] = 1_800_000_000.0
        desk.core.keeper.ending[name] = 1_900_000_000.0

    text = await scrape(desk)

    tokens = values(text, "eisd_oauth_token_expiry_timestamp_seconds")
    assert tokens == {'mailbox="sales"': 1_800_000_000.0}
    sign_ins = values(text, "eisd_oauth_grant_expiry_timestamp_seconds")
    assert sign_ins == {'mailbox="sales"': 1_900_000_000.0}


async def test_nothing_of_the_mail_is_shown(desk):
    """Addresses, subjects, folders and contacts appear in no label."""
    contact = {"id": "canary-contact", "emails": ["canary-ada@customer.test"]}
    await desk.post("/contacts", {"contacts": [contact]})
    letter = mail.make(
        from_="canary-ada@customer.test", to="sales@us.test", subject="canary subject"
    )
    desk.provider.deliver(letter, gate_at=datetime.now(UTC))
    await desk.core.once()
    await desk.http.get("/v1/contacts/canary-contact")
    await desk.http.get("/canary-path")

    text = await scrape(desk)

    assert "canary" not in text
    assert "@" not in text
    assert "INBOX" not in text
    assert 'route="/v1/contacts/{contact}"' in text
    assert 'route="other"' in text


async def test_the_loop_turns_while_a_scrape_is_made(desk):
    """The text of many series is made a little at a time: others have their turn meanwhile."""
    for number in range(500):
        metrics.MAILBOX_CONNECTIONS.inc(f"box{number}", "ok")
    turns = 0

    async def count():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    text = await exposition.scrape(desk.core)
    counting.cancel()
    for number in range(500):
        metrics.forget_mailbox(f"box{number}")

    assert text.count(b"eisd_mailbox_connections_total{") >= 500
    assert turns >= 500 // exposition.SLICE
