"""How long one IDLE lasts."""

from __future__ import annotations

import pytest

from eisd.driver.imap.watch import idle_seconds


@pytest.mark.parametrize(
    ("host", "seconds"),
    [
        ("imap.163.com", 55),
        ("IMAP.126.com.", 55),
        ("imap.mail.ru", 120),
        ("imap.example.org", 300),
        ("not163.com", 300),
        ("127.0.0.1", 300),
        ("", 300),
    ],
)
def test_idle_is_issued_anew_by_provider(host: str, seconds: int):
    """Providers that forget an IDLE early have an entry; a domain matches by whole labels."""
    assert idle_seconds(host) == seconds
