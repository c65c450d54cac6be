"""The units of this very installation: the shipped ones, with the paths it really has.

Pure but for reading what was shipped; `eisd.cli.service` writes.
"""

from __future__ import annotations

import re
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import eisd
from eisd.doctor.unit import NAME, shipped
from eisd.errors import ExitCode, UserError

MARK: Final = "# Written by: eisd service install. Your own changes belong in: systemctl edit "
"""First line of what we write; a file without it is somebody else's."""

UNITS: Final = (NAME, "eisd.socket", "eisd-backup.service", "eisd-backup.timer")
TARGETS: Final = {
    **{name: PurePosixPath("etc/systemd/system", name) for name in UNITS},
    "eisd.sysusers.conf": PurePosixPath("etc/sysusers.d/eisd.conf"),
    "eisd.tmpfiles.conf": PurePosixPath("etc/tmpfiles.d/eisd.conf"),
    "eisd.catalog": PurePosixPath("usr/local/lib/systemd/catalog/eisd.catalog"),
}
"""Each shipped file, and where it goes below the root directory."""

_HOMES: Final = ("/home", "/root", "/run/user")
_TEMPORARY: Final = ("/tmp", "/var/tmp")  # noqa: S108 - named to be refused


@dataclass(frozen=True, slots=True)
class Installation:
    """Where this eisd lies: its program, and every directory it needs to run."""

    program: Path
    needs: tuple[Path, ...]


def installation() -> Installation:
    """This one. A virtual environment needs its interpreter's home, too."""
    scripts = Path(sysconfig.get_path("scripts"))
    interpreter = Path(sys.executable).resolve()
    needs = (
        Path(sys.prefix),
        Path(sys.base_prefix),
        interpreter.parent,
        Path(eisd.__file__).resolve().parents[1],
    )
    return Installation(scripts / "eisd", tuple(dict.fromkeys(needs)))


def refuse_hidden(found: Installation, unit: str) -> None:
    """Raise when the unit's sandbox would hide what the daemon needs.

    Raises:
        UserError: (73) with the way to install it where the daemon can see it.
    """
    hidden = [
        (need, place)
        for need in (found.program, *found.needs)
        for place in hidden_places(unit)
        if need.is_relative_to(place)
    ]
    if not hidden:
        return
    need, place = hidden[0]
    raise UserError(
        f"the service could not see {need}: its sandbox hides {place}",
        hint="Install eisd where it can be seen, for example:\n"
        "  python3 -m venv /opt/venvs/eisd && /opt/venvs/eisd/bin/pip install eisd\n"
        "  UV_TOOL_DIR=/opt/uv-tools UV_TOOL_BIN_DIR=/usr/local/bin "
        "uv tool install --python-preference only-system eisd\n"
        "  PIPX_HOME=/opt/pipx PIPX_BIN_DIR=/usr/local/bin pipx install eisd",
        code=ExitCode.CANT_CREATE,
    )


def hidden_places(unit: str) -> Iterator[str]:
    """What a unit's sandbox keeps out of sight."""
    if re.search(r"^ProtectHome=(yes|tmpfs)$", unit, re.MULTILINE):
        yield from _HOMES
    if re.search(r"^PrivateTmp=yes$", unit, re.MULTILINE):
        yield from _TEMPORARY
    for line in re.findall(r"^InaccessiblePaths=(.*)$", unit, re.MULTILINE):
        yield from (place.lstrip("-") for place in line.split())


def rendered(found: Installation) -> dict[str, str]:
    """The text of each file, by its shipped name.

    Raises:
        UserError: (66) this installation brought no units.
    """
    source = shipped()
    if source is None:
        raise UserError("this installation brought no units", code=ExitCode.NO_INPUT)
    texts = {name: source.with_name(name).read_text(encoding="utf-8") for name in TARGETS}
    return {name: _adapted(name, text, found) for name, text in texts.items()}


def _adapted(name: str, text: str, found: Installation) -> str:
    """One file for this installation: its program."""
    text = re.sub(
        r"^(Exec\w+=)/usr/bin/eisd\b", rf"\g<1>{_quoted(found.program)}", text, flags=re.MULTILINE
    )
    return f"{MARK}{name.partition('.')[0]}\n{text}"


def _quoted(path: Path) -> str:
    """A path as a unit file takes it; % begins a specifier there.

    Raises:
        UserError: (73) it has a space, and lists of paths would break at it.
    """
    if re.search(r"[\s\"'\\]", str(path)):
        raise UserError(
            f"a unit cannot name {path}: a space or a quote is in it", code=ExitCode.CANT_CREATE
        )
    return str(path).replace("%", "%%")
