"""Discovery against a name server, a web server and a mail server on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import pytest
from anyio.to_thread import run_sync
from lab.certs import Certs
from lab.dns import NameServer
from lab.dovecot import Dovecot
from lab.https import Pages

from eisd.driver.discovery import Look, discover_servers
from eisd.driver.presets import Place
from eisd.errors import DriverError, Misconfigured
from eisd.wire.dns import Resolver
from eisd.wire.internet import Internet, is_public

ADDRESS = "ada@lab.test"
HOST = "mail.lab.test"


def config(host: str, port: int = 993, way: str = "SSL") -> bytes:
    """An autoconfig document that names one IMAP server."""
    return (
        f'<clientConfig version="1.1"><emailProvider id="x"><incomingServer type="imap">'
        f"<hostname>{host}</hostname><port>{port}</port><socketType>{way}</socketType>"
        f"<username>%EMAILLOCALPART%</username></incomingServer></emailProvider></clientConfig>"
    ).encode()


@dataclass(slots=True)
class Loopback:
    """A small Internet: its parts, and the way of `eisd.wire.internet` to them."""

    names: NameServer
    pages: Pages
    internet: Internet
    open: dict[tuple[str, int], int]
    """What (host, port) is really served at; everything else refuses."""

    async def looks(self, address: str = ADDRESS) -> list[Look]:
        """All steps of looking for an address."""
        return [look async for look in discover_servers(self.internet, address)]


@asynccontextmanager
async def loopback(certs: Certs) -> AsyncIterator[Loopback]:
    """The parts, started."""
    reached: dict[tuple[str, int], int] = {}
    # A certificate for every name that is asked, of the one authority that is trusted.
    hosts = ("autoconfig.lab.test", "lab.test", "autoconfig.thunderbird.net", "smtp.lab.test")
    context = await run_sync(certs.context_for, *hosts)
    async with NameServer() as names, Pages(context) as pages:
        reached.update({(host, 443): pages.port for host in hosts})
        internet = Internet(
            await run_sync(lambda: Resolver(["127.0.0.1"], port=names.port, lifetime=0.5)),
            ca_file=str(certs.ca_file),
            via=lambda host, port: ("127.0.0.1", reached.get((host, port), 1)),
            seconds=15,
        )
        try:
            yield Loopback(names, pages, internet, reached)
        finally:
            await internet.aclose()


@pytest.fixture
async def net(certs: Certs) -> AsyncIterator[Loopback]:
    """A small Internet."""
    async with loopback(certs) as found:
        yield found


async def test_a_known_domain_asks_nobody(net: Loopback):
    """Where the provider is known, nothing is asked, and nobody has to vouch for it."""
    (look,) = await net.looks("ada@gmail.com")
    assert look.found is not None
    assert (look.found.driver, look.found.elsewhere) == ("gmail", "")
    assert (net.names.asked, net.pages.asked) == ([], [])


async def test_autoconfig_of_the_domain(net: Loopback):
    """The domain's own document counts, its user name filled in."""
    net.pages.pages["autoconfig.lab.test/mail/config-v1.1.xml"] = config(HOST)
    looks = await net.looks()
    assert [look.name for look in looks] == ["known", "autoconfig"]
    found = looks[-1].found
    assert found is not None
    assert (found.imap, found.username) == (Place(HOST, 993, "implicit"), "ada")
    assert found.elsewhere == ""
    assert net.pages.asked == [
        "autoconfig.lab.test/mail/config-v1.1.xml?emailaddress=ada%40lab.test"
    ]


async def test_well_known_autoconfig(net: Loopback):
    """The second place of the domain's own document."""
    net.pages.pages["lab.test/.well-known/autoconfig/mail/config-v1.1.xml"] = config(HOST)
    looks = await net.looks()
    assert [look.name for look in looks] == ["known", "autoconfig", "well-known"]


async def test_another_domain_is_told(net: Loopback):
    """A document that leads to another domain is believed only if somebody says so."""
    net.pages.pages["autoconfig.thunderbird.net/v1.1/lab.test"] = config("imap.elsewhere.test")
    looks = await net.looks()
    found = looks[-1].found
    assert found is not None
    assert (found.source, found.elsewhere) == ("ispdb", "elsewhere.test")


async def test_mx_leads_to_a_known_provider(net: Loopback):
    """A domain whose mail goes to Google is at Gmail, whoever's domain it is."""
    net.names.records[("lab.test", "MX")] = ["10 alt1.aspmx.l.google.com.", "1 aspmx.l.google.com."]
    looks = await net.looks()
    found = looks[-1].found
    assert found is not None
    assert (found.source, found.driver, found.username) == ("mx", "gmail", ADDRESS)
    assert found.elsewhere == "gmail.com"


