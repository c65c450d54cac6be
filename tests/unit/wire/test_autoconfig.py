"""Autoconfig documents: what is read of them, and what is not believed."""

from __future__ import annotations

import pytest

from eisd.errors import ProtocolError
from eisd.wire.autoconfig import MAX_BYTES, Server, parse

ADDRESS = "ada@example.test"
DOCUMENT = """<?xml version="1.0"?>
<clientConfig version="1.1"><emailProvider id="example.test">
  <domain>example.test</domain>
  <incomingServer type="pop3"><hostname>pop.example.test</hostname><port>995</port>
    <socketType>SSL</socketType></incomingServer>
  <incomingServer type="imap"><hostname>plain.example.test</hostname><port>143</port>
    <socketType>plain</socketType><username>x</username></incomingServer>
  <incomingServer type="imap"><hostname>IMAP.%EMAILDOMAIN%</hostname><port>993</port>
    <socketType>SSL</socketType><username>%EMAILLOCALPART%</username>
    <authentication>OAuth2</authentication>
    <authentication>password-cleartext</authentication></incomingServer>
  <outgoingServer type="smtp"><hostname>smtp.example.test</hostname><port>587</port>
    <socketType>STARTTLS</socketType><username>%EMAILADDRESS%</username></outgoingServer>
</emailProvider></clientConfig>"""


def test_servers_with_tls_are_read():
    """IMAP and SMTP with TLS, the address filled in; plain text and POP are passed over."""
    assert parse(DOCUMENT.encode(), ADDRESS) == [
        Server(
            "imap", "imap.example.test", 993, "implicit", "ada", ("OAuth2", "password-cleartext")
        ),
        Server("smtp", "smtp.example.test", 587, "starttls", ADDRESS, ()),
    ]


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<html><body>Not found</body></html>",
        b"<clientConfig>",
        b'<!DOCTYPE x [<!ENTITY a "b">]><clientConfig/>',
        b"<clientConfig/>" + b" " * MAX_BYTES,
        b"<?xml version='1.0' encoding='utf-99'?><clientConfig/>",
    ],
    ids=["nothing", "a page", "broken", "entities", "too long", "no charset"],
)
def test_what_is_no_autoconfig_is_refused(document: bytes):
    """Whatever a server sends, it is one kind of error."""
    with pytest.raises(ProtocolError):
        parse(document, ADDRESS)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("IMAP.%EMAILDOMAIN%", "imap.example.test/x"),
        ("IMAP.%EMAILDOMAIN%", "a b"),
        ("IMAP.%EMAILDOMAIN%", ""),
        ("<port>993</port>", "<port>99999</port>"),
        ("<port>993</port>", "<port>-1</port>"),
        ("<port>993</port>", ""),
        ("<socketType>SSL</socketType><username>%EMAILLOCALPART%", "<username>x"),
    ],
)
def test_a_server_that_cannot_be_meant_is_passed_over(old: str, new: str):
    """A host name, a port and TLS are what makes a server."""
    assert [s.kind for s in parse(DOCUMENT.replace(old, new).encode(), ADDRESS)] == ["smtp"]
