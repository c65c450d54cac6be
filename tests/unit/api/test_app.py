"""The HTTP API over a core: answers, problems, limits."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime
from unittest.mock import AsyncMock

import pytest
from lab.mail import make
from unit.sync.living import until

from eisd.api import limits
from eisd.errors import StoreError
from eisd.sync.engine import Engine

ADA = {"id": "1", "name": "Ada", "emails": ["ada@customer.test"]}


async def sync(desk, *letters):
    """Deliver letters and let the core bring its mailbox up to date."""
    for letter in letters:
        desk.provider.deliver(letter, gate_at=datetime.now(UTC))
    assert await desk.core.once() == {"sales": None}


def letter(number, **other):
    """A letter of Ada's."""
    return make(
        from_="ada@customer.test",
        to="sales@us.test",
        subject=f"letter {number}",
        message_id=f"<{number}@x>",
        **other,
    )


async def test_the_main_job_over_http(desk):
    """Import a contact, sync, list the activity: what a CRM does first."""
    done = await desk.post("/contacts", {"contacts": [ADA]})
    await sync(desk, letter(1), make(from_="s@stranger.test", to="sales@us.test"))

    assert (done["added"], done["to_fetch"]) == (1, 0)
    [one] = (await desk.get("/activities"))["activities"]
    assert (one["subject"], one["contact_id"]) == ("letter 1", "1")
    shown = await desk.get(f"/activities/{one['activity_id']}")
    assert [copy["folder"] for copy in shown["copies"]] == ["INBOX"]
    [contact] = (await desk.get("/contacts/1"))["contacts"]
    assert contact["activities"] == 1
    [workspace] = (await desk.get("/workspaces"))["workspaces"]
    assert (workspace["contacts"], workspace["mailboxes"]) == (1, ["sales"])


async def test_pages_by_cursor(desk):
    """Every activity and contact comes once, page by page, and the last page says so."""
    people = [{"id": str(n), "emails": [f"c{n}@c.test"]} for n in range(5)]
    await desk.post("/contacts", {"contacts": [ADA | {"id": "ada"}, *people]})
    await sync(desk, *(letter(n) for n in range(5)))

    seen, before = [], None
    while True:
        params = {"limit": 2} | ({"before": before} if before else {})
        page = await desk.get("/activities", **params)
        seen += [one["subject"] for one in page["activities"]]
        before = page["next"]
        if before is None:
            break
    ids, after = [], 0
    while after is not None:
        page = await desk.get("/contacts", limit=4, after=after)
        ids += [one["id"] for one in page["contacts"]]
        after = page["next"]

    assert sorted(seen) == [f"letter {n}" for n in range(5)]
    assert ids == ["ada", "0", "1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/v1/mailboxes/nobody", None, 404, 67),
        ("GET", "/v1/activities/99", None, 404, 67),
        ("GET", "/v1/activities?before=x", None, 400, 64),
        ("GET", "/v1/activities?limit=0", None, 400, 64),
        ("GET", "/v1/nothing", None, 404, 67),
        ("DELETE", "/v1/status", None, 405, 64),
        ("POST", "/v1/sync", {"mailboxes": ["nobody"]}, 404, 67),
        ("POST", "/v1/sync", {"wiat": True}, 400, 64),
        ("POST", "/v1/explain", {}, 400, 64),
        ("POST", "/v1/explain", {"rfc822": "%"}, 422, 65),
        ("POST", "/v1/contacts", {"contacts": [{"id": "1", "emails": ["x"]}]}, 422, 65),
        ("POST", "/v1/contacts", {"contacts": [], "replaec": True}, 422, 65),
        ("POST", "/v1/contacts", [], 422, 65),
        ("POST", "/v1/db/backup", {"path": "relative"}, 400, 64),
        ("DELETE", "/v1/mailboxes/sales", None, 409, 1),
        ("POST", "/v1/mailboxes/sales/reconnect", None, 404, 67),
    ],
)
async def test_errors_are_problems(desk, method, path, body, status, code):
    """Each refusal is an RFC 9457 problem whose exit code is the command's."""
    reply = await desk.http.request(method, path, json=body)

    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    problem = reply.json()
    assert (problem["status"], problem["exit_code"]) == (status, code)
    assert problem["detail"]


