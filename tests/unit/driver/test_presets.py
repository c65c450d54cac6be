"""Providers as data: what is written is well-formed, and found by domain, MX and host."""

from __future__ import annotations

import pytest

from eisd.driver.presets import PORTS, Place, by_domain, by_host, by_mx, providers
from eisd.driver.registry import discover
from eisd.mime.domains import normal_domain


def test_every_provider_is_well_formed():
    """Hosts, ports, drivers and domains of the data can be meant; no domain has two providers."""
    drivers = set(discover().found)
    domains = [domain for one in providers() for domain in one.domains]
    assert len(domains) == len(set(domains))
    assert all(normal_domain(domain) == domain for domain in domains)
    for one in providers():
        assert one.driver in drivers, one.key
        assert one.imap.tls in PORTS["imap"]
        assert one.smtp.tls in PORTS["smtp"]
        assert one.imap.host == one.imap.host.lower()
        assert one.title
        assert one.refused
        assert one.domains or one.mx, one.key
        assert one.page.startswith("https://") or one.sign_in == "oauth"


@pytest.mark.parametrize(
    ("address", "imap", "user"),
    [
        ("ada@gmail.com", "imap.gmail.com", "ada@gmail.com"),
        ("ada@web.de", "imap.web.de", "ada"),
        ("ada@hotmail.co.uk", "outlook.office365.com", "ada@hotmail.co.uk"),
        ("ada@contoso.onmicrosoft.com", "outlook.office365.com", "ada@contoso.onmicrosoft.com"),
        ("ada@proton.me", "127.0.0.1", "ada@proton.me"),
        ("ada@zoho.eu", "imap.zoho.eu", "ada@zoho.eu"),
    ],
)
def test_a_domain_tells_the_provider(address: str, imap: str, user: str):
    """By the domain of the address, or the one it is below of."""
    found = by_domain(address.rpartition("@")[2].upper())
    assert found is not None
    assert (found.imap.host, found.imap_username(address)) == (imap, user)


@pytest.mark.parametrize(
    ("mx", "key"),
    [
        ("aspmx.l.google.com.", "gmail"),
        ("alt1.aspmx.l.google.com", "gmail"),
        ("contoso-com.mail.protection.outlook.com", "microsoft365"),
        ("contoso-com.o-v1.mx.microsoft", "microsoft365"),
        ("outlook-com.olc.protection.outlook.com", "outlook"),
        ("in1-smtp.messagingengine.com", "fastmail"),
        ("mx2.zoho.eu", "zoho-eu"),
        ("mx00.kundenserver.de", "ionos-de"),
        ("mx1.mail.ovh.net", "ovh"),
        ("mta7.am0.yahoodns.net", "yahoo"),
    ],
)
def test_where_mail_goes_tells_the_provider(mx: str, key: str):
    """By the pattern of the mail exchanger's name, a gateway before it notwithstanding."""
    found = by_mx(["mx.unknown.test", mx])
    assert found is not None
    assert found.key == key


@pytest.mark.parametrize("host", ["mx0a.pphosted.com", "eu-smtp-inbound-1.mimecast.com", ""])
def test_a_gateway_tells_nothing(host: str):
    """A filter in front of the mail hides who has it."""
    assert by_mx([host]) is None


def test_a_host_tells_the_provider():
    """SMTP hosts too: whether Sent is kept by the server goes by them."""
    outlook = by_host("SMTP-mail.outlook.com")
    assert outlook is not None
    assert outlook.saves_sent
    assert outlook.smtp == Place("smtp-mail.outlook.com", 587, "starttls")
    assert by_host("imap.example.org") is None


def test_advice_names_the_page():
    """Whoever is refused learns which kind of password it takes, and where to make one."""
    yahoo = by_domain("yahoo.com")
    assert yahoo is not None
    assert "app password" in yahoo.advice
    assert "https://login.yahoo.com" in yahoo.advice
