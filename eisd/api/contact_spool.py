"""The rows of a source, checked, each contact once: kept in a file, not in memory, if many.

A million contacts take some 60 MB of disk while they are imported, and 8 bytes each of memory.
"""

from __future__ import annotations

import marshal
import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from io import BytesIO
from itertools import pairwise
from tempfile import TemporaryFile
from typing import IO

from eisd.model.contact import AddressRow, ContactRow

BLOCK = 1_000
IN_MEMORY = 8 << 20
"""Octets; what is more lies in a temporary file."""

_SIZE = struct.Struct(">I")
_Plain = tuple[int, str, str, str, str, str, tuple[tuple[str, bool, int | None, int | None], ...]]


class Spool:
    """Rows with their lines, in the order in which they came."""

    def __init__(self) -> None:
        self._file: IO[bytes] = BytesIO()
        self._block: list[_Plain] = []
        self._keys = array("q")
        self._twice: set[int] = set()
        self.workspaces: set[str] = set()

    def __len__(self) -> int:
        """How many rows there are, those of one contact each for itself."""
        return len(self._keys)

    def add(self, line: int, row: ContactRow) -> None:
        """Keep a row."""
        self._keys.append(hash((row.workspace, row.contact_id)))
        self.workspaces.add(row.workspace)
        self._block.append((line, *row[:5], tuple(map(tuple, row.addresses))))  # type: ignore[arg-type]
        if len(self._block) >= BLOCK:
            self._write()

    def _write(self) -> None:
        octets = marshal.dumps(self._block)
        self._file.write(_SIZE.pack(len(octets)) + octets)
        self._block = []
        if isinstance(self._file, BytesIO) and self._file.tell() > IN_MEMORY:
            on_disk = TemporaryFile()  # noqa: SIM115 - `close` closes it
            on_disk.write(self._file.getbuffer())
            self._file = on_disk

    def finish(self) -> list[tuple[int, ContactRow]]:
        """All rows are in; return those of contacts that may have several."""
        if self._block:
            self._write()
        ordered = sorted(self._keys)
        self._keys = array("q", ordered)
        self._twice = {one for one, other in pairwise(ordered) if one == other}
        if not self._twice:
            return []
        return [(line, row) for line, row in self.rows() if self.may_be_twice(row)]

    def may_be_twice(self, row: ContactRow) -> bool:
        """Whether another row may be of the same contact."""
        return bool(self._twice) and hash((row.workspace, row.contact_id)) in self._twice

    def has(self, workspace: str, contact_id: str) -> bool:
        """Whether a contact is among them, by 64 bits of hash."""
        key = hash((workspace, contact_id))
        at = bisect_left(self._keys, key)
        return at < len(self._keys) and self._keys[at] == key

    def rows(self) -> Iterator[tuple[int, ContactRow]]:
        """Every row with its line."""
        at = 0
        while True:
            self._file.seek(at)
            head = self._file.read(_SIZE.size)
            if not head:
                return
            (size,) = _SIZE.unpack(head)
            at += _SIZE.size + size
            yield from _read(marshal.loads(self._file.read(size)))  # noqa: S302 - our own file

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def _read(block: Sequence[_Plain]) -> Iterator[tuple[int, ContactRow]]:
    return (
        (
            line,
            ContactRow(space, id_, name, kind, company, tuple(AddressRow(*a) for a in addresses)),
        )
        for line, space, id_, name, kind, company, addresses in block
    )
