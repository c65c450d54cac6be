"""Contacts over HTTP: files as they are, one contact at a time, ids of merged ones."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from lab.mail import make

CSV = b"id,name,emails\n1,Ada,ada@x.test;ada@home.test\n2,Bob,bob@y.test\n"


async def upload(desk, data, *, status=200, **params):
    """Import a file."""
    reply = await desk.http.post("/v1/imports", content=data, params=params)
    assert reply.status_code == status, reply.text
    return reply.json()


async def sync(desk, *letters):
    """Deliver letters and bring the mailbox up to date."""
    for letter in letters:
        desk.provider.deliver(letter, gate_at=datetime.now(UTC))
    assert await desk.core.once() == {"sales": None}


def letter(from_, subject, **other):
    """A letter to us."""
    return make(from_=from_, to="sales@us.test", subject=subject, **other)


async def addresses(desk, contact):
    """A contact's current addresses, the primary one first."""
    [found] = (await desk.get(f"/contacts/{contact}"))["contacts"]
    return [one["address"] for one in found["addresses"] if one["ended_at"] is None]


async def test_a_file_as_it_is(desk):
    """It is imported whole; again it changes nothing; changed, only what differs."""
    first = await upload(desk, CSV)
    again = await upload(desk, CSV)
    changed = await upload(desk, CSV.replace(b"bob@y", b"bob@z"), replace="true")

    assert (first["added"], first["addresses_added"]) == (2, 3)
    assert (again["unchanged"], again["updated"]) == (2, 0)
    assert (changed["unchanged"], changed["updated"], changed["addresses_ended"]) == (1, 1, 1)
    assert await addresses(desk, "1") == ["ada@x.test", "ada@home.test"]


async def test_a_rehearsal_tells_the_difference(desk):
    """Each change in words, and nothing is written."""
    await upload(desk, CSV)

    would = await upload(
        desk,
        b"id,name,emails\n1,Ada L.,ada@x.test\n3,Cyd,c@z.test\n",
        replace="true",
        dry_run="true",
    )

    assert [(one["what"], one["contact_id"], one["lines"]) for one in would["changes"]] == [
        ("updated", "1", ["name: Ada -> Ada L.", "- ada@home.test"]),
        ("added", "3", ["name: Cyd", "+ c@z.test (primary)"]),
        ("removed", "2", ["name: Bob"]),
    ]
    assert (would["added"], would["updated"], would["removed"]) == (1, 1, 1)
    assert await addresses(desk, "1") == ["ada@x.test", "ada@home.test"]


async def test_bad_rows_refuse_a_file_or_are_told(desk):
    """Named with the file and line; left out if that is asked for."""
    data = CSV + b"3,Cyd,nobody\n"

    refused = await upload(desk, data, status=422, source="people.csv")
    skipped = await upload(desk, data, skip_bad="true", source="people.csv")

    assert refused["detail"].startswith("people.csv:4: 'nobody' is no email address")
    assert (skipped["added"], skipped["skipped"]) == (2, 1)
    assert skipped["bad"] == ["people.csv:4: 'nobody' is no email address"]


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (b"id,nam,emails\n1,Ada,ada@x.test\n", {}),
        (CSV + b'3,"Cyd,c@x.test\n4,Dee,d@x.test\n', {}),
        (CSV + b"3,Cyd,nobody\n", {"replace": "true"}),
    ],
    ids=["header", "quote", "replace"],
)
async def test_what_is_left_out_takes_nothing_along(desk, data, options):
    """A header, a quote without end, and with `replace` any bad row, cannot be left out."""
    await upload(desk, CSV + b"3,Cyd,c@x.test\n4,Dee,d@x.test\n")

    refused = await upload(desk, data, status=422, skip_bad="true", source="people.csv", **options)

    assert refused["exit_code"] == 65
    assert "nothing was imported" in refused["detail"]
    assert "--skip-bad" not in refused["hint"]


async def test_listeners_hear_of_what_an_import_made(desk):
    """A message that is on record becomes another contact's activity without any fetch."""
    await upload(desk, CSV)
    await sync(desk, letter("ada@x.test", "both", cc="new@n.test"))
    heard = []
    forget = desk.core.listen(lambda mailbox, ids: heard.append((mailbox, len(ids))))

    done = await desk.post(
        "/contacts/9", {"addresses": [{"address": "new@n.test", "added_at": "2020-01-01"}]}
    )

    forget()
    assert (done["added"], done["new_activities"], done["looking"]) == (True, 1, False)
    assert heard == [("", 1)]


async def test_adding_ends_nothing(desk):
    """An address more; names stay where none is given."""
    await upload(desk, CSV)

    await desk.post("/contacts/2", {"addresses": [{"address": "bob@home.test"}]})

    assert await addresses(desk, "2") == ["bob@y.test", "bob@home.test"]
    [bob] = (await desk.get("/contacts/2"))["contacts"]
    assert bob["name"] == "Bob"


async def test_a_merged_contact_answers_with_the_other(desk):
    """Show and activities, merging again, and what is done to the old id."""
    await upload(desk, CSV)
    await sync(desk, letter("bob@y.test", "hello"))

    merged = await desk.post("/contacts/2/merge", {"into": "1"})
    again = await desk.post("/contacts/2/merge", {"into": "1"})

    assert (merged["contact_id"], merged["activities"], again["activities"]) == ("1", 1, 0)
    assert await addresses(desk, "2") == ["ada@x.test", "ada@home.test", "bob@y.test"]
    [one] = (await desk.get("/activities", contact="2"))["activities"]
    assert (one["contact_id"], one["subject"]) == ("1", "hello")
    assert [c["id"] for c in (await desk.get("/contacts"))["contacts"]] == ["1"]


async def test_removed_restored_and_purged(desk):
    """A deleted contact says how it comes back; a purged one is nobody."""
    await upload(desk, CSV)
    await sync(desk, letter("bob@y.test", "hello"))

    await desk.http.delete("/v1/contacts/2")
    gone = (await desk.http.get("/v1/contacts/2")).json()
    kept = (await desk.get("/activities", contact="2"))["activities"]
    restored = await desk.post("/contacts/2/restore", {})
    purged = (await desk.http.delete("/v1/contacts/2", params={"purge": "true"})).json()
    nobody = (await desk.http.get("/v1/contacts/2")).json()

    assert gone["hint"] == "eisd contacts restore 2"
    assert len(kept) == 1
    assert restored["addresses"] == 1
    assert (purged["activities"], purged["messages"]) == (1, 1)
    assert nobody["detail"] == "there is no contact '2'"
    assert (await desk.get("/activities"))["activities"] == []


async def test_one_address_ends(desk):
    """What the contact does not have cannot end."""
    await upload(desk, CSV)

    await desk.http.delete("/v1/contacts/1/addresses", params={"address": "ADA@x.test"})
    again = await desk.http.delete("/v1/contacts/1/addresses", params={"address": "ada@x.test"})

    assert again.status_code == 404
    assert await addresses(desk, "1") == ["ada@home.test"]


@pytest.mark.parametrize("verb", ["restore", "merge", "backfill"])
async def test_several_workspaces_must_be_told_apart(desk, verb):
    """The same id in two workspaces is two contacts."""
    await upload(desk, CSV)
    await upload(desk, CSV, workspace="eu")
    body = {"into": "1"} if verb == "merge" else {}

    refused = await desk.post(f"/contacts/2/{verb}", body, status=400)
    told = await desk.post(f"/contacts/2/{verb}", {**body, "workspace": "eu"})

    assert refused["hint"] == "say which: --workspace default, --workspace eu"
    assert told["workspace"] == "eu"
