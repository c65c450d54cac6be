"""`eisd mailbox add` from an address to the first activity, discovery and all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import anyio.from_thread
import pytest
from click.testing import CliRunner, Result
from lab import mail
from lab.dns import NameServer
from lab.https import Pages

from eisd.cli import mailbox_find
from eisd.cli.root import root
from eisd.errors import UserError
from eisd.wire.dns import Resolver
from eisd.wire.internet import Internet

CONFIG = """<clientConfig version="1.1"><emailProvider id="lab.test">
<incomingServer type="imap"><hostname>localhost</hostname><port>{port}</port>
<socketType>SSL</socketType><username>%EMAILADDRESS%</username></incomingServer>
</emailProvider></clientConfig>"""
HTTPS = 443
Run = Callable[..., Result]


@pytest.fixture
def run(site: Any, dovecot: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run a command here and now, in a world whose lab.test has autoconfig."""
    context = dovecot.certs.context_for("autoconfig.lab.test", "lab.test")
    page = CONFIG.format(port=dovecot.port_imaps).encode()
    pages = {"autoconfig.lab.test/mail/config-v1.1.xml": page}
    with (
        anyio.from_thread.start_blocking_portal() as portal,
        portal.wrap_async_context_manager(NameServer()) as names,
        portal.wrap_async_context_manager(Pages(context, pages)) as web,
    ):

        def internet() -> Internet:
            return Internet(
                Resolver(["127.0.0.1"], port=names.port, lifetime=1),
                ca_file=str(dovecot.certs.ca_file),
                via=lambda _host, port: ("127.0.0.1", web.port if port == HTTPS else 1),
                seconds=20,
            )

        monkeypatch.setattr(mailbox_find, "internet", internet)

        def invoke(*args: object, given: str = "") -> Result:
            words = [str(arg) for arg in (*args, "-c", site.config)]
            return CliRunner().invoke(root, words, input=given)

        yield invoke


def test_from_an_address_to_the_first_activity(run: Run, site: Any, dovecot: Any, user: str):
    """Found by autoconfig, tested, secret sealed, drop-in written, taken up, first mail shown."""
    dovecot.deliver(user, mail.make(from_="ada@customer.test", to=user, subject="the offer"))
    people = site.contacts("1,Ada,ada@customer.test")
    site.start()
    args = ["mailbox", "add", user, "--name", "sales", "--password-stdin", "--contacts", people]
    args += ["--ca-file", dovecot.certs.ca_file, "--no-input"]

    doubted = run(*args, given="secret\n")
    assert isinstance(doubted.exception, UserError)
    assert "localhost may be signed in to" in str(doubted.exception)
    assert "--yes" in doubted.exception.hint
    assert not (site.dir / "conf.d").exists()

    done = run(*args, "--yes", given="secret\n")
    assert done.exit_code == 0, done.output
    told = done.output
    steps = ["known", "autoconfig", "dns", "tls", "auth", "folders", "is configured in"]
    steps += ["the daemon has it", "the first activity", "Ada: the offer"]
    places = [told.find(step) for step in steps]
    assert -1 not in places, told
    assert places == sorted(places)
    written = (site.dir / "conf.d/mailbox-sales.toml").read_text()
    assert 'host = "localhost"' in written
    assert "secret" not in written
    assert site.subjects() == ["the offer"]
    assert site.ok("mailbox", "remove", "sales") == ""


def test_nothing_found_and_nobody_to_ask(run: Run):
    """Without an answer and without a terminal the way out is the option; nothing is guessed."""
    done = run("mailbox", "add", "ada@nowhere.test", "--password-stdin", given="x")
    assert isinstance(done.exception, UserError)
    assert "--host imap.nowhere.test" in done.exception.hint
    assert "guess" in done.output


def test_microsoft_without_an_application(run: Run):
    """A provider that takes no password says what to register, before anything is asked."""
    done = run("mailbox", "add", "ada@outlook.com", "--no-input")
    assert isinstance(done.exception, UserError)
    assert "OAuth" in str(done.exception)
    assert "--app" in done.exception.hint


def test_a_provider_of_app_passwords_names_the_page(run: Run, site: Any):
    """The kind of password and the place to make it come before the question for it."""
    done = run("mailbox", "add", "ada@gmail.com", "--no-input")
    assert isinstance(done.exception, UserError)
    assert "Gmail: imap.gmail.com:993" in done.output
    assert not (site.dir / "conf.d").exists()
