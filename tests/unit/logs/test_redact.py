"""Redaction: no secret of a known shape, no readable address, no control reaches a line."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisd.logs import hash_address, redact

XOAUTH2 = base64.b64encode(b"user=ada@x.test\x01auth=Bearer canary-token\x01\x01").decode()
JWT = "eyJhbGciOiJub25lIn0.eyJjYW5hcnkiOjF9.c2ln"


@dataclass(frozen=True)
class Secret:
    value: str

    def __str__(self) -> str:
        return "***"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer canary-0123456789", "Authorization: Bearer ***"),
        ("token ya29.canary-_x.y expired", "token *** expired"),
        (f"got {JWT} back", "got *** back"),
        (f"AUTHENTICATE XOAUTH2 {XOAUTH2}", "AUTHENTICATE XOAUTH2 ***"),
        (f"+ {XOAUTH2}", "+ ***"),
        ("AUTH PLAIN AGFkYQBjYW5hcnk=", "AUTH PLAIN ***"),
        ("Sending : b'KHKN1 LOGIN ada \"canary\"'", "Sending : b'KHKN1 LOGIN ***"),
        ("https://ada:canary@imap.test/x", "https://***@imap.test/x"),
        ("GET https://x.test/cb?code=canary&state=1 now", "GET https://x.test/cb?*** now"),
        ('{"refresh_token": "0.canary", "n": 1}', '{"refresh_token": "***", "n": 1}'),
        ("client_secret=canary&x=1", "client_secret=***&x=1"),
        ("GOCSPX-canary_1 is the client's", "*** is the client's"),
    ],
)
def test_secrets_are_masked(text, shown):
    """Each known shape of a secret is replaced, and what announces it stays."""
    assert redact.scrub(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "server closed the connection",
        "LOGIN failed",
        "SELECT Archive/2026",
        "consent revoked (AADSTS50173)",
        "no such file: /etc/eisd/secrets/sales",
        "exit code: 75",
    ],
)
def test_plain_sentences_stay(text):
    """Ordinary sentences are not disfigured."""
    assert redact.scrub(text) == text


def test_addresses_become_hashes():
    """An address is shown as its keyed hash, the same for each spelling of its case."""
    shown = redact.scrub("rejected ada@x.test and <Ada@X.test>")

    assert shown == f"rejected {hash_address('ada@x.test')} and <{hash_address('ada@x.test')}>"


@pytest.mark.parametrize("key", ["password", "client_secret", "imap.password", "Cookie", "code"])
def test_a_secret_key_masks_any_value(key):
    """What is called a secret is one, whatever it looks like."""
    assert redact.record({key: "hunter2"}) == {key: "***"}


@pytest.mark.parametrize("key", ["error.code", "contact_id", "tokenizer", "reason"])
def test_similar_keys_are_shown(key):
    """A closed error code is no secret."""
    assert redact.record({key: "eof"}) == {key: "eof"}


def test_values_become_plain():
    """Times, paths, sets, objects and nested tables become what JSON knows; None is left out."""
    record = redact.record(
        {
            "at": datetime(2026, 11, 21, 23, 43, 32, 283_999, UTC),
            "path": Path("/x"),
            "caps": frozenset({"IDLE", "ID"}),
            "secret_object": Secret("canary"),
            "table": {"password": "canary", "n": 1},
            "ratio": 0.123456,
            "nothing": None,
        }
    )

    assert record == {
        "at": "2026-11-21T23:43:32.283Z",
        "path": "/x",
        "caps": ["ID", "IDLE"],
        "secret_object": "***",
        "table": {"password": "***", "n": 1},
        "ratio": 0.123,
    }


def test_controls_are_shown_as_escapes():
    """No terminal sequence, bidi override or lone surrogate gets through."""
    assert redact.scrub("a\x1b[31m\u202eb\ud800") == "a\\u001b[31m\\u202eb\\ud800"


def test_long_values_are_cut():
    """A value is bounded and says how long it was."""
    assert redact.scrub("x" * 10_000) == "x" * 4096 + "... (10000 characters)"


def test_a_traceback_shows_no_locals_and_no_secret():
    """The traceback names the line, not the values; its message is scrubbed."""
    local = "canary-local"

    def fail():
        hidden = local
        raise RuntimeError(f"refused: Bearer canary-0123456789 ({len(hidden)})")

    try:
        fail()
    except RuntimeError as error:
        shown = redact.traceback_of(error)

    assert "in fail" in shown
    assert "canary-l" not in shown
    assert "canary-0" not in shown


@given(st.text(max_size=300))
def test_scrub_is_total_and_encodable(text):
    """Any text comes out as valid UTF-8 without controls but LF and TAB."""
    shown = redact.scrub(text)

    shown.encode()
    assert not any(ord(c) < 32 and c not in "\n\t" for c in shown)
