"""Every mistake of two files full of mistakes, each at its line and column."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from eisd.config.load import ConfigRefused, check, load

WRONG = Path(__file__).parent / "wrong"


def expected() -> set[tuple[str, int, int, str]]:
    """What the files say of themselves: file, line, column, code."""
    found = set()
    for path in (WRONG / "config.toml", WRONG / "conf.d/20-more.toml"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            _, mark, notes = line.partition("#!")
            if mark and not line.startswith("#"):
                for column, code in re.findall(r"(\d+) (\w+)", notes):
                    found.add((path.name, number, int(column), code))
    return found


def test_every_mistake_of_every_file_is_named_at_its_line_and_column():
    """One run reports all mistakes of all files, and nothing that is none."""
    problems = check(WRONG / "config.toml")

    assert len(expected()) >= 50
    assert {(p.file.name, p.line, p.column, p.code) for p in problems} == expected()


def test_problems_come_sorted_by_file_line_and_column():
    """The operator walks through the files once, from top to bottom."""
    seen = [
        (p.file != WRONG / "config.toml", p.line, p.column) for p in check(WRONG / "config.toml")
    ]

    assert seen == sorted(seen)


def test_a_refusal_shows_place_line_caret_and_hint():
    """The text an operator sees names the place, shows the line and says what was meant."""
    with pytest.raises(ConfigRefused) as refused:
        load(WRONG / "config.toml")

    text = str(refused.value)
    assert (
        f"""\
{WRONG}/config.toml:8:2: error: unknown key 'pid_file'  [daemon.pid_file]
     8 | \tpid_file = "/run/eisd.pid"                  #! 2 unknown_key
       | \t^
"""
        in text
    )
    assert "= hint: did you mean 'address'?" in text
    assert "missing key 'address'  [mailboxes.sales" not in text
    assert f"mailbox 'ceo' has the same address and host ({WRONG}/config.toml:79)" in text
    warnings = [code for _, _, _, code in expected() if code in {"no_effect", "not_yet"}]
    assert text.endswith(f"{len(expected()) - len(warnings)} errors in 2 files")
    assert refused.value.code == 78


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("preset", "did you mean 'relate'?"),
        ("intervall", "'interval' belongs in [sync]"),
        ("log.level", "did you mean 'info'?"),
        ("databse", "did you mean 'database'?"),
        ("mailboxes.sales.adress", "did you mean 'address'?"),
        ("mailboxes.sales.folders", 'write ["INBOX"]'),
        ("mailboxes.support.enabled", "write it without quotes"),
        ("mailboxes.support.imap.password.flie", "did you mean 'file'?"),
        ("mailboxes.support.smtp.password.same_as", "did you mean 'imap'?"),
        ('mailboxes."Big Boss"', "for example big-boss"),
        ("blocklist[2].entry", 'write "@spam.example" for a domain'),
        ("blocklist[2].mailbox", "did you mean 'sales'?"),
        ("owners.alice.plan", "did you mean 'free'?"),
        ("oauth.corp.provider", "did you mean 'google'?"),
        ("", 'a text needs quotes: interval = "5m"'),
    ],
)
def test_hints_say_what_was_meant(key: str, hint: str):
    """A misspelt key, value, name or table comes with what it should have been."""
    hints = {problem.key: problem.hint for problem in check(WRONG / "config.toml")}

    assert hints[key] == hint
