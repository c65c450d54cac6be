"""The systemd unit: whether the installed one is the one of this version."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import eisd
from eisd.doctor.finding import Finding, Grade

NAME: Final = "eisd.service"
PLACES: Final = tuple(
    Path(place) / NAME
    for place in ("/etc/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system")
)
"""Where units lie, the first that is found counts (systemd.unit(5))."""
THEIRS: Final = frozenset({"ExecStart", "ExecReload", "User", "Group"})
"""Lines that differ by how eisd was installed, and may."""


def look(places: tuple[Path, ...] = PLACES) -> Iterator[Finding]:
    """Compare the installed unit with the one that came with this version."""
    installed = next((place for place in places if place.is_file()), None)
    if installed is None:
        yield Finding("host", NAME, "unit", Grade.NOTE, "no unit is installed; systemd does not "
                      "run eisd here")  # fmt: skip
        return
    ours = shipped()
    if ours is None:
        yield Finding("host", NAME, "unit", Grade.NOTE, "this installation brought no unit")
        return
    gone, new = differences(ours.read_text(encoding="utf-8"), _read(installed))
    if not gone and not new:
        yield Finding("host", str(installed), "unit", Grade.OK, "it is the unit of this version")
    else:
        told = [*(f"lacks {line}" for line in gone), *(f"has {line}" for line in new)]
        text = f"it is not the unit of this version: {'; '.join(told[:6])}"
        fix = f"compare with {ours}; your own changes belong in: systemctl edit eisd"
        yield Finding("host", str(installed), "unit", Grade.WARNING, text, fix)


def shipped() -> Path | None:
    """The unit that came with this installation."""
    clone = Path(eisd.__file__).parents[1]  # first: what an editable install copied grows old
    for root in (clone, Path(sysconfig.get_path("data")) / "share/eisd"):
        if (found := root / "systemd" / NAME).is_file():
            return found
    return None


def differences(ours: str, theirs: str) -> tuple[list[str], list[str]]:
    """Settings that the other unit lacks, and those it has beside ours."""
    left, right = _settings(ours), _settings(theirs)
    return [one for one in left if one not in right], [one for one in right if one not in left]


def _settings(text: str) -> list[str]:
    """The lines that say something, but for those that may differ."""
    return [
        stripped
        for line in text.splitlines()
        if (stripped := line.strip())
        and stripped[0] not in "#;["
        and stripped.partition("=")[0] not in THEIRS
    ]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
