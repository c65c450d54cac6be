"""The IMAP driver's options: every mistake at once, each with the way out."""

from __future__ import annotations

import pytest

from eisd.driver.interface import OptionsError, Problem
from eisd_imap.options import Options, Server, read_options

ADDRESS = "sales@example.org"
PASSWORD = {"file": "/etc/eisd/secrets/sales"}
SECRET = {"password": PASSWORD}


def read(**imap: object) -> Options:
    """The options of a table whose imap part has a password."""
    return read_options({"imap": {"password": PASSWORD, **imap}}, ADDRESS)


def problems(table: dict[str, object]) -> list[Problem]:
    """What is wrong with a table."""
    with pytest.raises(OptionsError) as raised:
        read_options(table, ADDRESS)
    return list(raised.value.problems)


def test_defaults():
    """Host and password suffice."""
    options = read(host="imap.example.org")
    assert options == Options(ADDRESS, Server("imap.example.org", 993, "implicit", ADDRESS))


@pytest.mark.parametrize(("tls", "port"), [("implicit", 993), ("starttls", 143)])
def test_the_port_follows_tls(tls: str, port: int):
    """Each way of TLS has its port."""
    assert read(host="h.test", tls=tls).imap.port == port


def test_smtp_is_read_likewise():
    """The smtp table has the same keys and its own ports."""
    smtp = {"host": "smtp.example.org", "tls": "starttls", "password": {"same_as": "imap"}}
    options = read_options({"imap": {"host": "h", "password": PASSWORD}, "smtp": smtp}, ADDRESS)
    assert options.smtp == Server("smtp.example.org", 587, "starttls", ADDRESS)


def test_every_mistake_at_once():
    """All problems of all keys come together, each at its path."""
    found = problems(
        {
            "imap": {"host": "h h", "port": "993", "tls": "startls", "usernam": "x"},
            "smtp": {"port": 70000},
            "jmap": {},
        }
    )
    assert {p.path for p in found} == {
        ("jmap",), ("imap", "host"), ("imap", "port"), ("imap", "tls"), ("imap", "usernam"),
        ("imap",), ("smtp",), ("smtp", "port"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("table", "hint"),
    [
        ({"imap": {"hots": "h", **SECRET}}, "did you mean 'host'?"),
        ({"imap": {"host": "h", "tls": "startls", **SECRET}}, "did you mean 'starttls'?"),
        ({"imap": {"host": "h", **SECRET}, "imapp": {}}, "did you mean 'imap'?"),
        ({"imap": {"host": "imaps://h:993", **SECRET}}, "the port has a key of its own"),
        ({"imap": {"host": "h"}}, "write password = {"),
        ({}, "write imap = {"),
    ],
    ids=["key", "value", "table", "url", "password", "nothing"],
)
def test_the_one_problem_has_its_hint(table: dict[str, object], hint: str):
    """A mistake is one problem, and its hint says the way out."""
    (problem,) = problems(table)
    assert hint in problem.hint


def test_a_literal_password_is_never_shown():
    """A secret written into the file is refused without being repeated."""
    (problem,) = problems({"imap": {"host": "h", "password": "hunter2"}})
    assert problem.path == ("imap", "password")
    assert "hunter2" not in problem.message + problem.hint


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]"])
def test_plain_text_is_for_loopback(host: str):
    """Without TLS, this machine is fine."""
    assert read(host=host, tls="none").imap.tls == "none"


@pytest.mark.parametrize("host", ["imap.example.org", "10.0.0.1", "localhost.example.org"])
def test_plain_text_elsewhere_wants_a_word(host: str):
    """Without TLS, any other host needs allow_plaintext = true."""
    (problem,) = problems({"imap": {"host": host, "tls": "none", "password": PASSWORD}})
    assert "allow_plaintext" in problem.hint
    assert read(host=host, tls="none", allow_plaintext=True).imap.tls == "none"


def test_keys_of_the_core_are_not_ours():
    """What is no table belongs to the core; oauth says which drivers have it."""
    table = {"imap": {"host": "h", "password": PASSWORD}, "address": ADDRESS, "owner": "alice"}
    assert read_options(table, ADDRESS).imap.host == "h"
    (problem,) = problems({**table, "oauth": {"app": "corp"}})
    assert problem.path == ("oauth",)
