"""Contacts between JSON and rows: the one place that judges a contact, whatever file it was in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from eisd.api.contact_spool import Spool
from eisd.mime.addresses import address_key
from eisd.mime.text import one_line
from eisd.model.contact import AddressRow, ContactRow
from eisd.store.sql import stamp

__all__ = ["AddressRow", "BadRow", "ContactRow", "Rows", "contact", "from_json", "to_json"]

DEFAULT_WORKSPACE: Final = "default"
TEXT_MAX: Final = 1_000
"""The longest id, name, kind or company, in characters."""
KEYS: Final = frozenset({"id", "name", "workspace", "kind", "company", "addresses", "emails"})


class RowError(ValueError):
    """Why a row is no contact; the sentence for people."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is no contact. ``line`` counts from 1."""

    line: int
    problem: str
    is_fatal: bool = False
    """What follows it cannot be told apart, or means nothing: it cannot be left out."""


class Rows:
    """What a source holds: good rows, one a contact, and every bad one. To be closed."""

    def __init__(self) -> None:
        self.bad: list[BadRow] = []
        self._spool = Spool()
        self._merged: dict[tuple[str, str], ContactRow] = {}

    def add(self, line: int, values: Mapping[str, Any], workspace: str) -> None:
        """Take one row in, good or bad."""
        try:
            self._spool.add(line, contact(values, workspace))
        except RowError as error:
            self.bad.append(BadRow(line, str(error)))

    def add_flat(self, line: int, texts: Sequence[str], emails: Sequence[str]) -> None:
        """Take a row of a table in: workspace, id, name, kind, company, and its addresses."""
        try:
            self._spool.add(line, flat(texts, emails))
        except RowError as error:
            self.bad.append(BadRow(line, str(error)))

    def finish(self) -> Rows:
        """Everything is in: rows of one contact become one, or the later one is bad."""
        for line, row in self._spool.finish():
            key = row.workspace, row.contact_id
            known = self._merged.get(key)
            try:
                self._merged[key] = row if known is None else _merged(known, row)
            except RowError as error:
                self.bad.append(BadRow(line, str(error)))
        return self

    @property
    def workspaces(self) -> frozenset[str]:
        """Where the contacts belong."""
        return frozenset(self._spool.workspaces)

    def has(self, workspace: str, contact_id: str) -> bool:
        """Whether a contact is among the good rows."""
        return self._spool.has(workspace, contact_id)

    def contacts(self) -> Iterator[ContactRow]:
        """The contacts, in the order of their first rows."""
        left = dict(self._merged)
        for _, row in self._spool.rows():
            if self._spool.may_be_twice(row):
                whole = left.pop((row.workspace, row.contact_id), None)
                if whole is not None:
                    yield whole
            else:
                yield row

    @property
    def good(self) -> dict[tuple[str, str], ContactRow]:
        """The contacts by workspace and id: of a source that is small."""
        return {(row.workspace, row.contact_id): row for row in self.contacts()}

    def close(self) -> None:
        """Let go of the temporary file there may be."""
        self._spool.close()


def from_json(items: Iterable[object], workspace: str = DEFAULT_WORKSPACE) -> Rows:
    """The contacts of a JSON array; ``line`` of a bad one is its place in it, from 1."""
    rows = Rows()
    for number, item in enumerate(items, 1):
        if isinstance(item, Mapping):
            rows.add(number, item, workspace)
        else:
            rows.bad.append(BadRow(number, "want an object with id and addresses"))
    return rows.finish()


def contact(values: Mapping[str, Any], workspace: str = DEFAULT_WORKSPACE) -> ContactRow:
    """One contact of its JSON form; ``emails`` may stand for ``addresses``.

    Raises:
        RowError: it is none, with the first reason.
    """
    if strangers := sorted(set(map(str, values)) - KEYS):
        raise RowError(f"unknown key {strangers[0]!r}")
    contact_id = _text(values, "id")
    if not contact_id:
        raise RowError("id is missing")
    given = values.get("addresses")
    if given is None:
        given = values.get("emails", [])
    if not isinstance(given, list):
        raise RowError("addresses must be a list")
    return ContactRow(
        workspace=_text(values, "workspace") or workspace,
        contact_id=contact_id,
        name=_text(values, "name"),
        kind=_text(values, "kind"),
        company=_text(values, "company"),
        addresses=_one_primary([_address(one) for one in given]),
    )


