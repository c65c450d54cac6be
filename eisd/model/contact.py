"""Contacts as they come in: from a file, a command, the API, or made by eisd itself."""

from __future__ import annotations

from dataclasses import dataclass

from eisd.model.facts import KeyHash


@dataclass(frozen=True, slots=True)
class AddressIn:
    """One address of a contact. Times in milliseconds; None: the source does not say."""

    address: str
    key: str
    exact: KeyHash
    relaxed: KeyHash
    primary: bool
    added_at: int | None = None
    ended_at: int | None = None


@dataclass(frozen=True, slots=True)
class ContactIn:
    """One contact as a file or a call gives it."""

    workspace: str
    contact_id: str
    name: str
    kind: str
    company: str
    addresses: tuple[AddressIn, ...]
