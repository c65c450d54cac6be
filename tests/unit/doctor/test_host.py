"""What the doctor sees of a machine: each fault with the command that mends it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eisd.config.paths import Paths
from eisd.doctor import host, provider, unit
from eisd.doctor.finding import Grade
from eisd.store.setup import prepare


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """A state directory with a database and sealed secrets."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    found = Paths.of(state, Path("eisd.db"), ())
    before = os.umask(0o077)
    try:
        prepare(found.database, found.secrets_db)
    finally:
        os.umask(before)
    return found


def grades(findings):
    """(check, grade) of each."""
    return [(one.check, one.grade) for one in findings]


def test_a_host_in_order(paths):
    """Files, disk, permissions, database and log are fine; nothing is an error."""
    found = list(host.look(paths, mailboxes=3, daemon=os.getpid()))

    assert {one.check for one in found} == {
        "clock", "files", "disk", "permissions", "database", "wal",
    }  # fmt: skip
    assert [one for one in found if one.grade is Grade.ERROR] == []


def test_too_few_files():
    """More mailboxes than descriptors is an error with the limit to set."""
    one = host.files(10_000_000, os.getpid())

    assert one.grade is Grade.ERROR
    assert "the daemon may open" in one.text
    assert "LimitNOFILE=" in one.fix


def test_what_others_may_read_is_named(paths):
    """A sealed store that is open to others is an error, with the chmod that closes it."""
    paths.secrets_db.chmod(0o644)

    [one] = host.permissions(paths)

    assert (one.grade, one.fix) == (Grade.ERROR, f"chmod 0600 {paths.secrets_db}")


def test_a_full_disk(paths, monkeypatch):
    """Little room is a warning, next to none an error."""
    for free, grade in ((50 << 20, Grade.ERROR), (500 << 20, Grade.WARNING), (9 << 30, Grade.OK)):
        monkeypatch.setattr(host.shutil, "disk_usage", lambda _, f=free: type("U", (), {"free": f}))
        assert next(iter(host.disk(paths.state_dir))).grade is grade


def test_a_damaged_database(paths):
    """What is no database is an error that names the way back."""
    paths.database.write_bytes(b"x" * 4096)

    [one] = host.database(paths.database)

    assert one.grade is Grade.ERROR
    assert "eisd restore" in one.fix


def test_a_log_that_is_not_taken_in(paths, monkeypatch):
    """A long write-ahead log is a warning that says who may hold it back."""
    monkeypatch.setattr(host, "WAL_WARNING", 0)

    *_, one = host.database(paths.database)

    assert (one.check, one.grade) == ("wal", Grade.WARNING)
    assert "eisd db vacuum" in one.fix


def test_a_unit_of_another_version(tmp_path):
    """Missing and added settings are named; what may differ by installation is not."""
    ours = unit.shipped()
    assert ours is not None
    text = ours.read_text()
    installed = tmp_path / "eisd.service"
    changed = text.replace("ExecStart=/usr/bin/eisd", "ExecStart=/opt/bin/eisd")
    installed.write_text(changed)
    same = list(unit.look((installed,)))
    installed.write_text(changed.replace("WatchdogSec=60s", "WatchdogSec=5s"))

    [drifted] = unit.look((tmp_path / "none", installed))

    assert grades(same) == [("unit", Grade.OK)]
    assert drifted.grade is Grade.WARNING
    assert "lacks WatchdogSec=60s" in drifted.text
    assert "has WatchdogSec=5s" in drifted.text
    assert grades(unit.look((tmp_path / "none",))) == [("unit", Grade.NOTE)]


def step(name="auth", detail="ok", *, ok=True):
    """A step of a probe."""
    return {"name": name, "detail": detail, "ok": ok, "ms": 1.0, "failure": ""}


@pytest.mark.parametrize(
    ("steps", "grade", "said"),
    [
        ([step(), step("caps")], Grade.OK, "every step works"),
        ([step("tls", "x, certificate expires in 61 d")], Grade.OK, "holds for 61 days"),
        ([step("tls", "x, certificate expires in 3 d")], Grade.WARNING, "ends in 3 days"),
        ([step(), step("auth", "refused", ok=False)], Grade.ERROR, "auth fails: refused"),
        ("no such mailbox", Grade.ERROR, "no such mailbox"),
        ([], Grade.ERROR, "nothing was tried"),
    ],
)
def test_a_providers_servers(steps, grade, said):
    """The last step that fails is the fault; a certificate that ends soon is a warning."""
    one = provider.judge("sales", steps)

    assert one.grade is grade
    assert said in one.text
