"""What servers say, word for word as they say it, and what becomes of the message."""

from __future__ import annotations

from pathlib import Path

import pytest

from eisd.errors import AuthRejected, InDoubt, Misconfigured, ProtocolError, Transient
from eisd.model.outgoing import Refusal, SendRefused, Stage
from eisd.outbox.verdict import Ruling, Scope, verdict
from eisd.wire.smtp_words import refusal

LOGIN, RCPT = Stage.LOGIN, Stage.RCPT
REPLIES = Path(__file__).with_name("replies.txt").read_text(encoding="utf-8").splitlines()
DISABLED = (
    "Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. "
    "Visit https://aka.ms/smtp_auth_disabled"
)


@pytest.mark.parametrize("line", [line for line in REPLIES if line and line[0] != "#"])
def test_what_servers_say(line):
    """The code decides, unless the words are known to mean something else."""
    ruling, scope, stage, reply = line.split(maxsplit=3)
    found = verdict(refusal(reply, Stage(stage), "a@x.test" if stage == "rcpt" else ""))
    assert (found.ruling, found.scope) == (ruling, scope)
    assert reply.removeprefix("000 ") in found.text


def test_a_disabled_smtp_auth_tells_the_remedy():
    """The PowerShell line that an administrator needs, not "535"."""
    found = verdict(Refusal(535, "5.7.139", DISABLED, LOGIN))
    assert "Set-CASMailbox ADDRESS -SmtpClientAuthenticationDisabled $false" in found.fix


def test_only_an_unknown_address_is_a_hard_bounce():
    """Nobody there is; full, refused as spam or unknown for now is not."""
    hard = [
        verdict(Refusal(*words, RCPT, "a@x.test")).hard_bounce
        for words in (
            (550, "5.1.1", "User unknown"),
            (450, "4.1.1", "User unknown"),
            (552, "5.2.2", "mailbox full"),
            (554, "5.7.1", "rejected as spam"),
        )
    ]
    assert hard == [True, False, False, False]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Greylisted, try again in 7 minutes", 420),
        ("Request is throttled. Suggested Backoff Time: 299961 milliseconds", 299.961),
        ("please retry after 30 s", 30),
        ("try again in 999999 hours", 86400),
        ("Greylisted", 300),
        ("no", None),
    ],
)
def test_the_delay_a_server_asks_for(text, seconds):
    """Its own number, within reason; else what experience says."""
    found = verdict(Refusal(451, "4.7.1", text, RCPT, "a@x.test"))
    assert found.retry_after == (pytest.approx(seconds) if seconds else None)


@pytest.mark.parametrize(
    ("error", "ruling"),
    [
        (Transient("lost", code="lost"), Ruling.TRANSIENT),
        (Transient("slow", code="throttled", retry_after=9), Ruling.THROTTLE),
        (AuthRejected("no", code="535"), Ruling.AUTH),
        (Misconfigured("tls", code="tls"), Ruling.CONFIG),
        (ProtocolError("what"), Ruling.TRANSIENT),
        (InDoubt("lost"), Ruling.IN_DOUBT),
    ],
)
def test_trouble_on_the_way(error, ruling):
    """Nothing but a lost answer leaves a doubt."""
    assert verdict(error).ruling is ruling
    assert verdict(error).scope is (Scope.MESSAGE if ruling is Ruling.IN_DOUBT else Scope.MAILBOX)


def test_the_most_hopeful_refusal_decides():
    """One recipient unknown, one greylisted: the message is tried again."""
    unknown = Refusal(550, "5.1.1", "User unknown", RCPT, "a@x.test")
    later = Refusal(451, "4.7.1", "later", RCPT, "b@x.test")
    assert verdict(SendRefused("no", [unknown, later])).ruling is Ruling.TRANSIENT
    assert verdict(SendRefused("no", [unknown])).ruling is Ruling.PERMANENT
