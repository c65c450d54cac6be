"""Drop-ins: written whole and judged first, or not at all."""

from __future__ import annotations

import os
import stat
import threading
import tomllib
from pathlib import Path

import pytest

from eisd.config import write as writing
from eisd.config.load import ConfigRefused, load
from eisd.config.write import (
    parse_key,
    parse_value,
    remove_dropin,
    set_value,
    unset_value,
    write_dropin,
)
from eisd.errors import UserError

SALES = {"mailboxes": {"sales": {"address": "sales@example.org", "imap": {"host": "i.x.org"}}}}


def files(path: Path) -> list[str]:
    """What lies in conf.d, half-written files too."""
    return sorted(found.name for found in (path.parent / "conf.d").iterdir())


def test_a_drop_in_is_part_of_the_configuration(write):
    """What is written is read, and says who wrote it."""
    path = write("version = 1\n")
    written = write_dropin(path, "mailbox-sales", SALES)

    assert written == path.parent / "conf.d/mailbox-sales.toml"
    assert written.read_text().startswith("# written by eisd")
    assert load(path).settings.mailboxes["sales"].host() == "i.x.org"
    assert path.read_text() == "version = 1\n"


def test_a_drop_in_that_would_be_refused_is_not_written(write):
    """The whole configuration is judged before anything is put in place."""
    path = write("", mailbox_sales='[mailboxes.sales]\naddress = "old@example.org"')

    with pytest.raises(ConfigRefused, match=r"mailbox-sales\.toml:\d+:1: error: want one email"):
        write_dropin(path, "mailbox-sales", {"mailboxes": {"sales": {"address": "nobody"}}})
    assert load(path).settings.mailboxes["sales"].address == "old@example.org"
    assert files(path) == ["mailbox-sales.toml"]


def test_a_drop_in_may_not_break_another_file(write):
    """A mistake that shows elsewhere counts too."""
    path = write('[mailboxes.a]\naddress = "sales@example.org"\nimap.host = "i.x.org"')

    with pytest.raises(ConfigRefused, match="same address and host"):
        write_dropin(path, "mailbox-sales", SALES)
    assert files(path) == []


