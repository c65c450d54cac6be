"""DNS beyond addresses: MX, SRV and TXT, through dnspython; no other module imports it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eisd.errors import Transient

LIFETIME = 5.0
"""Seconds for one question, all its repetitions together."""


@dataclass(frozen=True, slots=True)
class Service:
    """One SRV record (RFC 2782); ``host`` without the final dot, empty: not offered here."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Found:
    """What DNS says of a name, as text. ``problem`` is set when nobody could say."""

    records: tuple[str, ...] = ()
    """TXT joined, MX as ``10 host``; without a final dot, but for the root's own."""
    exists: bool = True
    """Whether the name exists at all (NXDOMAIN, RFC 8020)."""
    problem: str = ""


class Resolver:
    """Asks name servers. Make it where reading /etc/resolv.conf may block."""

    def __init__(
        self,
        nameservers: Sequence[str] | None = None,
        *,
        port: int = 53,
        lifetime: float = LIFETIME,
    ) -> None:
        """Ask ``nameservers``, or those of the system."""
        import dns.asyncresolver  # noqa: PLC0415 - slow to import, and few commands ask

        self._resolver = dns.asyncresolver.Resolver(configure=nameservers is None)
        if nameservers is not None:
            self._resolver.nameservers = list(nameservers)
            self._resolver.port = port
        self._resolver.lifetime = lifetime

    async def mx(self, domain: str) -> list[str]:
        """Where a domain's mail goes, the preferred first; none for a null MX (RFC 7505)."""
        records = sorted((r.preference, _name(r.exchange)) for r in await self._ask(domain, "MX"))
        return [host for _, host in records if host]

    async def srv(self, name: str) -> list[Service]:
        """The servers of a service such as ``_imaps._tcp.example.org``, the preferred first."""
        records = sorted(await self._ask(name, "SRV"), key=lambda r: (r.priority, -r.weight))
        return [Service(_name(r.target), r.port) for r in records]

    async def txt(self, name: str) -> list[str]:
        """The texts at a name, each with its strings joined (RFC 7208 section 3.3)."""
        return [
            b"".join(r.strings).decode("utf-8", "replace") for r in await self._ask(name, "TXT")
        ]

    async def addresses(self, host: str) -> list[str]:
        """A host's addresses, IPv6 first."""
        return [r.address for kind in ("AAAA", "A") for r in await self._ask(host, kind)]

    async def find(self, name: str, kind: str) -> Found:
        """The records of a name as text, and whether there is such a name; never raises."""
        import dns.exception  # noqa: PLC0415
        import dns.resolver  # noqa: PLC0415

        try:
            answer = await self._resolver.resolve(
                name, kind, search=False, raise_on_no_answer=False
            )
        except dns.resolver.NXDOMAIN:
            return Found(exists=False)
        except dns.exception.Timeout:
            return Found(problem=f"no name server answers for {name}")
        except (dns.exception.DNSException, OSError, ValueError) as error:
            return Found(problem=f"DNS fails for {name}: {str(error) or type(error).__name__}")
        return Found(tuple(sorted(_text(one, kind) for one in answer.rrset or ())))

    async def _ask(self, name: str, kind: str) -> list[Any]:
        """The records; none where the name or the kind is not there.

        Raises:
            Transient: no server answers, or none that knows (code ``dns``).
        """
        import dns.exception  # noqa: PLC0415
        import dns.resolver  # noqa: PLC0415

        try:
            return list(await self._resolver.resolve(name, kind, search=False))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.DNSException, OSError) as error:
            reason = "no answer" if isinstance(error, dns.exception.Timeout) else str(error)
            raise Transient(f"DNS for {name} {kind}: {reason}", code="dns") from error


def named(server: str, *, lifetime: float = LIFETIME) -> Resolver:
    """A resolver that asks the name server at ``address``, ``address:port`` or ``[v6]:port``."""
    host, colon, port = server.rpartition(":")
    if colon and port.isdecimal() and (host.endswith("]") or ":" not in host):
        return Resolver([host.strip("[]")], port=int(port), lifetime=lifetime)
    return Resolver([server.strip("[]")], lifetime=lifetime)


def _text(record: Any, kind: str) -> str:
    if kind == "TXT":
        return b"".join(record.strings).decode("ascii", "replace")
    text = str(record)
    is_root = text == "." or text.endswith(" .")
    return text if is_root else text.removesuffix(".")


def _name(name: Any) -> str:
    text: str = name.to_text(omit_final_dot=True)
    return "" if text in {".", "@"} else text.lower()
