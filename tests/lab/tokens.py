"""A Dovecot that takes access tokens, and the OAuth provider that it asks about them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.certs import Certs
from lab.dovecot import Dovecot, Options
from lab.idp import MAIL, Idp
from lab.process import free_ports

CHECKED = """
introspection_mode = post
introspection_url = http://dovecot:dovecot@127.0.0.1:{port}{path}
username_attribute = email
active_attribute = active
active_value = true
scope = {scope}
timeout_msecs = 3000
"""
EXTRA = """
auth_mechanisms = plain login xoauth2 oauthbearer
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {folder}/oauth2.conf.ext
}}
"""


@dataclass(frozen=True, slots=True)
class TokenServer:
    """The mail server, and the port on which it expects the provider."""

    dovecot: Dovecot
    idp_port: int

    def idp(self, **how: Any) -> Idp:
        """The provider that the server asks; not running yet."""
        return Idp(port=self.idp_port, **how)


@contextmanager
def token_server(
    certs: Certs, *, scope: str = MAIL, path: str = "/introspect"
) -> Iterator[TokenServer]:
    """Start one; a token opens a mailbox if the provider says so, and has the scope."""
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="eisd-oauth-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        conf = Path(folder, "oauth2.conf.ext")
        conf.write_text(CHECKED.format(port=port, path=path, scope=scope))
        conf.chmod(0o644)
        with Dovecot(certs, Options(extra=EXTRA.format(folder=folder))) as server:
            yield TokenServer(server, port)
