"""``eisd service``: the units for systemd, with the paths of this installation."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click

from eisd.cli import output
from eisd.cli.base import Group
from eisd.cli.service_files import MARK, TARGETS, installation, refuse_hidden, rendered
from eisd.doctor.unit import NAME
from eisd.errors import ExitCode, UserError

AFTERWARDS: Final = (
    ("systemd-sysusers", "eisd.conf"),
    ("systemd-tmpfiles", "--create", "eisd.conf"),
    ("systemctl", "daemon-reload"),
    ("journalctl", "--update-catalog"),
)
SECONDS: Final = 60


@click.group(cls=Group, examples=["eisd service show", "eisd service install"])
def service() -> None:
    """The units for systemd."""


@service.command("show", examples=["eisd service show", "eisd service show eisd-backup.service"])
@click.argument("unit", type=click.Choice(tuple(TARGETS)), default=NAME)
def show(*, unit: str) -> None:
    """Print a UNIT as it would be installed (default: eisd.service)."""
    found = installation()
    texts = rendered(found)
    output.line(texts[unit].rstrip("\n"))
    try:
        refuse_hidden(found, texts[NAME])
    except UserError as error:
        output.say(f"Note: {error}")


@service.command("install", examples=["eisd service install", "eisd service install --dry-run"])
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
@click.option("--force", is_flag=True, help="Replace files that were not written by this command.")
@click.option(
    "--root",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("/"),
    help="Write below this directory, and run nothing.",
)
def install(*, dry_run: bool, force: bool, root: Path) -> None:
    """Write the units, the user and the directories for a pip, pipx or uv installation.

    Again after an upgrade. Refused (73) where the sandbox would hide what eisd needs: in a home
    directory, for example. What you changed with systemctl edit is left alone.
    """
    found = installation()
    texts = rendered(found)
    refuse_hidden(found, texts[NAME])
    places = {name: root / target for name, target in TARGETS.items()}
    _refuse_others(root, places, force=force)
    for name, place in places.items():
        if place.is_file() and place.read_text(encoding="utf-8", errors="replace") == texts[name]:
            output.say(f"kept     {place}")
            continue
        if not dry_run:
            _write(place, texts[name])
        output.say(f"{'would write' if dry_run else 'wrote'}    {place}")
    if dry_run:
        return
    if root == Path("/"):
        _tell_systemd()
    output.say("Next:")
    for step in ("eisd init", "systemctl enable --now eisd", "systemctl enable --now eisd-backup.timer"):  # fmt: skip # noqa: E501
        output.line(step)


def _refuse_others(root: Path, places: Mapping[str, Path], *, force: bool) -> None:
    """Leave a package's and an operator's own files alone."""
    packaged = root / "usr/lib/systemd/system" / NAME
    if packaged.exists() and not force:
        raise UserError(
            f"a package brought {packaged}",
            hint="use its unit (systemctl enable --now eisd), or remove the package first",
            code=ExitCode.CANT_CREATE,
        )
    for place in places.values():
        if force or not place.exists():
            continue
        if not place.read_text(encoding="utf-8", errors="replace").startswith(MARK):
            raise UserError(
                f"{place} was not written by: eisd service install",
                hint="keep your changes with systemctl edit, then give --force to replace it",
                code=ExitCode.CANT_CREATE,
            )


def _write(place: Path, text: str) -> None:
    """Write one file, readable by all, whole or not at all."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        draft = place.with_name(f".{place.name}.new")
        draft.write_text(text, encoding="utf-8")
        draft.chmod(0o644)
        draft.replace(place)
    except OSError as error:
        raise UserError(
            f"cannot write {place}: {error.strerror}",
            hint="run it as root",
            code=ExitCode.CANT_CREATE,
        ) from error


def _tell_systemd() -> None:
    """Make the user and the directories, and let systemd read the units."""
    for command in AFTERWARDS:
        program = shutil.which(command[0])
        if program is None:
            output.say(f"{command[0]} is not here; run it yourself: {' '.join(command)}")
            continue
        done = subprocess.run(  # noqa: S603 - three commands of systemd
            [program, *command[1:]],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        if done.returncode:
            told = output.safe(done.stderr.strip())
            output.say(f"{' '.join(command)} failed ({done.returncode}): {told}")
