"""The unit: known to systemd, as closed as it claims, each group of lines with its reason."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import eisd
from eisd.errors import ExitCode

UNITS = Path(eisd.__file__).parents[1] / "systemd"
UNIT = UNITS / "eisd.service"

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


def analyze(*argv: str, unit: Path = UNIT) -> subprocess.CompletedProcess[str]:
    """Run systemd-analyze; exit code and output."""
    return subprocess.run(
        ["systemd-analyze", *argv, str(unit)], capture_output=True, text=True, check=False
    )


@needs_systemd
def test_the_unit_is_as_closed_as_it_claims():
    """The exposure is 1.1: the gate passes at 11 and would fail at 10."""
    passed = analyze("security", "--offline=true", "--threshold=11")
    failed = analyze("security", "--offline=true", "--threshold=10")

    assert passed.returncode == 0, passed.stdout[-500:]
    assert failed.returncode == 1


@needs_systemd
def test_the_backup_is_closed_even_further():
    """The backup's unit has no network either: 0.4."""
    passed = analyze(
        "security", "--offline=true", "--threshold=4", unit=UNITS / "eisd-backup.service"
    )

    assert passed.returncode == 0, passed.stdout[-500:]


@needs_systemd
def test_systemd_knows_every_line(tmp_path):
    """`verify` has no complaint but that the program is not installed here."""
    unit = tmp_path / "eisd.service"
    text = UNIT.read_text().replace("/usr/bin/eisd", "/bin/true")
    unit.write_text(re.sub("^Documentation=.*\n", "", text, flags=re.MULTILINE))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_a_restart_is_prevented_where_it_cannot_help():
    """Usage, permission and configuration errors never loop."""
    (codes,) = re.findall(r"^RestartPreventExitStatus=(.*)$", UNIT.read_text(), re.MULTILINE)

    assert set(map(int, codes.split())) == {ExitCode.USAGE, ExitCode.AUTH, ExitCode.CONFIG}


def test_every_group_of_settings_has_its_reason():
    """No paragraph of the service section comes without a comment."""
    service = UNIT.read_text().partition("[Service]")[2].partition("[Install]")[0]

    for group in service.strip().split("\n\n"):
        assert group.startswith("#"), group
