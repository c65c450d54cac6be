"""Sending over HTTP: what is answered and forwarded, drafts, templates, limits, what comes back."""

from __future__ import annotations

import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from lab.mail import make

from eisd.model.folder import FolderRole

SALES, ADA = "sales@us.test", "ada@x.test"
MAIL = {"mailbox": "sales", "to": [ADA], "subject": "Offer", "text": "Dear Ada"}
CONTACTS = {"contacts": [{"id": "1", "name": "Ada Lovelace", "emails": [ADA]}]}


async def send(desk, body, *, key=None, status=200):
    """Hand a message in."""
    headers = {"Idempotency-Key": key} if key else {}
    reply = await desk.http.post("/v1/outbox", json=body, headers=headers)
    assert reply.status_code == status, reply.text
    return reply.json()


def read(rfc822) -> EmailMessage:
    """A message as its reader has it."""
    return email.message_from_bytes(rfc822, policy=email.policy.default)  # type: ignore[return-value]


def taken(desk) -> list[EmailMessage]:
    """What the provider was given to send."""
    return [read(rfc822) for _, rfc822 in desk.provider.outlet.taken]


def drafts(desk) -> list[EmailMessage]:
    """What lies in Drafts."""
    return [read(one.rfc822) for one in desk.provider.folder("Drafts").messages.values()]


async def received(desk, **letter) -> int:
    """Let a contact's letter arrive; the id of its activity."""
    await desk.post("/contacts", CONTACTS)
    desk.provider.deliver(make(ADA, **letter), gate_at=datetime.now(UTC))
    assert await desk.core.once() == {"sales": None}
    [one] = (await desk.get("/activities"))["activities"]
    return one["activity_id"]


async def test_an_idempotency_key_is_one_row(desk):
    """Twice the same request is one submission; another one under the key is refused."""
    first = await send(desk, MAIL, key="order 7")
    again = await send(desk, MAIL, key="order 7")
    refused = await send(desk, MAIL | {"subject": "Other"}, key="order 7", status=422)

    assert (first["again"], again["again"], again["id"]) == (False, True, first["id"])
    assert "another message" in refused["detail"]
    assert len((await desk.get("/outbox"))["submissions"]) == 1


@pytest.mark.parametrize("kind", ["auto_reply", "personal"])
async def test_what_answers_a_message_is_shown_with_it(desk, kind):
    """An out-of-office answer and a person's are tied to the submission; our own mail is not."""
    await desk.post("/contacts", CONTACTS)
    sent = await send(desk, MAIL)
    assert (await desk.get(f"/outbox/{sent['id']}"))["answers"] == []
    automatic = {"Auto-Submitted": "auto-replied"} if kind == "auto_reply" else {}
    for sender, headers in ((ADA, automatic), (SALES, {})):
        back = make(
            sender,
            SALES if sender == ADA else ADA,
            f"Re: Offer {sender}",
            in_reply_to=sent["message_id"],
            headers=headers,
        )
        desk.provider.deliver(back, gate_at=datetime.now(UTC))
    assert await desk.core.once() == {"sales": None}

    shown = await desk.get(f"/outbox/{sent['id']}")

    activities = (await desk.get("/activities"))["activities"]
    [one] = [each for each in activities if each["direction"] == "incoming"]
    assert shown["answers"] == [
        {
            "activity": one["activity_id"],
            "kind": kind,
            "contact_id": "1",
            "occurred_at": one["occurred_at"],
        }
    ]


async def test_a_contact_made_of_mail_that_is_sent_is_told(desk, events):
    """As one made of mail that is read: by an event, without the address."""
    desk.config.write_text(f'{desk.config.read_text()}[create]\npolicy = "sent"\n')
    await desk.configure()

    await send(desk, MAIL)
    await desk.core.store.write(lambda _tx: None)  # what follows a commit has been done by then

    [one] = (await desk.get("/contacts"))["contacts"]
    told = [e for e in events if e["event"] == "match.contact_created"]
    assert [(e["contact_id"], e["workspace"]) for e in told] == [(one["id"], "default")]
    assert ADA not in str(told)


