"""Loading the configuration: files, then one value, then every mistake in it, each at its place.

``config.toml`` counts first, then ``conf.d/*.toml`` beside it in byte order. Nothing is raised at
the first mistake: all of them are collected, sorted by file and line, and refused together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from eisd.config import positions, rules
from eisd.config.explain import Finding, dotted, explain
from eisd.config.merge import Merged, Origin, Origins
from eisd.config.paths import MAX_SOCKET_BYTES, places
from eisd.config.positions import Place
from eisd.config.presets import PRESETS
from eisd.config.problems import ConfigRefused, Problem
from eisd.config.schema import Settings
from eisd.config.sources import Pending, Source, read_all

__all__ = ["ConfigRefused", "Loaded", "Problem", "check", "load", "reachable"]

DriverProblem = tuple[Sequence[str], str, str]
CheckDriver = Callable[[str, dict[str, Any], str], Sequence[DriverProblem]]
"""``(driver, its tables, address)`` to mistakes: ``(path below the mailbox, message, hint)``."""

_FILES: Final = ("ca_file", "cert_file", "key_file")
"""Keys of driver tables that name files; relative ones are taken from the configuration."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that was accepted, and where each part of it came from."""

    settings: Settings
    path: Path
    files: tuple[Path, ...]
    origins: Origins
    """Where each given value stands; what no file or preset gives is built in."""
    positions: dict[Path, dict[positions.Path, Place]] = field(repr=False)
    """The place of each key in each file."""
    warnings: tuple[Problem, ...] = ()

    @property
    def base_dir(self) -> Path:
        """The directory that relative paths in the configuration start from."""
        return self.path.parent


@dataclass(frozen=True, slots=True)
class _Examined:
    """What was read, and everything that is to be said about it."""

    sources: list[Source]
    merged: Merged
    settings: Settings | None
    problems: list[Problem]


def load(
    path: Path,
    *,
    strict: bool = False,
    check_driver: CheckDriver | None = None,
    pending: Pending | None = None,
    environ: Mapping[str, str] | None = None,
) -> Loaded:
    """Load a configuration. ``strict`` takes warnings for errors.

    ``check_driver`` lets drivers judge their own tables; ``pending`` holds texts to read instead
    of files, so that a change can be judged before it is written.

    Raises:
        ConfigRefused: with every problem of every file.
        UserError: with code 66 when there is no configuration to read.
    """
    path = path.absolute()
    seen = _examine(path, check_driver, pending, environ)
    errors = [p for p in seen.problems if strict or p.severity == "error"]
    files = tuple(source.path for source in seen.sources)
    if errors or seen.settings is None:
        raise ConfigRefused(errors, files=len(files))
    return Loaded(
        settings=seen.settings,
        path=path,
        files=files,
        origins=seen.merged.origins,
        positions={source.path: source.places for source in seen.sources},
        warnings=tuple(seen.problems),
    )


def reachable(path: Path, *, environ: Mapping[str, str] | None = None) -> Path | None:
    """The API's Unix socket, also where the configuration is refused for something else.

    So that a daemon, which goes on by the configuration before, can be reached all the same.
    `eisd.config.socket` has the short way to the same answer.

    Raises:
        ConfigRefused: not even that much can be read.
        UserError: with code 66 when there is no configuration to read.
    """
    path = path.absolute()
    seen = _examine(path, None, None, environ)
    if seen.settings is not None:
        return seen.settings.paths.socket
    doc: dict[str, Any] = {
        key: seen.merged.doc[key] for key in ("daemon", "api") if key in seen.merged.doc
    }
    settings, _ = _validate(doc)
    if settings is None:
        raise ConfigRefused(seen.problems, files=len(seen.sources))
    return localise(settings, path, environ).paths.socket


def check(path: Path, *, check_driver: CheckDriver | None = None) -> list[Problem]:
    """Every problem of a configuration, warnings too; nothing when it is sound.

    Raises:
        UserError: with code 66 when there is no configuration to read.
    """
    return _examine(path.absolute(), check_driver, None, None).problems


def _examine(
    path: Path,
    check_driver: CheckDriver | None,
    pending: Pending | None,
    environ: Mapping[str, str] | None,
) -> _Examined:
    sources = read_all(path, pending)
    merged = Merged()
    for source in sources:
        merged.lay(source.doc, source.path, source.places)
    preset = merged.doc.get("preset")
    if isinstance(preset, str) and preset in PRESETS:
        merged.lay_under(PRESETS[preset], f"preset '{preset}'")

    settings, findings = _validate(merged.doc)
    if not any(finding.code == "version" for finding in findings):
        findings += rules.findings(merged.doc)
        if check_driver is not None:
            findings += _ask_drivers(merged.doc, check_driver, findings)
    if settings is not None:
        settings = localise(settings, path, environ)
        findings += _listeners(settings)
    broken = any(source.problems for source in sources)
    problems = [p for source in sources for p in source.problems]
    kept = [finding for finding in findings if not _is_doubtful(finding, sources)]
    problems += [_place(finding, merged.origins, sources) for finding in kept]
    if broken:
        settings = None
    return _Examined(sources, merged, settings, _sorted(problems, sources))


