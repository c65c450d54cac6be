"""Files of older versions, brought to this one, and what differs between two configurations."""

from __future__ import annotations

import pytest

from eisd.cli.main import run
from eisd.config.difference import differences
from eisd.config.load import load
from eisd.config.migrate import STEPS, migrated
from eisd.config.schema import VERSION
from eisd.errors import ConfigError


def test_every_older_version_has_its_step():
    """Whoever raises the version of the format says how files get there."""
    assert sorted(STEPS) == list(range(1, VERSION))


def test_steps_follow_each_other_and_comments_stay(tmp_path):
    """From version 1 to 3 by two steps, in every file; a comment and its order are kept."""
    main, more = tmp_path / "config.toml", tmp_path / "conf.d/10.toml"
    texts = {main: "# mine\nversion = 1 # old\nhots = 1\n", more: "hots = 2\n"}
    steps = {1: lambda t: t.replace("hots", "hosts"), 2: lambda t: t.replace("hosts", "host")}

    new = migrated(main, texts, steps, to=3)

    assert new == {main: "# mine\nversion = 3 # old\nhost = 1\n", more: "host = 2\n"}


@pytest.mark.parametrize("text", ["version = 9\n", 'version = "1"\n', "version = \n"])
def test_what_cannot_be_migrated(tmp_path, text):
    """A newer version, no number and no TOML are refused."""
    with pytest.raises(ConfigError):
        migrated(tmp_path / "c", {tmp_path / "c": text})


def test_a_file_without_a_version_gets_one(tmp_path, capsys):
    """1 and a diff; with --write it is done, and the old file stays; then 0."""
    path = tmp_path / "config.toml"
    path.write_text('# mine\nlog.level = "debug"\n')
    path.chmod(0o640)
    given = ["-c", str(path), "config", "migrate"]

    assert run(given) == 1
    assert "+version = 1\n" in capsys.readouterr().out
    assert path.read_text().startswith("# mine")
    assert run([*given, "--write"]) == 0
    assert path.read_text() == 'version = 1\n# mine\nlog.level = "debug"\n'
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.with_name("config.toml.before-migrate").read_text().startswith("# mine")
    assert run(given) == 0


def test_what_would_be_refused_is_not_written(tmp_path):
    """A mistake elsewhere in the file is told, and nothing is changed."""
    path = tmp_path / "config.toml"
    path.write_text('log.level = "loud"\n')

    assert run(["-c", str(path), "config", "migrate", "--write"]) == 78
    assert [one.name for one in tmp_path.iterdir()] == ["config.toml"]


def test_differences_are_keys_and_values(tmp_path):
    """Added, changed and removed keys; secrets as the references they are; nothing for nothing."""
    path = tmp_path / "config.toml"
    path.write_text('log.level = "debug"\nsync.window = "1m"\n')
    old = load(path)
    path.write_text(
        'sync.window = "3m"\n[webhooks.crm]\nurl = "https://crm.test/"\n'
        'events = ["activity.created"]\nsecret = { credential = "crm" }\n'
    )
    new = load(path)

    told = [str(one) for one in differences(old, new)]

    assert '~ sync.window = "3m" (was "1m")' in told
    assert '- log.level = "debug"' in told
    assert '+ webhooks.crm.url = "https://crm.test/"' in told
    assert '+ webhooks.crm.secret.credential = "crm"' in told
    assert differences(new, new) == ()
