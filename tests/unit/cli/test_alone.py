"""Commands that change what is stored, without a daemon, from the words to the exit code."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from eisd.cli import main
from eisd.store import drafts
from eisd.store.database import connect


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


def test_pruning_without_a_daemon(config, capsys):
    """`eisd db prune` says that everything is kept, or how much would go, and then lets it go."""
    assert main.run(["-c", config, "db", "prune"]) == 0
    assert "everything is kept for ever" in capsys.readouterr().err

    path = Path(config)
    path.write_text(f'{path.read_text()}[retention]\noutbox = "1y"\n')
    database = path.parent / "state/eisd.db"
    with closing(connect(database)) as db:
        db.execute("INSERT INTO mailbox (name, identity, address, driver) VALUES ('a','a','a','m')")
        draft = drafts.add(db, 1, b"{}", "Long ago", [])
        drafts.end(db, draft, "sent")
        db.execute("UPDATE draft SET updated_at = 0")

    assert main.run(["-c", config, "db", "prune", "--dry-run"]) == 0
    shown = capsys.readouterr().out.split("\n")[1].split(maxsplit=1)
    assert shown == ["1", "drafts that were sent or deleted"]
    assert main.run(["-c", config, "db", "prune", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pruned"]["drafts"] == 1
    assert main.run(["-c", config, "db", "prune", "--dry-run"]) == 0
    assert capsys.readouterr().err.endswith("nothing is too old\n")
