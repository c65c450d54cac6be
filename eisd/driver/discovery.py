"""Finding the servers of an address: what is known, then what its domain says, then guesses.

The order, of which the first that leads to an IMAP server counts:

1. the providers that are known by domain (`eisd.driver.presets`)
2. autoconfig of the domain itself, over HTTPS
3. the ISPDB, Thunderbird's list of providers
4. where the domain's mail goes (MX): a provider that is known, or one that the ISPDB has
5. SRV records (RFC 6186, RFC 8314)
6. the usual names, if a server with a valid certificate greets there

Everything but the first is somebody else's word. `Discovered.elsewhere` names the domain that it
would take a password to, where that is not the address's own; whoever asked decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol
from urllib.parse import quote

from eisd.driver import presets
from eisd.driver.presets import PORTS, Place, Provider, by_domain, by_host, by_mx
from eisd.errors import DriverError
from eisd.mime.domains import normal_domain, registrable_domain
from eisd.wire.autoconfig import Server, parse
from eisd.wire.dns import Service

ISPDB: Final = "autoconfig.thunderbird.net"
_IMAP_GUESSES: Final = ("imap", "mail", "")
_SMTP_GUESSES: Final = ("smtp", "mail", "")
_WAYS: Final[tuple[Literal["implicit", "starttls"], ...]] = ("implicit", "starttls")
_GATEWAYS: Final = 5  # so many MX are looked at


class World(Protocol):
    """What is asked (`eisd.wire.internet.Internet`); each call raises `DriverError` alone."""

    async def mx(self, domain: str) -> list[str]: ...
    async def srv(self, name: str) -> list[Service]: ...
    async def document(self, url: str, host: str) -> bytes: ...
    async def greets_imap(
        self, host: str, port: int, way: Literal["implicit", "starttls"]
    ) -> None: ...
    async def greets_smtp(self, host: str, port: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Discovered:
    """The servers of an address, and who says so."""

    source: str
    imap: Place
    username: str
    smtp: Place | None = None
    provider: Provider | None = None
    """What is known of whoever has the IMAP server."""
    elsewhere: str = ""
    """Another domain than the address's, to which signing in would go, if nobody vouches for it."""

    @property
    def driver(self) -> str:
        """The driver that speaks to it."""
        return self.provider.driver if self.provider is not None else "imap"


@dataclass(frozen=True, slots=True)
class Look:
    """One step of looking: where, what was seen, and what it led to."""

    name: str
    detail: str
    found: Discovered | None = None


async def discover_servers(world: World, address: str) -> AsyncIterator[Look]:
    """Look step by step; the step that leads somewhere is the last."""
    domain = normal_domain(address.rpartition("@")[2])
    for step in _steps(world, address, domain):
        look = await step()
        yield look
        if look.found is not None:
            return


def _steps(world: World, address: str, domain: str) -> Sequence[Callable[[], Awaitable[Look]]]:
    well_known = f"https://{domain}/.well-known/autoconfig/mail/config-v1.1.xml"
    own = f"autoconfig.{domain}"
    asked = f"https://{own}/mail/config-v1.1.xml?emailaddress={quote(address)}"
    return (
        lambda: _known(address, domain),
        lambda: _document(world, address, domain, "autoconfig", asked, own),
        lambda: _document(world, address, domain, "well-known", well_known, domain),
        lambda: _ispdb(world, address, domain, "ispdb", domain),
        lambda: _by_mx(world, address, domain),
        lambda: _by_srv(world, address, domain),
        lambda: _by_guess(world, address, domain),
    )


async def _known(address: str, domain: str) -> Look:
    provider = by_domain(domain)
    if provider is None:
        return Look("known", f"{domain} is no provider that eisd knows")
    found = Discovered(
        "known", provider.imap, provider.imap_username(address), provider.smtp, provider
    )
    return Look("known", f"{provider.title}: {_shown(provider.imap)}", found)


async def _document(
    world: World, address: str, domain: str, name: str, url: str, host: str
) -> Look:
    """An autoconfig document."""
    try:
        document = await world.document(url, host)
        servers = parse(document, address) if document else []
    except DriverError as error:
        return Look(name, f"{host}: {error}")
    imap = next((one for one in servers if one.kind == "imap"), None)
    if imap is None:
        said = "names no IMAP server with TLS" if document else "has no configuration"
        return Look(name, f"{host} {said}")
    smtp = next((_place(one) for one in servers if one.kind == "smtp"), None)
    found = _found(name, domain, address, _place(imap), smtp, imap.username)
    return Look(name, f"{host}: {_shown(found.imap)}", found)


