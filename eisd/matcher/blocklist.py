"""The block list (M13), as one copy's mailbox sees it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from eisd.mime.addresses import address_key, domain_of, relaxed_key
from eisd.model.facts import Mark
from eisd.model.mail import Address


class Entry(Protocol):
    """One `[[blocklist]]` table of the configuration."""

    @property
    def entry(self) -> str:
        """``a@b`` or ``@b``."""
        ...

    @property
    def action(self) -> str:
        """``participant`` or ``message``."""
        ...

    @property
    def mailbox(self) -> str | None:
        """The mailbox it is for; none means all."""
        ...


@dataclass(frozen=True, slots=True)
class Blocklist:
    """Addresses and domains, each with the mark it puts on a participant."""

    addresses: Mapping[str, int] = field(default_factory=dict)
    """By exact and by relaxed key."""
    domains: Mapping[str, int] = field(default_factory=dict)
    """A-labels; each stands for its subdomains as well."""

    @classmethod
    def of(
        cls,
        entries: Iterable[Entry],
        mailbox_name: str,
        *,
        local_case: Literal["fold", "exact"] = "fold",
    ) -> Blocklist:
        """Take the entries that are global or for the mailbox of that name."""
        addresses: dict[str, int] = {}
        domains: dict[str, int] = {}
        for entry in entries:
            if entry.mailbox and entry.mailbox != mailbox_name:
                continue
            mark = int(Mark.BLOCKS_MESSAGE if entry.action == "message" else Mark.BLOCKED)
            text = entry.entry.strip()
            key = address_key(f"x{text}" if text.startswith("@") else text, local_case=local_case)
            if not key:
                continue
            table, names = (
                (domains, {domain_of(key)})
                if text.startswith("@")
                else (addresses, {key, relaxed_key(key)})
            )
            for name in names:
                table[name] = table.get(name, 0) | mark
        return cls(addresses, domains)

    def __bool__(self) -> bool:
        return bool(self.addresses or self.domains)

    def marks(self, address: Address) -> int:
        """Give the bits of `Mark` that the list puts on an address."""
        found = self.addresses.get(address.key, 0) | self.addresses.get(address.relaxed, 0)
        domain = domain_of(address.key) if self.domains else ""
        while domain:
            found |= self.domains.get(domain, 0)
            domain = domain.partition(".")[2]
        return found
