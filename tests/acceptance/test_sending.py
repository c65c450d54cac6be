"""Mail goes out through real servers, once, whatever dies and whenever."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from lab.sink import Sink

ADA = "c1,Ada,ada@x.test"


@contextmanager
def serving(**how: Any) -> Iterator[Sink]:
    """A submission server on a loop of its own."""
    ready: Future[Sink] = Future()
    loop = asyncio.new_event_loop()
    over = asyncio.Event()

    async def serve() -> None:
        async with Sink(**how) as sink:
            ready.set_result(sink)
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    try:
        yield ready.result(timeout=10)
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(timeout=10)
        loop.close()


def connect(site, dovecot, user: str, sink: Sink, more: str = "") -> None:
    """A mailbox `sales`, whose mail goes out through the sink."""
    table = site.mailbox(dovecot, user)
    smtp = f'[mailboxes.sales.smtp]\nhost = "127.0.0.1"\nport = {sink.port}\ntls = "none"\n'
    site.write(f'{table}{smtp}password = {{ same_as = "imap" }}\n{more}')


def feed(site) -> list[tuple[Any, ...]]:
    """(contact, source, delivery status) of every activity."""
    return site.rows("SELECT contact_id, source, delivery_status FROM activity_feed")


def test_a_message_is_sent_filed_and_one_activity(site, dovecot, user):
    """`send --wait` ends when the server has it; Sent has one copy, which joins the activity."""
    with serving(logins={user: "secret"}) as sink:
        connect(site, dovecot, user, sink)
        site.ok("contacts", "import", site.contacts(ADA))
        site.start()
        (site.dir / "body.txt").write_text("Dear Ada,\nhere it is.\n")

        [sent] = site.json(
            "send", "--from", "sales", "--to", "Ada <ada@x.test>", "--subject", "Offer",
            "--body-file", site.dir / "body.txt", "--wait", "--idempotency-key", "k1",
        )  # fmt: skip
        [again] = site.json(
            "send", "--from", "sales", "--to", "Ada <ada@x.test>", "--subject", "Offer",
            "--body-file", site.dir / "body.txt", "--wait", "--idempotency-key", "k1",
        )  # fmt: skip
        site.until(lambda: site.rows("SELECT folder FROM activity_copies") == [("Sent",)])

        assert (sent["state"], again["id"]) == ("sent", sent["id"])
        assert len(sink.taken) == 1
        assert feed(site) == [("c1", "outbox", "sent")]
        [shown] = site.json("outbox", "list")
        assert (shown["state"], shown["subject"]) == ("sent", "Offer")
