"""What a reload did."""

from __future__ import annotations

from dataclasses import dataclass

from eisd.config.difference import Change


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What a reload changed: mailboxes, a line each, and the keys behind it."""

    changes: tuple[str, ...]
    keys: tuple[Change, ...] = ()
