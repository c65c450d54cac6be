"""Header blocks beyond the limit (RR5): long fields are cut short, so that the others are read.

Somebody who writes to ten thousand people says the subject after them.
"""

from __future__ import annotations

import re
from typing import Final

from eisd.mime.limits import HEADER_BLOCK, HEADER_COUNT, HEADER_FIELD

_NEXT: Final = re.compile(rb"\n(?=[^ \t])|\r(?=[^ \t\n])")
"""Where a line ends that no continuation follows, whatever ends lines here."""
_FOLD: Final = re.compile(rb"\r?\n|\r")
_BEYOND: Final = HEADER_FIELD + 64
"""A field's name, and a value that is still seen to be too long."""


def shortened(header: bytes) -> tuple[bytes, bool]:
    """A block as long as the limit allows, and whether anything after it was left out."""
    kept: list[bytes] = []
    size = position = 0
    while position < len(header) and header[position] not in b"\r\n":
        if size >= HEADER_BLOCK or len(kept) > HEADER_COUNT:
            return b"".join(kept), True
        found = _NEXT.search(header, position)
        end = found.end() if found else len(header)
        field = header[position:end]
        if len(field) > _BEYOND:  # at least a third of it is left without its folding
            field = _FOLD.sub(b"", field[: 3 * _BEYOND])[:_BEYOND] + b"\n"
        kept.append(field)
        size += len(field)
        position = end
    return b"".join(kept), False
