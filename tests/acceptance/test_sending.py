"""Mail goes out through real servers, once, whatever dies and whenever."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import pytest
from lab.sink import Sink

pytestmark = pytest.mark.timeout(150)

ADA = "c1,Ada,ada@x.test"


@contextmanager
def serving(kind: type[Sink] = Sink, **how: Any) -> Iterator[Any]:
    """A submission server on a loop of its own."""
    ready: Future[Any] = Future()
    loop = asyncio.new_event_loop()
    over = asyncio.Event()

    async def serve() -> None:
        async with kind(**how) as sink:
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
        site.until(
            lambda: site.rows("SELECT folder FROM activity_copies") == [("Sent",)], seconds=60
        )

        assert (sent["state"], again["id"]) == ("sent", sent["id"])
        assert len(sink.taken) == 1
        assert feed(site) == [("c1", "outbox", "sent")]
        [shown] = site.json("outbox", "list")
        assert (shown["state"], shown["subject"]) == ("sent", "Offer")


class Deadly(Sink):
    """A server that ends the daemon at one step of a conversation."""

    step = ""
    kill: Callable[[], None]
    freeze: Callable[[], None]

    def _strike(self, step: str) -> bool:
        if self.step != step:
            return False
        self.step = ""
        return True

    async def handle_RCPT(self, *args: Any) -> str:  # noqa: N802
        if self._strike("rcpt"):
            self.kill()
        return await super().handle_RCPT(*args)

    async def handle_DATA(self, *args: Any) -> str:  # noqa: N802
        answer = await super().handle_DATA(*args)
        if self._strike("whole"):
            self.kill()
        elif self._strike("answered"):
            self.freeze()  # the answer lies in its socket, unread
            asyncio.get_running_loop().call_later(0.2, self.kill)
        return answer


@pytest.mark.parametrize("step", ["rcpt", "whole", "answered"])
def test_a_daemon_killed_at_any_step_sends_once(site, dovecot, user, step):
    """Killed before the end: sent by the next daemon. After it: in doubt, until a person tells."""
    with serving(Deadly, logins={user: "secret"}) as sink:
        connect(site, dovecot, user, sink)
        site.ok("contacts", "import", site.contacts(ADA))
        site.ok("send", "--from", "sales", "--to", "ada@x.test", "--subject", "n0", "--allow-empty")
        assert feed(site) == [("c1", "outbox", "queued")]
        sink.step = step
        daemon = site.start(ready=False)
        sink.kill = lambda: daemon.send_signal(signal.SIGKILL)
        sink.freeze = lambda: daemon.send_signal(signal.SIGSTOP)
        daemon.wait(30)
        (site.dir / "log").write_text("")  # the next one says by itself when it is ready

        site.start()
        site.ok("send", "--from", "sales", "--to", "ada@x.test", "--subject", "n1", "--allow-empty",
                "--wait")  # fmt: skip

        subjects = [line for one in sink.taken for line in one.rfc822.splitlines()
                    if line.startswith(b"Subject: ")]  # fmt: skip
        states = {one["subject"]: one["state"] for one in site.json("outbox", "list")}
        assert subjects == [b"Subject: n0", b"Subject: n1"]
        assert states == {"n0": "sent" if step == "rcpt" else "doubt", "n1": "sent"}
        if step != "rcpt":
            issues = site.eisd("issues")
            assert (issues.returncode, "eisd outbox settle 1" in issues.stdout) == (1, True)
            site.ok("outbox", "settle", "1")
        site.until(lambda: feed(site) == [("c1", "outbox", "sent")] * 2, seconds=60)
        assert len(sink.taken) == 2


@pytest.mark.parametrize("autosave", [False, True])
def test_two_mailboxes_write_to_each_other(make_site, dovecot, user, autosave):
    """Sales writes, Ada answers, both by eisd: one thread on each side, one copy of everything.

    In Gmail's manner too, whose server files in Sent what it takes.
    """
    sales, ada = user, dovecot.add_user(f"ada.{user}")
    sites = {sales: make_site(), ada: make_site()}

    def deliver(taken: Any) -> None:
        for recipient in taken.recipients:
            dovecot.deliver(recipient, taken.rfc822)
        if autosave:
            dovecot.append(taken.sender, "Sent", taken.rfc822)

    with serving(logins={sales: "secret", ada: "secret"}, on_taken=deliver) as sink:
        for own, other in ((sales, ada), (ada, sales)):
            site = sites[own]
            connect(site, dovecot, own, sink)
            site.ok("contacts", "import", site.contacts(f"c1,Other,{other}"))
            site.start()
            site.ok("sync", "now", "--all", "--wait")
        sites[sales].ok("send", "--from", "sales", "--to", ada, "--subject", "Offer",
                        "--body-file", "-", "--wait", given="Dear Ada,\n")  # fmt: skip
        sites[ada].until(
            lambda: len(sites[ada].rows("SELECT 1 FROM activity_feed")) == 1, seconds=60
        )
        [seen] = sites[ada].json("activities", "list")
        sites[ada].ok("send", "--reply-to-activity", str(seen["activity_id"]), "--body-file", "-",
                      "--wait", given="Thank you.\n")  # fmt: skip
        want = [("incoming", 1), ("outgoing", 1)]
        for site in sites.values():
            site.until(lambda site=site: both_sides(site) == want, seconds=90)

    answer = sink.taken[1].rfc822
    assert f"In-Reply-To: {seen['message_id']}".encode() in answer
    assert b"Subject: Re: Offer" in answer
    assert b"> Dear Ada," in answer
    for site in sites.values():
        assert site.rows("SELECT count(DISTINCT thread_id) FROM activity_feed") == [(1,)]


def both_sides(site) -> list[tuple[Any, ...]]:
    """(direction, copies on the server) of every activity."""
    return sorted(
        site.rows(
            "SELECT direction, (SELECT count(*) FROM activity_copies c"
            " WHERE c.activity_id = f.activity_id) FROM activity_feed f"
        )
    )


def test_drafts_and_templates(site, dovecot, user):
    """A draft from a template is filed, and sent once; a gap that is not filled is named."""
    with serving(logins={user: "secret"}) as sink:
        connect(site, dovecot, user, sink)
        site.ok("contacts", "import", site.contacts(ADA))
        (site.dir / "offer.txt").write_text(
            "Subject: Offer for {{ contact.name }}\n\nDear {{ contact.name }}, {{ price }} EUR.\n"
        )
        site.start()
        site.ok("template", "add", "offer", site.dir / "offer.txt")

        refused = site.eisd("template", "preview", "offer", "--contact", "c1")
        [kept] = site.json("draft", "create", "--from", "sales", "--to", "ada@x.test", "--file",
                           "--template", "offer", "--contact", "c1",
                           "--field", "price=100")  # fmt: skip
        [listed] = site.json("draft", "list")
        in_drafts = len(dovecot.uids(user, "Drafts"))
        site.ok("draft", "send", str(kept["id"]))
        site.until(lambda: len(sink.taken) == 1, seconds=60)

        assert (refused.returncode, "price" in refused.stderr) == (65, True)
        assert (listed["subject"], in_drafts) == ("Offer for Ada", 1)
        assert b"Dear Ada, 100 EUR." in sink.taken[0].rfc822
        assert len(dovecot.uids(user, "Drafts")) == 0
        assert site.eisd("draft", "send", str(kept["id"])).returncode == 1
        site.until(lambda: feed(site) == [("c1", "outbox", "sent")], seconds=60)
