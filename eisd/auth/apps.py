"""[oauth.NAME] of the configuration as what the protocol works with."""

from __future__ import annotations

from pathlib import Path

from eisd.auth.keeper import Secret
from eisd.config.schema import Settings
from eisd.config.secrets import resolve
from eisd.errors import ExitCode, UserError
from eisd.store.secrets import Secrets
from eisd.wire.oauth import App
from eisd.wire.oauth_providers import PROVIDERS


def apps_of(settings: Settings) -> dict[str, App]:
    """Every application that is configured, by its name."""
    return {
        name: App(
            name=name,
            provider=PROVIDERS[app.provider],
            client_id=app.client_id,
            flow=app.flow,
            tenant=app.tenant or "",
            authorize_url=app.authorize_url or "",
            token_url=app.token_url or "",
            device_url=app.device_url or "",
            revoke_url=app.revoke_url or "",
            scopes=tuple(app.scopes or ()),
        )
        for name, app in settings.oauth.items()
    }


def secret_name(app: str) -> str:
    """Under which name the sealed store keeps an application's client secret."""
    return f"oauth.{app}.client_secret"


def secret_of(settings: Settings, base_dir: Path, secrets: Secrets) -> Secret:
    """Who fetches client secrets; the call blocks.

    Raises `UserError`: (66) it is not there, (78) it may not be used.
    """

    def fetch(app: App) -> str:
        ref = settings.oauth[app.name].client_secret
        if ref is None:
            return ""

        def from_store() -> str | None:
            value = secrets.get(secret_name(app.name))
            return None if value is None else value.decode()

        where = f"oauth.{app.name}.client_secret"
        if ref.store and from_store() is None:
            raise UserError(
                f"{where}: the store holds no secret for it",
                hint="store it: eisd auth login NAME --client-secret-stdin",
                code=ExitCode.NO_INPUT,
            )
        return resolve(ref, where=where, base_dir=base_dir, store=from_store).reveal()

    return fetch
