"""The configuration and the secrets it names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from eisd.config.load import Loaded, check
from eisd.config.mailbox import MailboxSettings
from eisd.config.schema import Settings
from eisd.config.secrets import SecretRef, resolve
from eisd.doctor.finding import Finding, Grade
from eisd.doctor.sending import Domain
from eisd.driver.registry import Registry
from eisd.errors import EisdError
from eisd.mime.domains import is_freemail
from eisd.store.secrets import Secrets


def configuration(path: Path, registry: Registry) -> Iterator[Finding]:
    """Every problem of the configuration, and every driver that does not load."""
    try:
        problems = check(path, check_driver=registry.check)
    except EisdError as error:
        fix = "eisd init"
        yield Finding("config", str(path), "config", Grade.ERROR, str(error), fix)
        return
    for one in problems:
        grade = Grade.ERROR if one.severity == "error" else Grade.WARNING
        key = f" [{one.key}]" if one.key else ""
        yield Finding("config", one.place, one.code, grade, f"{one.message}{key}", one.hint)
    if not problems:
        yield Finding("config", str(path), "config", Grade.OK, "no mistake in it")
    for found in registry.found.values():
        if found.driver is None:
            fix = "reinstall it, or take it away"
            yield Finding("config", found.name, "driver", Grade.ERROR, found.problem, fix)


def credentials(loaded: Loaded) -> Iterator[Finding]:
    """Whether each secret that the configuration names can be had, as this user."""
    settings, stored = loaded.settings, _Stored(loaded.settings)
    sealed = loaded.base_dir / "credentials"
    seen = os.access(sealed, os.X_OK) or "CREDENTIALS_DIRECTORY" in os.environ
    for where, ref in _references(settings):
        if ref.credential and sealed.exists() and not seen:
            text = f"systemd hands it to the service; {sealed} is root's to look into"
            yield Finding("credentials", where, "secret", Grade.NOTE, text)
            continue
        try:
            secret = resolve(
                ref,
                where=where,
                base_dir=loaded.base_dir,
                store=lambda where=where: stored.get(where),  # type: ignore[misc]
            )
        except (EisdError, OSError) as error:
            hint = getattr(error, "hint", "")
            yield Finding("credentials", where, "secret", Grade.ERROR, str(error), hint)
            continue
        grade = Grade.OK if secret.reveal() else Grade.ERROR
        text = "it is there" if grade is Grade.OK else "it is empty"
        yield Finding("credentials", where, "secret", grade, text)


class _Stored:
    """The sealed store, opened only if somebody asks and it is there."""

    def __init__(self, settings: Settings) -> None:
        self._path = settings.paths.secrets_db

    def get(self, where: str) -> str | None:
        if not self._path.exists():
            return None
        value = Secrets(self._path).get(where.removeprefix("mailboxes."))
        return None if value is None else value.decode()


def _references(settings: Settings) -> Iterator[tuple[str, SecretRef]]:
    for name, box in settings.mailboxes.items():
        if not box.enabled:
            continue
        for table in box.driver_tables:
            if (ref := box.secret(table)) is not None and box.secret_table(table) == table:
                yield f"mailboxes.{name}.{table}.password", ref
    for name, app in settings.oauth.items():
        if app.client_secret is not None:
            yield f"oauth.{name}.client_secret", app.client_secret
    for name, hook in settings.webhooks.items():
        yield f"webhooks.{name}.secret", hook.secret


def domains(settings: Settings) -> list[Domain]:
    """The domains that mail is sent from and that are somebody's own, each once."""
    found: dict[str, Domain] = {}
    for box in settings.mailboxes.values():
        if not box.enabled:
            continue
        for address in (box.address, *box.aliases):
            name = address.rpartition("@")[2].lower()
            if name and not is_freemail(name):
                found.setdefault(name, Domain(name, box.driver, _sender(box)))
    return list(found.values())


def _sender(box: MailboxSettings) -> str:
    host = box.driver_tables.get("smtp", {}).get("host")
    return host if isinstance(host, str) else ""
