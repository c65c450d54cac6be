"""Where reading stops, so that no message costs more than its share. Sizes in bytes."""

from __future__ import annotations

NORMALISER = 1
"""Version of what this package makes of the same bytes; raised when the records would differ."""

HEADER_BLOCK = 256 << 10
HEADER_FIELD = 64 << 10
HEADER_COUNT = 1_000
ADDRESSES = 5_000
"""Of one header field."""
MESSAGE = 50 << 20
DEPTH = 50
PARTS = 1_000
PARAMETERS = 2_000
TEXT = 1 << 20
"""Of one stored text, as UTF-8."""
FILENAME = 200
MESSAGE_ID = 998
REFERENCES = 32
RECEIVED = 8
