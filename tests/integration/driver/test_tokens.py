"""Every bundled driver signs in to a real Dovecot with an access token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from anyio.to_thread import run_sync
from contract.harness import Password
from lab.dovecot import Dovecot, Options

from eisd.errors import AuthRejected
from eisd_gmail import GmailDriver
from eisd_imap import ImapDriver
from eisd_microsoft import MicrosoftDriver


async def test_tokens_open_a_real_server(start_dovecot: Callable[..., Dovecot]):
    """A token of the mailbox's own is taken, one of somebody else's or too old is not."""
    server = await run_sync(start_dovecot, Options(submission=True))
    user = server.add_user("box@lab.test")
    imap = {"host": "localhost", "port": server.port_imaps, "ca_file": str(server.certs.ca_file)}
    table = {"imap": imap, "oauth": {"app": "corp"}}
    drivers: tuple[Any, ...] = (ImapDriver(), GmailDriver(), MicrosoftDriver())
    for driver in drivers:
        options = driver.options(table, address=user)
        async with driver.session(options, Password(server.token(user))) as session:
            assert await session.folders()
        for bad in (server.token("else@lab.test"), server.token(user, seconds=-60)):
            with pytest.raises(AuthRejected):
                async with driver.session(options, Password(bad)):
                    pass
