"""`eisd service`: units with the paths of the installation, refused where they could not work."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from eisd.cli import service as commands
from eisd.cli.main import run
from eisd.cli.service_files import MARK, Installation, hidden_places, refuse_hidden, rendered
from eisd.errors import ExitCode, UserError

UV = Installation(
    Path("/opt/uv-tools/eisd/bin/eisd"),
    (Path("/opt/uv-tools/eisd"), Path("/usr"), Path("/usr/bin")),
)
PIPX_AT_HOME = Installation(
    Path("/usr/local/bin/eisd"), (Path("/root/.local/share/pipx/venvs/eisd"), Path("/usr"))
)


@pytest.fixture
def at_opt(monkeypatch):
    """The installation is one that the sandbox can see."""
    monkeypatch.setattr(commands, "installation", lambda: UV)


def lines(text, key):
    return re.findall(rf"^{key}=(.*)$", text, re.MULTILINE)


def test_the_units_name_this_installation():
    """The program is that of the installation, in every unit."""
    texts = rendered(UV)

    assert lines(texts["eisd.service"], "ExecStart") == ["/opt/uv-tools/eisd/bin/eisd run"]
    assert lines(texts["eisd.service"], "ExecReload") == ["/opt/uv-tools/eisd/bin/eisd reload"]
    (backup,) = lines(texts["eisd-backup.service"], "ExecStart")
    assert backup.startswith("/opt/uv-tools/eisd/bin/eisd backup ")
    assert "/usr/bin/eisd" not in re.sub("^#.*$", "", "".join(texts.values()), flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("place", "hidden"),
    [
        ("/home/ada/.local/bin", "/home"),
        ("/root/.pyenv/versions/3.11", "/root"),
        ("/tmp/x", "/tmp"),
        ("/srv/eisd", "/srv"),
    ],
)
def test_what_the_sandbox_hides_is_refused(place, hidden):
    """An interpreter or a package where the unit forbids to look is 73, with the way out."""
    unit = rendered(UV)["eisd.service"]

    with pytest.raises(UserError, match=f"hides {hidden}") as caught:
        refuse_hidden(Installation(UV.program, (Path(place),)), unit)

    assert caught.value.code is ExitCode.CANT_CREATE
    assert "/opt/venvs/eisd" in caught.value.hint
    refuse_hidden(UV, unit)


def test_what_is_hidden_is_read_from_the_unit():
    """A unit that protects nothing hides nothing."""
    assert list(hidden_places("[Service]\nExecStart=/bin/true\n")) == []


def test_an_installation_at_home_writes_nothing(monkeypatch, tmp_path, capsys):
    """pipx below /root: refused, and no file is made."""
    monkeypatch.setattr(commands, "installation", lambda: PIPX_AT_HOME)

    assert run(["service", "install", "--root", str(tmp_path)]) == 73
    assert list(tmp_path.iterdir()) == []
    assert "PIPX_HOME=/opt/pipx" in capsys.readouterr().err


@pytest.mark.usefixtures("at_opt")
def test_installed_again_nothing_changes(tmp_path, capsys):
    """The first time every file is written, the second time kept; foreign ones are refused."""
    assert run(["service", "install", "--root", str(tmp_path), "--dry-run"]) == 0
    assert list(tmp_path.iterdir()) == []
    assert run(["service", "install", "--root", str(tmp_path)]) == 0
    files = sorted(str(f.relative_to(tmp_path)) for f in tmp_path.rglob("*") if f.is_file())
    assert files == [
        "etc/systemd/system/eisd-backup.service",
        "etc/systemd/system/eisd-backup.timer",
        "etc/systemd/system/eisd.service",
        "etc/systemd/system/eisd.socket",
        "etc/sysusers.d/eisd.conf",
        "etc/tmpfiles.d/eisd.conf",
        "usr/local/lib/systemd/catalog/eisd.catalog",
    ]
    capsys.readouterr()
    assert run(["service", "install", "--root", str(tmp_path)]) == 0
    assert capsys.readouterr().err.count("kept ") == len(files)

    unit = tmp_path / "etc/systemd/system/eisd.service"
    unit.write_text("[Service]\nExecStart=/bin/mine\n")
    assert run(["service", "install", "--root", str(tmp_path)]) == 73
    assert unit.read_text().startswith("[Service]")
    assert run(["service", "install", "--root", str(tmp_path), "--force"]) == 0
    assert unit.read_text().startswith(MARK)


@pytest.mark.usefixtures("at_opt")
def test_a_package_keeps_its_unit(tmp_path, capsys):
    """Where a package brought the unit, none is put in front of it."""
    unit = tmp_path / "usr/lib/systemd/system/eisd.service"
    unit.parent.mkdir(parents=True)
    unit.write_text("")

    assert run(["service", "install", "--root", str(tmp_path)]) == 73
    assert "a package brought" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_takes_what_is_written(tmp_path, monkeypatch):
    """The written units pass `systemd-analyze verify` as they are."""
    program = tmp_path / "bin/eisd"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr(commands, "installation", lambda: Installation(program, ()))
    monkeypatch.setattr(commands, "refuse_hidden", lambda *_: None)
    assert run(["service", "install", "--root", str(tmp_path)]) == 0
    units = sorted((tmp_path / "etc/systemd/system").iterdir())

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *units],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
