"""Contacts as they come in: from a file, a command, the API, or made by eisd itself.

Tuples rather than dataclasses: a file may hold a million of them.
"""

from __future__ import annotations

from typing import NamedTuple

from eisd.model.facts import KeyHash


class AddressIn(NamedTuple):
    """One address of a contact. Times in milliseconds; None: the source does not say."""

    address: str
    key: str
    exact: KeyHash
    relaxed: KeyHash
    primary: bool
    added_at: int | None = None
    ended_at: int | None = None


class ContactIn(NamedTuple):
    """One contact as a file or a call gives it."""

    workspace: str
    contact_id: str
    name: str
    kind: str
    company: str
    addresses: tuple[AddressIn, ...]


class AddressRow(NamedTuple):
    """One address as a file gives it. Times in milliseconds; None: the file does not say."""

    address: str
    primary: bool
    added_at: int | None = None
    ended_at: int | None = None


class ContactRow(NamedTuple):
    """One contact as a file gives it, checked: every address holds exactly one usable "@"."""

    workspace: str
    contact_id: str
    name: str
    kind: str
    company: str
    addresses: tuple[AddressRow, ...]