async def _ispdb(world: World, address: str, domain: str, name: str, about: str) -> Look:
    look = await _document(world, address, domain, name, f"https://{ISPDB}/v1.1/{about}", ISPDB)
    if look.found is None and "has no configuration" in look.detail:
        return Look(name, f"the ISPDB does not know {about}")
    return look


async def _by_mx(world: World, address: str, domain: str) -> Look:
    """Who receives the domain's mail."""
    try:
        hosts = (await world.mx(domain))[:_GATEWAYS]
    except DriverError as error:
        return Look("mx", str(error))
    if not hosts:
        return Look("mx", f"{domain} receives no mail (it has no MX)")
    if (provider := by_mx(hosts)) is not None:
        name = provider.imap_username(address)
        found = _found("mx", domain, address, provider.imap, provider.smtp, name)
        return Look("mx", f"{hosts[0]}: {provider.title}", found)
    base = registrable_domain(hosts[0])
    if not base or base == registrable_domain(domain):
        return Look("mx", f"{hosts[0]} tells nothing")
    return await _ispdb(world, address, domain, "mx", base)


async def _by_srv(world: World, address: str, domain: str) -> Look:
    """SRV records; of two ways TLS from the start goes before STARTTLS (RFC 8314 section 3.3)."""
    try:
        imap = await _service(world, domain, ("imaps", "imap"))
        smtp = await _service(world, domain, ("submissions", "submission"))
    except DriverError as error:
        return Look("srv", str(error))
    if imap is None:
        return Look("srv", f"{domain} has no SRV record of IMAP")
    found = _found("srv", domain, address, imap, smtp, "")
    return Look("srv", _shown(imap), found)


async def _service(world: World, domain: str, names: tuple[str, str]) -> Place | None:
    for name, way in zip(names, ("implicit", "starttls"), strict=True):
        for one in await world.srv(f"_{name}._tcp.{domain}"):
            if one.host and one.port:
                return Place(one.host, one.port, "implicit" if way == "implicit" else "starttls")
    return None


async def _by_guess(world: World, address: str, domain: str) -> Look:
    """The usual names, all tried at once."""
    places = _guesses(domain, "imap", _IMAP_GUESSES)
    imap = await _first(places, lambda p: world.greets_imap(p.host, p.port, _way(p)))
    if imap is None:
        tried = ", ".join(dict.fromkeys(p.host for p in places))
        return Look("guess", f"no IMAP server with a valid certificate at {tried}")
    places = _guesses(domain, "smtp", _SMTP_GUESSES)
    smtp = await _first(places, lambda p: world.greets_smtp(p.host, p.port))
    return Look("guess", _shown(imap), _found("guess", domain, address, imap, smtp, ""))


async def _first(
    places: Sequence[Place], greets: Callable[[Place], Awaitable[None]]
) -> Place | None:
    """The first of the places where somebody answers."""
    answers = await asyncio.gather(*map(greets, places), return_exceptions=True)
    for place, answer in zip(places, answers, strict=True):
        if answer is None:
            return place
        if not isinstance(answer, DriverError):
            raise answer
    return None


def _found(
    source: str, domain: str, address: str, imap: Place, smtp: Place | None, username: str
) -> Discovered:
    provider = by_host(imap.host)
    named = username or (provider.imap_username(address) if provider is not None else address)
    own = registrable_domain(domain) or domain
    hosts = [imap.host, *([smtp.host] if smtp is not None else [])]
    away = [registrable_domain(host) or host for host in hosts]
    elsewhere = next((one for one in away if one != own), "")
    return Discovered(source, imap, named, smtp, provider, elsewhere)


def _place(server: Server) -> Place:
    return Place(server.host, server.port, server.tls)


def _way(place: Place) -> Literal["implicit", "starttls"]:
    return "implicit" if place.tls == "implicit" else "starttls"


def _guesses(domain: str, service: presets.Service, names: Sequence[str]) -> list[Place]:
    hosts = [f"{name}.{domain}" if name else domain for name in names]
    return [Place(host, PORTS[service][way], way) for host in hosts for way in _WAYS]


def _shown(place: Place) -> str:
    return f"{place.host}:{place.port} ({place.tls})"
