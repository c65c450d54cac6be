"""The password of a mailbox that is added: which kind it is, where it comes from and is kept."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from eisd.cli import output
from eisd.cli.mailbox_find import Servers
from eisd.errors import ExitCode, UserError

if TYPE_CHECKING:
    from eisd.config.paths import Paths

OAUTH_PROVIDERS = {"gmail": "google", "microsoft": "microsoft"}
"""Whose applications ([oauth.NAME]) the bundled drivers sign in with."""


def secret_table(driver: str) -> str:
    """The table of a mailbox that its password stands in: the bundled drivers share one."""
    return "imap" if driver in OAUTH_PROVIDERS else driver


def secret_name(name: str, driver: str) -> str:
    """Under which name the sealed store keeps a mailbox's password."""
    return f"{name}.{secret_table(driver)}.password"


def forget_secret(paths: Paths, name: str, driver: str) -> None:
    """Take a mailbox's password out of the sealed store."""
    from eisd.store.secrets import Secrets  # noqa: PLC0415 - cryptography is slow to import

    Secrets(paths.secrets_db).delete(secret_name(name, driver))


def password_of(given: dict[str, Any], servers: Servers) -> str:
    """The password, to log in with; from a file, from standard input, or asked for."""
    if given["password_file"] is not None:
        from eisd.config.secrets import SecretRef, resolve  # noqa: PLC0415

        file = given["password_file"] = given["password_file"].absolute()
        return resolve(
            SecretRef(file=str(file)), where="--password-file", base_dir=file.parent
        ).reveal()
    if given["password_stdin"]:
        password = sys.stdin.read().removesuffix("\n").removesuffix("\r")
    elif sys.stdin.isatty() and not given["no_input"]:
        kind = _say_which(servers)
        password = click.prompt(kind, hide_input=True, err=True)
    else:
        raise UserError(
            "no password is given",
            hint="say --password-stdin or --password-file, or run it on a terminal",
            code=ExitCode.USAGE,
        )
    if not password:
        raise UserError("the password is empty", code=ExitCode.USAGE)
    return password


def _say_which(servers: Servers) -> str:
    """Say which kind of password the provider takes, and where it comes from; what to call it."""
    known = servers.provider
    if known is None:
        return "Password"
    if known.first:
        output.say(f"{known.title}: {known.first}")
    if known.sign_in != "app_password":
        return "Password"
    output.say(f"{known.title} wants a password made for one application: {known.page}")
    return "App password"


def keep_secret(paths: Paths, name: str, password: str) -> None:
    """Seal the password in the store; what root makes belongs to whom the state belongs to."""
    from eisd.store.secrets import Secrets  # noqa: PLC0415

    paths.secrets_db.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = os.umask(0o077)
    try:
        Secrets(paths.secrets_db).put(name, password.encode())
    finally:
        os.umask(before)
    if os.geteuid() == 0:
        owner = paths.state_dir.stat()
        for file in (paths.secrets_db, paths.secrets_db.with_name("eisd.key")):
            with suppress(OSError):
                os.chown(file, owner.st_uid, owner.st_gid)