async def test_a_failure_of_ours_is_told_and_logged(desk, events, monkeypatch):
    """An error nobody foresaw is a 500 with exit code 70, and an event; its text stays inside."""

    async def broken(*_):
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(desk.core.store, "read", broken)
    reply = await desk.http.get("/v1/mailboxes")

    assert (reply.status_code, reply.json()["exit_code"]) == (500, 70)
    assert "a secret" not in reply.text
    assert [one["route"] for one in events if one["event"] == "api.request_failed"] == [
        "/v1/mailboxes"
    ]


async def test_a_body_has_its_limit(desk, monkeypatch):
    """Too much is refused by the announced length, and by counting where none is announced."""
    monkeypatch.setitem(limits.SLOW, "/v1/contacts", (1_000, 5.0))
    data = json.dumps({"contacts": [ADA] * 100}).encode()

    async def unannounced():
        for at in range(0, len(data), 100):
            yield data[at : at + 100]

    announced = await desk.http.post("/v1/contacts", content=data)
    counted = await desk.http.post("/v1/contacts", content=unannounced())

    assert (announced.status_code, counted.status_code) == (413, 413)
    assert counted.json()["exit_code"] == 65
    assert (await desk.get("/contacts"))["contacts"] == []


async def test_an_answer_has_its_time(desk, monkeypatch):
    """What takes too long ends as 503, try again later."""
    monkeypatch.setattr(limits, "SECONDS", 0.0)

    reply = await desk.http.get("/v1/mailboxes")

    assert (reply.status_code, reply.json()["exit_code"]) == (503, 75)


async def test_health_is_the_daemons_own(desk):
    """healthz fails with a stale part alone; readyz waits for the start, and can ask for all."""
    before = await desk.http.get("/readyz")
    desk.core.condition.ready = True
    ready = await desk.http.get("/readyz?verbose")
    brief = await desk.http.get("/readyz?verbose=false")
    desk.core.condition.stale = ("writer",)
    stale = await desk.http.get("/healthz")

    assert (before.status_code, ready.status_code, stale.status_code) == (503, 200, 503)
    assert {name: one["ok"] for name, one in ready.json()["checks"].items()} == {
        "started": True,
        "moving": True,
    }
    assert brief.json() == {"ok": True}
    assert stale.json()["stale"] == ["writer"]
    assert {name for name, one in stale.json()["checks"].items() if not one["ok"]} == {"writer"}


async def test_a_dry_run_leaves_no_trace(desk):
    """A rehearsed import tells its numbers, the past it would bring too, and changes nothing."""
    await sync(desk, letter(1))

    done = await desk.post("/contacts", {"contacts": [ADA], "dry_run": True})

    assert (done["added"], done["to_fetch"], done["dry_run"]) == (1, 1, True)
    assert (await desk.get("/contacts"))["contacts"] == []
    assert (await desk.post("/contacts", {"contacts": [ADA]}))["to_fetch"] == 1


async def test_replace_removes_who_is_missing(desk):
    """Without replace a missing contact stays; with it, it goes, and its activities stay."""
    both = [ADA, {"id": "2", "emails": ["bob@b.test"]}]
    await desk.post("/contacts", {"contacts": both})
    await sync(desk, letter(1))

    kept = await desk.post("/contacts", {"contacts": both[1:]})
    gone = await desk.post("/contacts", {"contacts": both[1:], "replace": True})

    assert (kept["removed"], gone["removed"]) == (0, 1)
    assert [one["id"] for one in (await desk.get("/contacts"))["contacts"]] == ["2"]
    assert len((await desk.get("/activities"))["activities"]) == 1


async def test_explain_by_id_and_by_file(desk):
    """The recorded and the hypothetical message are told by the same rules."""
    await desk.post("/contacts", {"contacts": [ADA]})
    await sync(desk, letter(1))

    by_id = await desk.post("/explain", {"message_id": "<1@x>"})
    rfc822 = base64.b64encode(letter(2)).decode()
    by_file = await desk.post("/explain", {"rfc822": rfc822})

    [recorded] = by_id["messages"][0]["decisions"]
    [mailbox] = by_file["mailboxes"]
    assert recorded == mailbox["decisions"][0]
    assert (recorded["rule"], mailbox["rule"]) == ("M2", "M2")
    assert recorded["direction_why"] == {"text": "the author is not staff", "rule": "S3"}
    assert recorded["class_why"]["rule"] == "G9"
    told = [(one["key"], one["verdict"], one["rule"]) for one in recorded["candidates"]]
    assert told == [
        ("ada@customer.test", "matched", "M2"),
        ("sales@us.test", "staff_address", "S2"),
    ]
    assert by_id["messages"][0]["rows"] == {
        "participants": 2,
        "attachments": 0,
        "messages": 1,
        "copies": 1,
    }
    assert (by_id["known"], by_file["known"]) == (True, False)