def _is_doubtful(finding: Finding, sources: Sequence[Source]) -> bool:
    """Whether what is missing may stand in a line that could not be read."""
    if not finding.needs:
        return False
    return any(source.lost is None or finding.needs in source.lost for source in sources)


def _validate(doc: dict[str, Any]) -> tuple[Settings | None, list[Finding]]:
    try:
        return Settings.model_validate(doc), []
    except ValidationError as error:
        findings = explain(error.errors(include_url=False))
    newer = [f for f in findings if f.path == ("version",) and f.code == "version"]
    return None, newer or findings  # of another version's file nothing else can be judged


def _ask_drivers(
    doc: dict[str, Any], check_driver: CheckDriver, known: Sequence[Finding]
) -> list[Finding]:
    """What the drivers say of their tables, but for what was said already."""
    said = {finding.path for finding in known}
    found = []
    for name, mailbox in rules.mailboxes(doc):
        driver, tables = mailbox.get("driver", "imap"), rules.driver_tables(mailbox)
        if not isinstance(driver, str):
            continue
        for below, message, hint in check_driver(driver, tables, _likely_address(mailbox)):
            path = ("mailboxes", name, *below)
            if not any(path[: len(p)] == p for p in said if len(p) > len(("mailboxes", name))):
                found.append(Finding(path, message, hint, "driver"))
    return found


def _likely_address(mailbox: Mapping[str, Any]) -> str:
    """The address, also under a misspelt key: a mistake there does not hide those of the tables."""
    texts = [mailbox.get("address"), *mailbox.values()]
    return next((text for text in texts if isinstance(text, str) and "@" in text), "")


def localise(settings: Settings, path: Path, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings with every path absolute and the machine's own defaults filled in."""
    base = path.parent
    state_dir, listen = places(path, settings.daemon.state_dir, settings.api.listen, environ)
    source = settings.contacts.source
    mailboxes = {
        name: mailbox.with_tables({k: _absolute(t, base) for k, t in mailbox.driver_tables.items()})
        for name, mailbox in settings.mailboxes.items()
    }
    return settings.model_copy(
        update={
            "daemon": settings.daemon.model_copy(update={"state_dir": state_dir}),
            "api": settings.api.model_copy(update={"listen": listen}),
            "contacts": settings.contacts.model_copy(
                update={"source": base / source if source else None}
            ),
            "mailboxes": mailboxes,
        }
    )


def _absolute(table: dict[str, Any], base: Path) -> dict[str, Any]:
    return {
        key: str(base / Path(value).expanduser())
        if key in _FILES and isinstance(value, str) and value
        else value
        for key, value in table.items()
    }


def _listeners(settings: Settings) -> list[Finding]:
    """The API is on Unix sockets alone, and their path has a fixed room (unix(7), sun_path)."""
    found = []
    for index, at in enumerate(settings.listen):
        if not at.is_unix:
            message = f"{at} cannot be served: TCP needs tokens, and this version has none"
            hint = "listen on a Unix socket alone for now"
            found.append(Finding(("api", "listen", index), message, hint, "not_yet"))
        size = len(at.path.encode())
        if size > MAX_SOCKET_BYTES:
            message = (
                f"the socket's path is {size} bytes long; a Unix socket has room for "
                f"{MAX_SOCKET_BYTES}: {at.path}"
            )
            hint = 'give a short one: [api] listen = ["unix:/run/eisd/api.sock"]'
            found.append(Finding(("api", "listen", index), message, hint, "socket_path"))
    return found


def _place(finding: Finding, origins: Origins, sources: Sequence[Source]) -> Problem:
    """A finding at its place: that of its key, else of the nearest table around it."""
    at = _nearest(finding.path, origins) or Origin(sources[0].path)
    file = at.file or sources[0].path
    source = next((s for s in sources if s.path == file), sources[0])
    message = finding.message
    if finding.also is not None:
        message = message.replace("{also}", str(_nearest(finding.also, origins)))
    return Problem(
        file=file,
        line=at.line,
        column=at.column,
        key=dotted(finding.path),
        message=message,
        hint=finding.hint,
        code=finding.code,
        severity=finding.severity,
        source_line=source.line(at.line),
    )


def _nearest(path: positions.Path, origins: Origins) -> Origin | None:
    return next((origins[path[:n]] for n in range(len(path), 0, -1) if path[:n] in origins), None)


def _sorted(problems: list[Problem], sources: Sequence[Source]) -> list[Problem]:
    order = {source.path: index for index, source in enumerate(sources)}
    unique = dict.fromkeys(problems)
    return sorted(unique, key=lambda p: (order.get(p.file, 0), p.line, p.column, p.key))
