"""The formats, by example."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from eisd.logs import formats

RECORD = {
    "ts": "2026-11-21T23:44:01.002Z",
    "level": "warning",
    "event": "imap.disconnected",
    "msg": "connection lost (eof); again in 4.2 s",
    "mailbox": "sales",
    "reason": "eof",
    "caps": ["IDLE", "ID"],
    "note": 'say "hi"\nthere',
    "retry_in_s": 4.2,
    "intentional": True,
}


def test_json_golden():
    """One compact object with the mandatory fields in front."""
    assert formats.json_line(RECORD) == (
        '{"ts":"2026-11-21T23:44:01.002Z","level":"warning","event":"imap.disconnected",'
        '"msg":"connection lost (eof); again in 4.2 s","mailbox":"sales","reason":"eof",'
        '"caps":["IDLE","ID"],"note":"say \\"hi\\"\\nthere","retry_in_s":4.2,"intentional":true}'
    )


def test_logfmt_golden():
    """Values with spaces, quotes or line ends are quoted; lists are JSON in quotes."""
    assert formats.logfmt_line(RECORD) == (
        "ts=2026-11-21T23:44:01.002Z level=warning event=imap.disconnected "
        'msg="connection lost (eof); again in 4.2 s" mailbox=sales reason=eof '
        'caps="[\\"IDLE\\",\\"ID\\"]" note="say \\"hi\\"\\nthere" retry_in_s=4.2 intentional=true'
    )


def test_console_golden():
    """A person reads time, level, mailbox and sentence first."""
    assert formats.console_line(RECORD) == (
        "23:44:01.002 warning  [sales] connection lost (eof); again in 4.2 s "
        '(imap.disconnected reason=eof caps="[\\"IDLE\\",\\"ID\\"]" note="say \\"hi\\"\\nthere" '
        "retry_in_s=4.2 intentional=true)"
    )


def test_console_colours_only_when_asked():
    """Colours surround the same words."""
    assert "\x1b[33mwarning " in formats.console_line(RECORD, colour=True)
    assert "\x1b" not in formats.console_line(RECORD)


def test_console_puts_a_traceback_below():
    """A traceback keeps its lines."""
    line = formats.console_line(RECORD | {"traceback": "Traceback:\n  File x"})

    assert line.endswith("\nTraceback:\n  File x")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(VALUES)
def test_one_record_is_one_line(value):
    """No value breaks a line, and JSON gives it back."""
    record = RECORD | {"note": value}

    assert "\n" not in formats.logfmt_line(record)
    assert "\n" not in formats.console_line(record)
    assert json.loads(formats.json_line(record)) == record
