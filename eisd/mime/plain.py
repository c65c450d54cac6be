"""The header fields of a scan for who needs one value of each and no more.

Most blocks spell their names in one of a few ways, fold nothing but long values and have each
field once, those aside that every server on the way adds. They are taken apart with few calls.
"""

from __future__ import annotations

from typing import Final

from eisd.mime.headers import AS_WRITTEN, usual_fields
from eisd.mime.limits import HEADER_COUNT, HEADER_FIELD

Plain = dict[bytes, bytes]
"""Unfolded values by lower-case name."""

_BLANK: Final = b" \t"
_STARTS: Final = {spelled + b":": name for spelled, name in AS_WRITTEN.items()}
"""The usual beginnings of a line, up to the space."""
_REPEATED: Final = (b"received", b"authentication-results", b"delivered-to", b"x-original-to")
_MAY_REPEAT: Final = frozenset(_REPEATED)


def plain_fields(header: bytes) -> Plain | None:
    """The first value of each wanted field of a block as servers send it, else None.

    So it is if a field stands twice that ought to stand once.
    """
    end = header.find(b"\r\n\r\n")
    if end < 0:
        end = len(header) - 2 if header.endswith(b"\r\n") else len(header)
    block = header[:end].replace(b"\r\n ", b" ").replace(b"\r\n\t", b"\t")
    lines = block.split(b"\r\n")
    ends = len(lines) - 1
    if (
        len(lines) >= HEADER_COUNT
        or len(header) > HEADER_FIELD
        or block.count(b"\r") != ends
        or block.count(b"\n") != ends
    ):
        return None
    lines.reverse()  # of several values the topmost stays
    fields: Plain = {}
    try:
        for line in lines:
            name, _, value = line.partition(b" ")
            fields[_STARTS[name]] = value.strip(_BLANK)
    except KeyError:
        return _unusual(header)
    if len(fields) < len(lines) and not _may_repeat(lines, len(lines) - len(fields)):
        return None
    return fields


def _may_repeat(lines: list[bytes], spare: int) -> bool:
    """Whether ``spare`` lines are more values of the fields that may have several."""
    names = [_STARTS[line.partition(b" ")[0]] for line in lines]
    return spare == sum(max(0, names.count(name) - 1) for name in _REPEATED)


def _unusual(header: bytes) -> Plain | None:
    """The fields of a block whose names are not all spelled as usual."""
    fields = usual_fields(header)
    if fields is None:
        return None
    for name, values in fields.items():
        if len(values) > 1 and name not in _MAY_REPEAT:
            return None
    return {name: values[0] for name, values in fields.items()}
