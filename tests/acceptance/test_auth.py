"""`eisd auth`, as an operator uses it: the provider's pages are played by the test."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from lab.certs import Certs
from lab.idp import MAIL, Idp
from lab.tokens import TokenServer, token_server

EISD = str(Path(sys.executable).with_name("eisd"))
ADDRESS = "sales@lab.test"


@contextmanager
def running(idp: Idp) -> Iterator[Idp]:
    """The provider on a loop of its own, in a thread."""
    ready, end = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with idp:
            ready.set()
            await end.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert ready.wait(20)
        yield idp
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(20)
        loop.close()


@pytest.fixture
def server(certs: Certs) -> Iterator[TokenServer]:
    """A Dovecot that asks the provider about tokens."""
    with token_server(certs) as found:
        yield found


def configure(site: Any, server: TokenServer, idp: Idp, **app: Any) -> None:
    """The mailbox `sales`, which signs in with [oauth.corp]."""
    secret = site.dir / "client-secret"
    secret.write_text(idp.secret)
    secret.chmod(0o600)
    dovecot = server.dovecot
    lines = [
        f'[mailboxes.sales]\naddress = "{ADDRESS}"\noauth = {{ app = "corp" }}',
        f'[mailboxes.sales.imap]\nhost = "{dovecot.host}"\nport = {dovecot.port_imaps}',
        f'ca_file = "{dovecot.certs.ca_file}"',
        f'[oauth.corp]\nscopes = ["{MAIL}"]\nclient_secret = {{ file = "{secret}" }}',
        *(f"{key} = {json.dumps(value)}" for key, value in {**idp.google(), **app}.items()),
    ]
    site.write("\n".join(lines))


@contextmanager
def login(site: Any, *args: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`eisd auth login sales`, and the address that it shows."""
    strange = ("EISD_", "DISPLAY", "WAYLAND", "SSH_")
    env = {k: v for k, v in os.environ.items() if not k.startswith(strange)}
    with subprocess.Popen(
        [EISD, "auth", "login", "sales", *args, "-c", str(site.config)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        try:
            yield process, url
        finally:
            process.kill()


def said(process: subprocess.Popen[str], given: str = "") -> tuple[int, str]:
    """The exit code of a command that ends, and its talk."""
    _, talk = process.communicate(given, timeout=60)
    return process.returncode, talk


@pytest.mark.timeout(120)
def test_sign_in_by_pasting_while_the_daemon_runs(site: Any, server: TokenServer):
    """It says first what to register; then the mailbox goes on, and can be signed out of."""
    with running(server.idp()) as idp:
        configure(site, server, idp)
        site.start()
        state = "SELECT state FROM mailbox_status"
        site.until(lambda: site.rows(state) == [("problematic",)])
        with login(site, "--paste") as (process, url):
            code, talk = said(process, idp.sign_in(url, ADDRESS) + "\n")
        assert code == 0, talk
        assert talk.index("Desktop app") < talk.index(MAIL) < talk.index("Open this address")
        assert f"Signed in: {ADDRESS} (work)" in talk
        site.until(lambda: site.rows(state) == [("idle",)], seconds=30)
        (held,) = site.json("auth", "status", "sales")
        assert (held["signed_in"], held["identity"], held["app"]) == (True, ADDRESS, "corp")
        assert {end["code"] for end in held["ends"]} == {"unused", "testing"}
        assert "revoked" in site.eisd("auth", "logout", "sales").stderr
        assert idp.revoked_by_client == [ADDRESS]
        assert site.eisd("auth", "status").returncode == 1
        tokens = [*idp.access, *idp.refresh]
        assert not any(token in site.log() for token in tokens)


@pytest.mark.timeout(120)
def test_sign_in_by_a_browser_without_the_daemon(site: Any, server: TokenServer):
    """The loopback listener takes the redirect, and nothing else; the wrong person is told."""
    with running(server.idp()) as idp:
        configure(site, server, idp)
        with login(site) as (process, url):
            back = idp.sign_in(url, ADDRESS)
            other = back.replace("state=", "state=x")
            with pytest.raises(urllib.error.HTTPError):
                urllib.request.urlopen(other, timeout=20)  # noqa: S310 - our own loopback
            with urllib.request.urlopen(back, timeout=20) as page:  # noqa: S310
                assert b"Thank you" in page.read()
            code, talk = said(process)
        assert code == 0, talk
        with login(site, "--paste") as (process, url):
            code, talk = said(process, idp.sign_in(url, "eve@lab.test") + "\n")
        assert code == 77
        assert "eve@lab.test" in talk
        assert "--signed-in-as eve@lab.test" in talk


def test_what_cannot_work_is_said_with_its_reason(site: Any):
    """No daemon and no provider is needed to know it."""
    app = 'client_id = "x"\nprovider = "google"\n'
    box = 'address = "a@lab.test"\nimap = { host = "h.test" }\noauth = { app = "corp" }\n'
    site.write(f"[oauth.corp]\n{app}[mailboxes.sales]\n{box}")
    for args, code, words in (
        (("sales", "--device"), 64, "Google gives no mail scope to devices"),
        (("sales", "--paste"), 78, "client_secret"),
        (("nobody",), 67, "configured: sales"),
    ):
        done = site.eisd("auth", "login", *args)
        assert (done.returncode, words in done.stderr) == (code, True), done.stderr
    done = site.eisd("mailbox", "invite", "alice", "--url", "https://crm.test/c", "--json")
    assert json.loads(done.stdout)["url"].startswith("https://crm.test/c#eisd1.")