async def test_status_tells_what_needs_a_person(desk):
    """A refused reload and newer files on disk are issues, each with the command that helps."""
    assert (await desk.get("/status"))["issues"] == []
    good = desk.config.read_text()
    desk.config.write_text(good + "\n[sync]\ninterval = 7\n")

    [drift] = (await desk.get("/status"))["issues"]
    refused = await desk.post("/reload", status=422)
    [told] = (await desk.get("/status"))["issues"]

    assert (drift["code"], drift["fix"]) == ("config_drift", "eisd reload")
    assert "Nothing changed" in refused["detail"]
    assert (refused["exit_code"], told["code"]) == (78, "config_refused")
    desk.config.write_text(good)
    await desk.post("/reload")
    assert (await desk.get("/status"))["issues"] == []


async def test_another_interval_costs_no_connection(desk):
    """It is in force at once, and whoever is connected stays so."""
    await desk.core.start()
    [told] = (await desk.post("/sync", {"wait": True, "timeout_s": 20}))["mailboxes"]
    mailbox = desk.core.mailboxes["sales"]
    since = mailbox.connected_since
    desk.config.write_text(desk.config.read_text() + '\n[sync]\ninterval = "7m"\n')

    changed = await desk.post("/reload")

    assert told["caught_up"] is True
    assert changed["changes"] == ["sales changed"]
    await desk.post("/sync", {"wait": True, "timeout_s": 20})
    assert desk.core.mailboxes["sales"] is mailbox
    assert (mailbox.plan.interval, mailbox.connected_since) == (420, since)


async def test_a_mailbox_that_fails_is_an_issue(desk):
    """A refused password makes the mailbox problematic, with its reason and its remedy."""
    desk.provider.password = "another"
    assert isinstance((await desk.core.once())["sales"], Exception)

    [issue] = (await desk.get("/status"))["issues"]

    assert (issue["mailbox"], issue["code"]) == ("sales", "mailbox_auth")
    assert issue["fix"].endswith("then: eisd mailbox reconnect sales")


async def test_a_database_that_takes_nothing_more_is_an_issue(desk, monkeypatch):
    """A full disk needs a person, until a pass is recorded; the log says what it is."""
    await desk.core.start()
    mailbox = desk.core.mailboxes["sales"]
    with monkeypatch.context() as full:
        error = StoreError("eisd.db: database or disk is full")
        full.setattr(Engine, "full", AsyncMock(side_effect=error))
        await desk.post("/sync", {})

        async def failed() -> bool:
            return bool(mailbox.unstored)

        async with asyncio.timeout(20):
            await until(failed)
        [issue] = (await desk.get("/status"))["issues"]

    assert (issue["code"], issue["text"]) == ("database_unwritable", str(error))
    await desk.post("/sync", {"wait": True, "timeout_s": 20})
    assert (await desk.get("/status"))["issues"] == []


async def test_sync_waits_for_what_was_there_before(desk):
    """With the mailbox at work, /sync with wait returns once its mail is recorded."""
    await desk.post("/contacts", {"contacts": [ADA]})
    await desk.core.start()
    desk.provider.deliver(letter(1), gate_at=datetime.now(UTC))

    [told] = (await desk.post("/sync", {"wait": True, "timeout_s": 20}))["mailboxes"]

    assert (told["caught_up"], told["error"]) == (True, None)
    assert len((await desk.get("/activities"))["activities"]) == 1
    [verified] = (await desk.post("/verify", {}))["mailboxes"]
    assert (verified["ok"], verified["exit_code"]) == (True, 0)


async def test_the_openapi_page_lists_the_endpoints(desk):
    """The OpenAPI page lists every endpoint of the contract."""
    paths = (await desk.http.get("/openapi.json")).json()["paths"]

    assert {"/healthz", "/readyz", "/v1/status", "/v1/activities", "/v1/contacts"} <= paths.keys()
