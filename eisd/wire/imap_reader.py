"""Bytes in any slices to logical responses: text, or text, literal, text, ... (RFC 9051 4.3).

Sans-I/O. Every octet is looked at once whatever the slices are: a partial line waits in a buffer
that is only appended to, a literal in parts grows in one buffer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from eisd.errors import ProtocolError

MIB = 1024 * 1024
_MAX_SEGMENTS = 20_000
_CR = 0x0D
_TAIL = 32
# What a long line may be dropped of: the answer about one message.
_ONE_ANSWER = re.compile(rb"\* \d{1,10} FETCH ", re.IGNORECASE)
# Free text that ends in {5} announces nothing: status responses and continuation requests.
_FREE_TEXT = re.compile(rb"\* (?:OK|NO|BAD|BYE|PREAUTH)\b|[^*]", re.IGNORECASE)


EACH = 200
"""Octets of memory that a response takes beside its own, about: a short one is mostly that."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Octets a server may make us keep."""

    line: int = MIB
    search_line: int = 16 * MIB
    """While a SEARCH runs: the answer for a huge folder is one line."""
    literal: int = 64 * MIB
    response: int = 96 * MIB
    """All that answers one FETCH."""
    listing: int = 32 * MIB
    """All that answers one other command, `EACH` a response on top."""


class Reader:
    """Feeds ``deliver`` with logical responses, each a list of segments without line ends.

    ``shortcut`` is asked first wherever a response begins: it may take whole responses out of the
    slice itself, from the position given, and says up to where.

    A FETCH answer with a line that is too long (a structure of thousands of parts) is passed over
    as if it had not come: what one message is like must not cost the connection.

    Raises `ProtocolError` when the stream cannot be followed any more.
    """

    __slots__ = (
        *("_carry", "_deliver", "_kept", "_limits", "_literal", "_need", "_passing", "_segments"),
        *("_shortcut", "line"),
    )

    def __init__(
        self,
        deliver: Callable[[list[bytes]], None],
        limits: Limits,
        shortcut: Callable[[bytes, int], int] = lambda _data, pos: pos,
    ) -> None:
        self._deliver = deliver
        self._shortcut = shortcut
        self._limits = limits
        self.line = limits.line
        """The longest line accepted now."""
        self.reset()

    def reset(self) -> None:
        """Forget what was begun: the stream starts anew (STARTTLS)."""
        self._carry = bytearray()
        self._literal = bytearray()
        self._need = 0  # octets of the literal that are still to come
        self._segments: list[bytes] = []
        self._kept = 0
        self._passing = False  # the response under way is not delivered

    @property
    def midway(self) -> bool:
        """Something was begun and is not complete."""
        return bool(self._carry or self._need or self._segments)

    def feed(self, data: bytes) -> None:
        """Take the next slice of the stream."""
        pos, end, find = 0, len(data), data.find
        segments = self._segments
        while pos < end:
            if self._need:
                pos = self._fill(data, pos)
                continue
            if not (segments or self._carry) and (pos := self._shortcut(data, pos)) == end:
                return
            stop = find(b"\n", pos)
            if stop < 0:
                self._keep(data[pos:])
                return
            if self._carry:
                line = self._join(data[pos:stop])
            elif stop > pos and data[stop - 1] == _CR:
                line = data[pos : stop - 1]
            else:
                raise ProtocolError("a line ends in a bare LF", code="grammar")
            pos = stop + 1
            self._follow(line)
            if line[-1:] == b"}" and (size := self._announced(line)) is not None:
                if size <= end - pos:
                    segments.append(data[pos : pos + size])
                    pos += size
                else:
                    self._need = size
                continue
            self._complete()
            segments = self._segments

    def _follow(self, line: bytes) -> None:
        """Put a line behind what there is of the response."""
        if self._segments and not self._passing and line[:1] not in b" )":  # empty is fine
            raise ProtocolError("a literal was not as long as announced", code="grammar")
        self._segments.append(line)

    def _complete(self) -> None:
        segments, passing = self._segments, self._passing
        self._segments, self._passing = [], False
        self._kept = 0
        if not passing:
            self._deliver(segments)

    def _announced(self, line: bytes) -> int | None:
        """The size of the literal that ends the line just appended, None if it ends in none."""
        digits = line[line.rfind(b"{") + 1 : -1].removesuffix(b"+")
        if not digits.isdigit():
            return None
        if len(self._segments) == 1 and not self._passing and _FREE_TEXT.match(line):
            return None
        size = int(digits) if len(digits) < 20 else self._limits.literal + 1  # noqa: PLR2004
        self._kept += size
        if size > self._limits.literal or self._kept > self._limits.response:
            raise ProtocolError("a literal is larger than allowed", code="limit")
        if len(self._segments) > _MAX_SEGMENTS:
            raise ProtocolError("a response has too many literals", code="limit")
        return size

    def _fill(self, data: bytes, pos: int) -> int:
        """Move octets into the literal that is under way; the position after them."""
        taken = min(self._need, len(data) - pos)
        self._literal += data[pos : pos + taken]
        self._need -= taken
        if not self._need:
            self._segments.append(bytes(self._literal))
            self._literal = bytearray()
        return pos + taken

    def _keep(self, part: bytes) -> None:
        carry = self._carry
        carry += part
        if len(carry) <= self.line:
            return
        head = self._segments[0] if self._segments else carry
        if not self._passing and not _ONE_ANSWER.match(head):
            raise ProtocolError("a line is longer than allowed", code="limit")
        self._passing = True
        self._kept += len(carry) - _TAIL
        if self._kept > self._limits.response:
            raise ProtocolError("a response is larger than allowed", code="limit")
        del carry[:-_TAIL]  # enough to tell whether a literal follows

    def _join(self, part: bytes) -> bytes:
        self._carry += part
        if self._carry[-1] != _CR:
            raise ProtocolError("a line ends in a bare LF", code="grammar")
        line = bytes(self._carry[:-1])
        self._carry = bytearray()
        return line