async def test_mx_leads_to_a_provider_in_the_ispdb(net: Loopback):
    """The provider's own domain is looked up where the customer's is not known."""
    net.names.records[("lab.test", "MX")] = ["10 mx1.hoster.test."]
    net.pages.pages["autoconfig.thunderbird.net/v1.1/hoster.test"] = config("imap.hoster.test")
    found = (await net.looks())[-1].found
    assert found is not None
    assert (found.source, found.imap.host, found.elsewhere) == (
        "mx",
        "imap.hoster.test",
        "hoster.test",
    )


async def test_srv_records(net: Loopback):
    """TLS from the start goes before STARTTLS, the preferred host before the others."""
    net.names.records |= {
        ("_imaps._tcp.lab.test", "SRV"): ["10 5 993 b.lab.test.", "0 1 9993 mail.lab.test."],
        ("_imap._tcp.lab.test", "SRV"): ["0 1 143 mail.lab.test."],
        ("_submissions._tcp.lab.test", "SRV"): ["0 0 0 ."],
        ("_submission._tcp.lab.test", "SRV"): ["0 1 587 mail.lab.test."],
    }
    found = (await net.looks())[-1].found
    assert found is not None
    assert found.imap == Place(HOST, 9993, "implicit")
    assert found.smtp == Place(HOST, 587, "starttls")


async def test_guesses_need_a_server_that_greets(net: Loopback, dovecot: Dovecot):
    """The usual names, if a server with a valid certificate is there: mail.lab.test with TLS."""
    net.open[(HOST, 993)] = dovecot.port_imaps
    net.open[("imap.lab.test", 993)] = dovecot.port_imaps  # its certificate is not for this name
    looks = await net.looks()
    assert [look.name for look in looks] == [
        "known", "autoconfig", "well-known", "ispdb", "mx", "srv", "guess",
    ]  # fmt: skip
    found = looks[-1].found
    assert found is not None
    assert (found.imap, found.smtp, found.elsewhere) == (Place(HOST, 993, "implicit"), None, "")


async def test_guesses_by_starttls(net: Loopback, dovecot: Dovecot):
    """A server without a port for TLS is found by STARTTLS."""
    net.open[(HOST, 143)] = dovecot.port_imap
    found = (await net.looks())[-1].found
    assert found is not None
    assert found.imap == Place(HOST, 143, "starttls")


async def test_nothing_is_found(net: Loopback):
    """Every step tells what it saw, and nothing is made up."""
    net.names.silent = frozenset({"lab.test"})
    looks = await net.looks()
    assert len(looks) == 7
    assert all(look.found is None and look.detail for look in looks)
    assert "no answer" in looks[4].detail


async def test_redirects_and_rubbish_are_not_followed(net: Loopback):
    """A document that is elsewhere, too long or none is told and passed over."""
    net.pages.pages |= {
        "autoconfig.lab.test/mail/config-v1.1.xml": b"HTTP/1.1 302 Found\r\n"
        b"Location: http://169.254.169.254/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        "lab.test/.well-known/autoconfig/mail/config-v1.1.xml": b"<html>" + b"x" * 100_000,
        "autoconfig.thunderbird.net/v1.1/lab.test": b"<html>hello</html>",
    }
    details = {look.name: look.detail for look in await net.looks()}
    assert "redirects" in details["autoconfig"]
    assert "octets" in details["well-known"]
    assert "no autoconfig" in details["ispdb"]


async def test_submission_is_greeted_with_tls(net: Loopback, certs: Certs):
    """A submission server is one that answers as one, with a certificate that holds."""

    context = await run_sync(certs.context_for, "smtp.lab.test")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220-hello\r\n220 ready\r\n")
        await reader.readline()
        writer.write(b"250-here\r\n250 STARTTLS\r\n")
        await reader.readline()
        writer.write(b"220 go\r\n")
        with suppress(OSError):
            await writer.start_tls(context)
        writer.transport.abort()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        net.open |= {("smtp.lab.test", 587): port, ("other.lab.test", 587): port}
        await net.internet.greets_smtp("smtp.lab.test", 587)
        with pytest.raises(Misconfigured):
            await net.internet.greets_smtp("other.lab.test", 587)
    with pytest.raises(DriverError):
        await net.internet.greets_smtp("gone.lab.test", 465)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "100.64.0.1",
        "::1", "fe80::1%eth0", "fd00::1", "::ffff:127.0.0.1", "2002:7f00:1::", "224.0.0.1", "x",
    ],
)  # fmt: skip
def test_private_addresses_are_not_looked_at(address: str):
    """No name leads discovery into a network of our own, whatever notation is used."""
    assert not is_public(address)


def test_public_addresses_are():
    """What anybody may look at."""
    assert is_public("9.9.9.9")
    assert is_public("2620:fe::fe")


async def test_a_private_host_is_refused(certs: Certs):
    """A document is not fetched from loopback, where nobody says so."""
    resolver = await run_sync(lambda: Resolver(["127.0.0.1"], port=1))
    internet = Internet(resolver, ca_file=str(certs.ca_file))
    with pytest.raises(Misconfigured):
        await internet.document("https://localhost/x", "localhost")