def flat(texts: Sequence[str], emails: Sequence[str]) -> ContactRow:
    """One contact of a table's row: workspace, id, name, kind, company; the first is primary.

    Raises:
        RowError: it is none, with the first reason.
    """
    workspace, contact_id, name, kind, company = map(_cell, texts, _FLAT)
    if not contact_id:
        raise RowError("id is missing")
    addresses: dict[str, AddressRow] = {}
    for email in emails:
        text = email.strip()
        key = address_key(text)
        if not key:
            raise RowError(f"{text[:80]!r} is no email address")
        addresses.setdefault(key, AddressRow(text, not addresses))
    return ContactRow(workspace, contact_id, name, kind, company, tuple(addresses.values()))


_FLAT: Final = ("workspace", "id", "name", "kind", "company")


def _cell(text: str, key: str) -> str:
    if len(text) > TEXT_MAX:
        raise RowError(f"{key} is longer than {TEXT_MAX} characters")
    return one_line(text)


def _text(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key)
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)  # ids are numbers in many a CRM
    if not isinstance(value, str):
        raise RowError(f"{key} must be text")
    if len(value) > TEXT_MAX:
        raise RowError(f"{key} is longer than {TEXT_MAX} characters")
    return one_line(value)


_ADDRESS: Final = frozenset({"address", "primary", "added_at", "ended_at", "bouncing_since"})
"""What an export says of an address; whether it bounces is known here, and not taken over."""


def _address(value: object) -> AddressRow:
    if isinstance(value, str):
        value = {"address": value}
    if not isinstance(value, Mapping):
        raise RowError("an address must be text or an object")
    if strangers := sorted(set(map(str, value)) - _ADDRESS):
        raise RowError(f"unknown key {strangers[0]!r} of an address")
    text = value.get("address")
    if not isinstance(text, str) or not address_key(text.strip()):
        shown = text if isinstance(text, str) else ""
        raise RowError(f"{shown.strip()[:80]!r} is no email address")
    primary = value.get("primary", False)
    if not isinstance(primary, bool):
        raise RowError("primary must be true or false")
    added, ended = _when(value, "added_at"), _when(value, "ended_at")
    if added is not None and ended is not None and ended < added:
        raise RowError("an address ends before it was added")
    return AddressRow(text.strip(), primary, added, ended)


def _when(value: Mapping[str, Any], key: str) -> int | None:
    """An RFC 3339 time in milliseconds; a date alone is its midnight UTC."""
    text = value.get(key)
    if text is None:
        return None
    try:
        when = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise RowError(f"{key} is no RFC 3339 time: {str(text)[:40]!r}") from None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return round(when.timestamp() * 1000)


def _one_primary(rows: list[AddressRow]) -> tuple[AddressRow, ...]:
    """Each interval once; of the current ones the first that says so, else the first, is primary.

    One that has ended stays what it was.
    """
    found = rows if len(rows) < 2 else _each_once(rows)  # noqa: PLR2004 - one is no several
    current = [row for row in found if row.ended_at is None]
    first = next((row for row in current if row.primary), current[0] if current else None)
    return tuple(
        row
        if row.ended_at is not None or row.primary is (row is first)
        else row._replace(primary=row is first)
        for row in found
    )


def _each_once(rows: list[AddressRow]) -> list[AddressRow]:
    unique: dict[tuple[str, int | None], AddressRow] = {}
    for row in rows:
        unique.setdefault((address_key(row.address), row.ended_at), row)
    return list(unique.values())


def _merged(one: ContactRow, other: ContactRow) -> ContactRow:
    """Two rows of one contact: the same person with more addresses, or a mistake."""
    for key in ("name", "kind", "company"):
        mine, yours = getattr(one, key), getattr(other, key)
        if mine and yours and mine != yours:
            raise RowError(f"id {one.contact_id!r} stands here twice with another {key}")
    return ContactRow(
        workspace=one.workspace,
        contact_id=one.contact_id,
        name=one.name or other.name,
        kind=one.kind or other.kind,
        company=one.company or other.company,
        addresses=_one_primary([*one.addresses, *other.addresses]),
    )


def to_json(row: ContactRow) -> dict[str, Any]:
    """The JSON form of a row; `contact` reads it back."""
    return {
        "id": row.contact_id,
        "name": row.name,
        "workspace": row.workspace,
        "kind": row.kind,
        "company": row.company,
        "addresses": [
            {
                "address": one.address,
                "primary": one.primary,
                "added_at": None if one.added_at is None else stamp(one.added_at),
                "ended_at": None if one.ended_at is None else stamp(one.ended_at),
            }
            for one in row.addresses
        ],
    }