async def test_a_forward_carries_the_attachments(desk):
    """What the mailbox holds goes on as it came, in a draft's copy and on the wire."""
    desk.provider.create_folder("Drafts", FolderRole.DRAFTS)
    activity = await received(desk, to=SALES, subject="Plan", attachments={"plan.bin": b"\x00\xff"})
    body = {"forward_activity": activity, "to": ["bob@y.test"], "text": "See below."}

    await desk.post("/drafts", body | {"file": True})
    await send(desk, body)
    assert await desk.core.once() == {"sales": None}

    for message in (*drafts(desk), *taken(desk)):
        [part] = message.iter_attachments()
        assert (message["Subject"], part.get_filename()) == ("Fwd: Plan", "plan.bin")
        assert part.get_content() == b"\x00\xff"
    assert (len(drafts(desk)), len(taken(desk))) == (1, 1)


async def test_a_reply_to_all_is_never_to_ourselves(desk):
    """Neither to the mailbox nor to an alias of it, tagged or not; to everybody else once."""
    text = desk.config.read_text()
    desk.config.write_text(f'{text}aliases = ["info@us.test"]\n')
    await desk.configure()
    to = [SALES, "bob@y.test", "Info+web@us.test"]
    activity = await received(desk, to=to, cc=["info@us.test", "cy@z.test", ADA])

    await send(desk, {"reply_to_activity": activity, "reply_all": True, "text": "Yes."})
    assert await desk.core.once() == {"sales": None}

    [envelope] = [envelope for envelope, _ in desk.provider.outlet.taken]
    [message] = taken(desk)
    assert sorted(envelope.recipients) == [ADA, "bob@y.test", "cy@z.test"]
    assert "us.test" not in f"{message['To']} {message['Cc']}"


async def test_a_filed_draft_is_replaced_and_removed(desk):
    """An edit leaves one copy in Drafts, with the new words; deleting the draft leaves none."""
    desk.provider.create_folder("Drafts", FolderRole.DRAFTS)
    made = await desk.post("/drafts", MAIL | {"file": True})
    [before] = drafts(desk)

    edited = await desk.post(f"/drafts/{made['id']}", {"subject": "Better offer"})
    [after] = drafts(desk)
    deleted = await desk.http.delete(f"/v1/drafts/{made['id']}")

    assert (before["Subject"], after["Subject"]) == ("Offer", "Better offer")
    assert (edited["subject"], edited["content"]["text"]) == ("Better offer", MAIL["text"])
    assert edited["filed_at"]
    assert (deleted.json()["state"], deleted.json()["filed_at"], drafts(desk)) == (
        "deleted",
        None,
        [],
    )
    await desk.post(f"/drafts/{made['id']}", {"subject": "Late"}, status=409)


async def test_a_copy_that_cannot_be_taken_out_of_drafts_is_told(desk):
    """What was asked for is done, and its author hears of the copy; the next edit replaces it."""
    desk.provider.create_folder("Drafts", FolderRole.DRAFTS)
    made = await desk.post("/drafts", MAIL | {"file": True})
    desk.provider.fail("remove_draft")

    told = await desk.post(f"/drafts/{made['id']}", {"subject": "Better"}, status=503)
    between = await desk.get(f"/drafts/{made['id']}")
    [left] = drafts(desk)
    after = await desk.post(f"/drafts/{made['id']}", {"subject": "Best"})
    [only] = drafts(desk)
    desk.provider.fail("remove_draft")
    gone = await desk.http.delete(f"/v1/drafts/{made['id']}")

    assert "could not be removed" in told["detail"]
    assert told["hint"] == "delete it there by hand"
    assert (between["subject"], left["Subject"]) == ("Better", "Offer")
    assert (after["subject"], only["Subject"]) == ("Best", "Best")
    assert gone.status_code == 503
    assert (await desk.get(f"/drafts/{made['id']}"))["state"] == "deleted"


