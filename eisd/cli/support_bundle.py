"""``eisd support-bundle``: what somebody who helps needs to see, in one file."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eisd import __version__
from eisd.cli import output
from eisd.cli.base import Command
from eisd.cli.client import Unavailable
from eisd.cli.context import Context
from eisd.cli.doctor import examine
from eisd.cli.reach import path, read_database
from eisd.errors import EisdError, ExitCode, UserError

if TYPE_CHECKING:
    from eisd.doctor.bundle import Part

EVENTS = 2_000


@click.command(
    "support-bundle",
    cls=Command,
    examples=["eisd support-bundle", "eisd support-bundle /tmp/eisd.tar.gz"],
)
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def support_bundle(context: Context, *, file: Path | None) -> None:
    """Write what somebody who helps needs to see: state, configuration, last events, metrics.

    No mail, no secrets, no readable addresses. The list of what is in it is printed, and is its
    README. Nothing is sent anywhere.
    """
    from eisd.doctor import bundle  # noqa: PLC0415

    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    target = file if file is not None else Path(f"eisd-support-{stamp}.tar.gz")
    if target.exists():
        raise UserError(f"{target} exists already", code=ExitCode.CANT_CREATE)
    _use_log_key(context)
    data, parts = bundle.pack(list(_parts(context)), known=_known(context))
    _write(target, data)
    for part in parts:
        output.line(f"{part.name:<16} {output.size(len(part.data)):>8}  {part.holds}")
    output.say(f"{target}: {output.size(len(data))}. Look through it before you hand it on.")


def _write(target: Path, data: bytes) -> None:
    """Make the file, for its owner alone; nothing is overwritten."""
    try:
        fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise UserError(f"{target}: {error.strerror}", code=ExitCode.CANT_CREATE) from error
    with open(fd, "wb") as out:  # noqa: PTH123 - a descriptor
        out.write(data)


def _use_log_key(context: Context) -> None:
    """Hash addresses as the daemon's log does, where its key can be read."""
    from eisd.logs import use_key  # noqa: PLC0415
    from eisd.store.secrets import Secrets  # noqa: PLC0415

    with suppress(EisdError, OSError):
        secrets = context.loaded.settings.paths.secrets_db
        if secrets.exists():
            use_key(Secrets(secrets).index_key())


def _known(context: Context) -> set[str]:
    """Words that must be in no part: our addresses, and folders that somebody named."""
    from eisd.store.statistics import own_folders  # noqa: PLC0415

    found: set[str] = set()
    with suppress(EisdError, OSError):
        settings = context.loaded.settings
        for box in settings.mailboxes.values():
            found |= {box.address, *box.aliases}
        if settings.paths.database.exists():
            found |= read_database(context, own_folders)
    return found


def _parts(context: Context) -> Iterator[Part]:
    """Every part that can be had; one that cannot says why."""
    from eisd.doctor import bundle  # noqa: PLC0415

    yield bundle.as_json("versions.json", "eisd, Python, system, libraries", _versions())
    yield _configuration(context)
    findings = (one.tell() for one in examine(context))
    yield bundle.as_lines("doctor.jsonl", "what eisd doctor says, without --online", findings)
    yield from _of_daemon(context)
    yield _statistics(context)
    yield from _unit()


def _versions() -> dict[str, Any]:
    libraries = {
        name: importlib.metadata.version(name)
        for line in importlib.metadata.requires("eisd") or ()
        if ";" not in line and (name := line.split("=")[0].split("<")[0].split(">")[0].strip(" ~!"))
    }
    return {
        "eisd": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "libraries": libraries,
    }


def _configuration(context: Context) -> Part:
    from eisd.doctor import bundle  # noqa: PLC0415

    holds = "the configuration in force, secrets and addresses masked"
    try:
        settings = context.loaded.settings
    except EisdError as error:
        return bundle.as_text("config.json", "why the configuration is refused", str(error))
    return bundle.as_json("config.json", holds, json.loads(settings.model_dump_json()))


def _of_daemon(context: Context) -> Iterator[Part]:
    from eisd.doctor import bundle  # noqa: PLC0415

    try:
        client = context.client(timeout=30.0)
        told = client.get("/status")
        names = [one["name"] for one in told["mailboxes"]]
        deep = [bundle.mailbox(client.get(path("mailboxes", name))) for name in names]
        seen = [json.loads(one) for _, name, one in client.events(
            None, last=EVENTS, follow="false") if name != "stream.gap"]  # fmt: skip
        numbers = client.text("/metrics")
    except (EisdError, Unavailable) as error:
        yield bundle.as_text("daemon.txt", "why the daemon says nothing", str(error))
        return
    yield bundle.as_json("status.json", "what eisd status says", told)
    yield bundle.as_json("mailboxes.json", "each mailbox in depth, folders hashed", deep)
    yield bundle.as_lines("events.jsonl", "the last events from info up, as in the log", seen)
    yield bundle.as_text("metrics.txt", "a scrape of the metrics", numbers)


def _statistics(context: Context) -> Part:
    from eisd.doctor import bundle  # noqa: PLC0415
    from eisd.store.statistics import statistics  # noqa: PLC0415

    try:
        counted = read_database(context, statistics)
    except (EisdError, OSError) as error:
        return bundle.as_text("database.json", "why the database cannot be read", str(error))
    return bundle.as_json("database.json", "numbers of rows by table and outcome", counted)


def _unit() -> Iterator[Part]:
    from eisd.doctor import bundle, unit  # noqa: PLC0415

    for place in unit.PLACES:
        files = [place, *sorted(place.with_name(f"{place.name}.d").glob("*.conf"))]
        for file in files:
            with suppress(OSError):
                text = file.read_text(encoding="utf-8", errors="replace")
                shown = f"# {file}\n{bundle.unit_text(text)}"
                name = f"unit-{file.name}" if file != place else "unit.txt"
                yield bundle.as_text(name, f"{file}, its environment masked", shown)
