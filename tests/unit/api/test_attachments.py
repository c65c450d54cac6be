"""Attachments over HTTP: those that are kept, for those who may see them."""

from __future__ import annotations

from datetime import UTC, datetime

from lab.mail import make


async def test_kept_bytes_are_given_to_those_who_may_see_them(desk):
    """With store.attachments = "matched" the bytes come back as they were, never as a page."""
    desk.config.write_text(desk.config.read_text() + '[store]\nattachments = "matched"\n')
    await desk.configure()
    await desk.post("/contacts", {"contacts": [{"id": "1", "emails": ["ada@customer.test"]}]})
    letter = make("ada@customer.test", "sales@us.test", attachments={"a.html": b"<b>plan</b>"})
    desk.provider.deliver(letter, gate_at=datetime.now(UTC))
    assert await desk.core.once() == {"sales": None}
    [one] = (await desk.get("/activities"))["activities"]
    [part] = (await desk.get(f"/activities/{one['activity_id']}"))["attachments"]
    where = f"/v1/activities/{one['activity_id']}/attachments/"

    found = await desk.http.get(where + part["sha256"])
    nothing = await desk.http.get(where + "0" * 64)
    stranger = await desk.http.get(where + part["sha256"], params={"as": "bob"})
    owner = await desk.http.get(where + part["sha256"], params={"as": "alice"})

    assert (part["stored"], found.content) == (1, b"<b>plan</b>")
    assert found.headers["content-type"] == "application/octet-stream"
    assert found.headers["content-disposition"] == "attachment"
    assert owner.content == found.content
    assert (nothing.status_code, stranger.status_code) == (404, 404)