def test_a_death_before_the_rename_leaves_the_old_file(write, monkeypatch):
    """A reader sees the old drop-in or the new one, never half of one, and no litter stays."""
    path = write("")
    write_dropin(path, "mailbox-sales", SALES)
    old = (path.parent / "conf.d/mailbox-sales.toml").read_text()

    def die(*_args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", die)
    with pytest.raises(KeyboardInterrupt):
        write_dropin(path, "mailbox-sales", {"log": {"level": "debug"}})

    assert (path.parent / "conf.d/mailbox-sales.toml").read_text() == old
    assert files(path) == ["mailbox-sales.toml"]


def test_a_drop_in_is_durable_before_it_is_seen(write, monkeypatch):
    """The new file's bytes are synced before the rename, the directory after it."""
    path = write("")
    steps = []
    fsync, replace = os.fsync, Path.replace

    def synced(handle: int) -> None:
        steps.append("directory" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        fsync(handle)

    def renamed(self: Path, target: Path) -> Path:
        steps.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)
    write_dropin(path, "mailbox-sales", SALES)

    assert steps == ["file", "rename", "directory"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
def test_a_drop_in_has_the_configurations_rights(write, mode):
    """Whoever may read config.toml may read what we write beside it, and nobody else."""
    path = write("")
    path.chmod(mode)

    assert stat.S_IMODE(write_dropin(path, "mailbox-sales", SALES).stat().st_mode) == mode


def test_a_directory_that_may_not_be_written_is_said(write, monkeypatch):
    """No right to write: exit code 73 and a hint, no traceback."""
    path = write("")

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(writing.tempfile, "mkstemp", refuse)
    with pytest.raises(UserError, match="Permission denied") as refused:
        write_dropin(path, "mailbox-sales", SALES)
    assert refused.value.code == 73


def test_a_drop_in_can_be_removed(write):
    """Removing is judged as writing is; what is not there is no mistake."""
    path = write('[[blocklist]]\nentry = "@a.org"\nmailbox = "sales"', x="")
    write_dropin(path, "mailbox-sales", SALES)

    with pytest.raises(ConfigRefused, match=r"there is no \[mailboxes.sales\]"):
        remove_dropin(path, "mailbox-sales")
    path.write_text("")
    assert remove_dropin(path, "mailbox-sales") is True
    assert remove_dropin(path, "mailbox-sales") is False
    assert load(path).settings.mailboxes == {}


def test_setting_a_key_touches_only_our_own_drop_in(write):
    """A key is set over what files say, and unset again to what they say."""
    path = write('[log]\nlevel = "error"', mailbox_sales='[mailboxes.sales]\naddress = "a@x.org"')
    before = path.read_text()

    set_value(path, "log.level", "debug")
    set_value(path, "mailboxes.sales.window", "3m")
    set_value(path, "internal.addresses", '["boss@x.org"]')
    settings = load(path).settings
    assert settings.log.level == "debug"
    assert settings.mailboxes["sales"].window is not None
    assert settings.internal.addresses == ("boss@x.org",)

    assert unset_value(path, "log.level") is True
    assert unset_value(path, "log.level") is False
    assert load(path).settings.log.level == "error"
    assert path.read_text() == before


def test_the_last_key_unset_removes_the_drop_in(write):
    """Nothing of ours stays behind."""
    path = write("")
    set_value(path, "match.roles", '["from"]')
    unset_value(path, "match.roles")

    assert files(path) == []


def test_a_key_that_a_later_file_sets_is_not_set_in_vain(write):
    """Where another file has the last word, that file is named and nothing is written."""
    path = write("", zzz='[log]\nlevel = "error"')

    with pytest.raises(UserError, match=r"set by a later file: .*zzz\.toml:2"):
        set_value(path, "log.level", "debug")
    assert files(path) == ["zzz.toml"]


def test_a_wrong_value_is_not_set(write):
    """What the loader refuses is not written."""
    path = write("")

    with pytest.raises(ConfigRefused, match="did you mean 'debug'"):
        set_value(path, "log.level", "debgu")
    assert files(path) == []


def test_two_commands_at_once_lose_no_change(write):
    """Each command reads, changes and writes under the same lock."""
    path = write("")
    keys = [f"log.levels.lib{n}" for n in range(6)]
    threads = [threading.Thread(target=set_value, args=(path, key, "debug")) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(load(path).settings.log.levels) == 6


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("5", 5),
        ("5m", "5m"),
        ("info", "info"),
        ('"5"', "5"),
        ("[1, 2]", [1, 2]),
        ('{ env = "A" }', {"env": "A"}),
        ("1\nb = 2", "1\nb = 2"),
        ("", ""),
    ],
)
def test_a_value_is_toml_or_else_a_text(text, value):
    """Nobody has to quote twice for a shell."""
    assert parse_value(text) == value


def test_keys_are_written_as_in_toml():
    """A dotted key may have quoted parts."""
    assert parse_key('a."b.c".d') == ("a", "b.c", "d")


@pytest.mark.parametrize("wrong", ["", "a.", "a b", "a = 1\nb", "[a]", "a = 0 #"])
def test_what_is_no_key_is_refused(wrong):
    """No text can smuggle a second key or a table in."""
    with pytest.raises(UserError, match="want a dotted key"):
        parse_key(wrong)


def test_an_own_drop_in_that_was_broken_by_hand_is_said(write):
    """A file of ours that no longer parses is not overwritten."""
    path = write("", zz_eisd_set="[log")

    with pytest.raises(UserError, match="cannot read"):
        set_value(path, "log.level", "debug")
    with pytest.raises(tomllib.TOMLDecodeError):
        tomllib.loads((path.parent / "conf.d/zz-eisd-set.toml").read_text())
