"""Commands that change what is stored, without a daemon, from the words to the exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eisd.cli import main


@pytest.fixture
def config(tmp_path: Path) -> str:
    """A configuration without mailboxes."""
    path = tmp_path / "config.toml"
    path.write_text('[daemon]\nstate_dir = "state"\n')
    return str(path)


def test_replay_without_anything_stored(config, capsys):
    """`eisd replay` tells that nothing would change, asks nothing, and ends with 0."""
    assert main.run(["-c", config, "replay"]) == 0
    assert "nothing would change" in capsys.readouterr().out
    assert main.run(["-c", config, "replay", "--json", "--since", "7d"]) == 0
    assert json.loads(capsys.readouterr().out)["differs"] is False


@pytest.mark.parametrize("verb", ["share", "private", "default"])
def test_what_an_owner_says_of_no_message(config, verb, capsys):
    """`eisd activities share|private|default` wants an owner, and a message that is there."""
    assert main.run(["-c", config, "activities", verb, "7"]) == 64
    assert main.run(["-c", config, "activities", verb, "7", "--as", "alice"]) == 67
    assert "there is no activity 7" in capsys.readouterr().err