async def test_templates_of_files(desk):
    """Files of outbound.templates are listed, rendered and sent; the database goes before them."""
    folder = desk.config.parent / "templates"
    folder.mkdir()
    (folder / "hello.txt").write_text("Subject: To {{ contact.name }}\n\nHello {{ word }}")
    (folder / "hello.html").write_text("<p>{{ word }}</p>")
    desk.config.write_text(f'{desk.config.read_text()}[outbound]\ntemplates = "templates"\n')
    await desk.configure()
    await desk.post("/contacts", CONTACTS)
    fields = {"word": "<you>"}

    of_file = await desk.get("/templates/hello")
    values = {"template": "hello", "contact": "1", "fields": fields}
    await send(desk, {"mailbox": "sales", "to": [ADA], **values})
    missing = await desk.post("/templates/hello/preview", {"contact": "1"}, status=422)
    assert await desk.core.once() == {"sales": None}
    await desk.post("/templates/hello", {"source": "Subject: Mine\n\nMine"})
    [listed] = (await desk.get("/templates"))["templates"]

    [message] = taken(desk)
    assert (of_file["source"], of_file["version"], listed["source"]) == ("file", None, "database")
    assert of_file["variables"] == ["contact.name", "word"]
    assert message["Subject"] == "To Ada Lovelace"
    assert "Hello <you>" in message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "&lt;you&gt;" in message.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert "word" in missing["detail"]


async def test_a_broken_template_hides_no_other(desk):
    """One that cannot be read, or never be rendered, is listed with why; the others as ever."""
    folder = desk.config.parent / "templates"
    folder.mkdir()
    (folder / "broken.txt").write_text("no header at all\n\nHello")
    (folder / "calls.txt").write_text("Subject: One\n\n{{ danger() }}")
    (folder / "good.txt").write_text("Subject: Good\n\nHello {{ name }}")
    desk.config.write_text(f'{desk.config.read_text()}[outbound]\ntemplates = "templates"\n')
    await desk.configure()

    broken, calls, good = (await desk.get("/templates"))["templates"]

    assert (broken["name"], broken["source"], broken["variables"]) == ("broken", "file", [])
    assert "line 1 is no header" in broken["problem"]
    assert (calls["name"], calls["subject"]) == ("calls", "")
    assert "may not call" in calls["problem"]
    assert (good["problem"], good["subject"], good["variables"]) == (None, "Good", ["name"])


async def test_versions_of_a_template(desk):
    """Each is kept and can be named, after the template was removed too; the same adds none."""
    one = await desk.post("/templates/hello", {"source": "Subject: One\n\nOne"})
    await desk.post("/templates/hello", {"source": "Subject: Two\n\nTwo"})
    same = await desk.post("/templates/hello", {"source": "Subject: Two\n\nTwo"})
    old = await desk.get("/templates/hello", version=1)
    newest = await desk.get("/templates/hello")
    await desk.http.delete("/v1/templates/hello")
    said = await desk.post("/templates/hello/preview", {"version": 1, "fields": {}})

    assert (same["version"], newest["version"], newest["subject"]) == (2, 2, "Two")
    assert (old["version"], old["subject"], said["subject"]) == (1, "One", "One")
    assert one["created_at"] == old["created_at"]
    assert (await desk.http.get("/v1/templates/hello")).status_code == 404
    assert (await desk.get("/templates"))["templates"] == []


async def test_mailboxes_of_one_host_share_its_limits(desk):
    """With outbound.hosts a second message of the day waits, though another mailbox sends it."""
    one = desk.config.read_text().partition("[mailboxes.sales]")[2]
    second = one.replace(SALES, "second@us.test")
    desk.registry.get("memory").mailboxes["second@us.test"] = desk.provider
    desk.config.write_text(
        f"{desk.config.read_text()}[mailboxes.second]{second}[outbound.hosts.memory]\nper_day = 1\n"
    )
    await desk.configure()
    for mailbox in ("sales", "second"):
        await send(desk, MAIL | {"mailbox": mailbox})

    unsent = await desk.core.outbox.posts.drain()

    assert len(taken(desk)) == 1
    assert sorted(type(one).__name__ for one in unsent.values()) == ["NoneType", "Transient"]
    states = [one["state"] for one in (await desk.get("/outbox"))["submissions"]]
    assert sorted(states) == ["queued", "sent"]
