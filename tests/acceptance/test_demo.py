"""`eisd demo`, as the README promises it: by itself, at once, and leaving nothing behind."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from eisd.cli.main import run
from eisd.demo.letters import LETTERS, message_id
from tests.acceptance.test_json import mistakes

pytestmark = pytest.mark.timeout(120)

EISD = Path(sys.executable).with_name("eisd")
MARK = "EISD_DEMO_TEST"

EXPECTED = {
    ("C-1", "enquiry", "incoming"),
    ("C-1", "quote", "outgoing"),
    ("C-2", "quote", "outgoing"),
    ("C-1", "order", "incoming"),
    ("C-2", "compiler", "incoming"),
    ("C-3", "orbit", "incoming"),
    ("C-3", "thanks", "outgoing"),
    ("C-3", "away", "incoming"),
}


class World:
    """A temporary directory to run in, and a mark by which every process is found again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.temporary = path / "tmp"
        self.temporary.mkdir()
        self.mark = uuid.uuid4().hex
        path_ = f"{EISD.parent}:{os.environ['PATH']}"
        self.environ = {**os.environ, "PATH": path_, "TMPDIR": str(self.temporary), MARK: self.mark}

    def start(self, *command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            cwd=self.path,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        with self.start(*command) as process:
            try:
                out, err = process.communicate(timeout=100)
            finally:
                process.kill()
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def processes(self) -> list[int]:
        """Who is alive of those that were started here, grandchildren too."""
        needle = f"{MARK}={self.mark}".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                alive = (entry / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
                if alive and needle in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
        return found

    def wait_until_alone(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while self.processes() and time.monotonic() < end:
            time.sleep(0.05)
        return not self.processes()


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    for pid in world.processes():
        os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A demo whose directory was kept, and what it said."""
    world = World(tmp_path_factory.mktemp("kept"))
    return world, world.run("eisd", "demo", "--keep", "demo")


@pytest.fixture(scope="module")
def in_json(tmp_path_factory):
    """A demo told in JSON, nothing of it kept."""
    world = World(tmp_path_factory.mktemp("json"))
    return world, world.run("eisd", "demo", "--json")


def test_the_demo_tells_the_whole_story(world):
    """It ends by itself with 0: a table, what was left alone, a live push, three lines to try."""
    done = world.run("eisd", "demo")
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    table = [line for line in done.stdout.splitlines() if re.match(r"\d\d \w{3} \d\d:\d\d ", line)]
    assert len(table) == len(EXPECTED) + 1
    assert "Not stored: 7 messages" in done.stdout
    assert re.search(r"On record \d+ ms after", done.stdout)
    assert len(re.findall(r"^  \S*eisd ", done.stdout, re.MULTILINE)) == 3


def test_nothing_is_left_behind(in_json):
    """Without --keep no file and no process remains."""
    world, done = in_json
    assert done.returncode == 0, done.stderr
    assert list(world.temporary.iterdir()) == []
    assert world.processes() == []


def test_json_is_what_is_published(in_json):
    """What --json prints holds by its schema, and has no key that the schema does not name."""
    assert mistakes("demo", [json.loads(in_json[1].stdout)]) == []


def test_json_holds_the_activities_that_the_rules_ask_for(in_json):
    """--json prints one object: the activities of the contacts' mail, and nobody else's."""
    _, done = in_json
    told = json.loads(done.stdout)
    names = {message_id(letter.name): letter.name for letter in LETTERS}
    found = {
        (one["contact_id"], names[one["message_id"]], one["direction"])
        for one in told["activities"]
    }
    assert found == EXPECTED
    assert told["outcomes"] == {
        "matched": 7,
        "skipped:bulk": 1,
        "skipped:internal": 1,
        "skipped:list": 1,
        "unmatched:no_contact": 4,
    }
    assert told["messages"] == len(LETTERS)
    assert [one["contact_id"] for one in told["live"]["activities"]] == ["C-1"]
    assert 0 < told["live"]["ms"] < 20_000
    assert done.stderr == ""


def test_every_line_to_try_works(kept):
    """What it prints at its end can be typed as it stands, with the daemon down."""
    world, done = kept
    assert done.returncode == 0, done.stderr
    sql, activities, explain = re.findall(r"^  (\S.*)$", done.stdout, re.MULTILINE)[-3:]
    program, database, query = shlex.split(sql)
    assert program == "sqlite3"
    with sqlite3.connect(world.path / database) as db:
        rows = db.execute(query).fetchall()
    db.close()
    assert len(rows) == len(EXPECTED) + 1
    listed = world.run("/bin/sh", "-c", activities)
    assert (listed.returncode, "One more question" in listed.stdout) == (0, True), listed.stderr
    told = world.run("/bin/sh", "-c", explain)
    assert (told.returncode, "Ada Lovelace" in told.stdout) == (0, True), told.stderr


def test_what_is_kept_is_closed_to_others(kept):
    """The kept directory holds configuration, database and secrets, for its owner alone."""
    world, _ = kept
    folder = world.path / "demo"
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / "secrets/sales").stat().st_mode & 0o077 == 0
    assert {"config.toml", "contacts.csv", "eisd.db", "eisd.log"} <= {
        one.name for one in folder.iterdir()
    }


def test_a_directory_in_use_is_refused(kept):
    """--keep never writes among files that are there already (73)."""
    world, _ = kept
    before = sorted((world.path / "demo").iterdir())
    done = world.run("eisd", "demo", "--keep", "demo")
    assert done.returncode == 73
    assert "is not empty" in done.stderr
    assert sorted((world.path / "demo").iterdir()) == before


def test_a_path_too_long_for_a_socket_is_refused(world):
    """A directory in which the daemon could not listen is refused before anything starts (73)."""
    done = world.run("eisd", "demo", "--keep", "d" * 100)
    assert (done.returncode, "shorter path" in done.stderr) == (73, True), done.stderr
    assert not (world.path / ("d" * 100)).exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_cleans_up(world, number):
    """Ctrl-C and SIGTERM end it with 130, its servers and its files too."""
    with world.start("eisd", "demo") as process:
        assert "mail server" in process.stderr.readline()
        assert "daemon" in process.stderr.readline()
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in err) == (130, False), err
    assert list(world.temporary.iterdir()) == []
    assert world.processes() == []


def test_a_killed_demo_leaves_no_server(world):
    """Even when the demo itself is killed, the mail server and the daemon end by themselves."""
    with world.start("eisd", "demo") as process:
        process.stderr.readline()
        assert "daemon" in process.stderr.readline()
        process.kill()
        process.communicate()
    assert world.wait_until_alone(30)


def test_without_the_extra_it_says_how_to_get_it(monkeypatch, capsys):
    """A missing pymap is a sentence with the command that installs it, and 69."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert run(["demo"]) == 69
    said = capsys.readouterr()
    assert "pip install pymap" in said.err
    assert said.out == ""
