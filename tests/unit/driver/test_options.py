"""The IMAP driver's options: every mistake at once, each with the way out."""

from __future__ import annotations

from typing import Any

import pytest

from eisd.driver.imap.options import Kind, Options, Server, read_options
from eisd.driver.interface import OptionsError, Problem
from eisd_gmail import GmailDriver
from eisd_imap import ImapDriver
from eisd_microsoft import MicrosoftDriver

ADDRESS = "sales@example.org"
KIND = Kind("imap")
PASSWORD = {"file": "/etc/eisd/secrets/sales"}
SECRET = {"password": PASSWORD}


def read(**imap: object) -> Options:
    """The options of a table whose imap part has a password."""
    return read_options({"imap": {"password": PASSWORD, **imap}}, ADDRESS, KIND)


def problems(table: dict[str, object]) -> list[Problem]:
    """What is wrong with a table."""
    with pytest.raises(OptionsError) as raised:
        read_options(table, ADDRESS, KIND)
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
    options = read_options(
        {"imap": {"host": "h", "password": PASSWORD}, "smtp": smtp}, ADDRESS, KIND
    )
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
    """What is no table belongs to the core."""
    table = {"imap": {"host": "h", "password": PASSWORD}, "address": ADDRESS, "owner": "alice"}
    assert read_options(table, ADDRESS, KIND).imap.host == "h"


APP = {"oauth": {"app": "corp"}}


def test_a_known_domain_needs_no_host():
    """Where the provider is known, its servers and its kind of user name come from the data."""
    options = ImapDriver().options({"imap": SECRET}, address="ada@icloud.com")
    assert options.imap == Server("imap.mail.me.com", 993, "implicit", "ada")
    assert options.smtp == Server("smtp.mail.me.com", 587, "starttls", "ada@icloud.com")


def test_another_host_takes_nothing_from_the_data():
    """A host of the operator's own is asked as any other: the provider's ways are not its."""
    table = {"imap": {"host": "imap.example.org", **SECRET}}
    options = ImapDriver().options(table, address="ada@icloud.com")
    assert options.imap == Server("imap.example.org", 993, "implicit", "ada@icloud.com")


@pytest.mark.parametrize(
    ("address", "smtp"),
    [
        ("boss@contoso.test", "smtp.office365.com"),
        ("ada@hotmail.co.uk", "smtp-mail.outlook.com"),
        ("ada@gmail.com", "smtp.office365.com"),
    ],
)
def test_microsoft_needs_an_app_and_nothing_else(address: str, smtp: str):
    """Work and personal mailboxes have one IMAP server and an SMTP server each."""
    options = MicrosoftDriver().options(APP, address=address)
    assert options.app == "corp"
    assert options.imap == Server("outlook.office365.com", 993, "implicit", address)
    assert options.smtp == Server(smtp, 587, "starttls", address)


def test_gmail_takes_either_way_of_signing_in():
    """OAuth, or an app password; the servers are known for any domain."""
    driver = GmailDriver()
    by_app = driver.options(APP, address="ada@contoso.test")
    by_password = driver.options({"imap": SECRET}, address="ada@contoso.test")
    assert by_app.imap == by_password.imap
    assert by_app.imap == Server("imap.gmail.com", 993, "implicit", "ada@contoso.test")
    assert (by_app.app, by_password.app) == ("corp", "")


@pytest.mark.parametrize(
    ("driver", "table", "path"),
    [
        (GmailDriver(), {}, ("imap",)),
        (GmailDriver(), {"imap": SECRET, **APP}, ("imap", "password")),
        (MicrosoftDriver(), {"imap": SECRET}, ("imap", "password")),
        (MicrosoftDriver(), {}, ("oauth",)),
        (MicrosoftDriver(), {"oauth": {"ap": "corp"}}, ("oauth", "ap")),
        (MicrosoftDriver(), {"oauth": {}}, ("oauth",)),
        (MicrosoftDriver(), {"oauth": {"app": 7}}, ("oauth", "app")),
        (ImapDriver(), {"imap": {"host": "h"}}, ("imap",)),
        (ImapDriver(), {"imap": {"host": "h", **SECRET}, **APP}, ("imap", "password")),
    ],
)
def test_there_is_one_way_to_sign_in(driver: Any, table: dict[str, object], path: tuple[str, ...]):
    """No way and two ways are a problem each, and so is one that the provider does not take."""
    with pytest.raises(OptionsError) as raised:
        driver.options(table, address=ADDRESS)
    (problem,) = raised.value.problems
    assert problem.path == path
    assert problem.hint or path[-1] == "app"
