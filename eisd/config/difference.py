"""What differs between two configurations: the keys that files or a preset give, with their values.

Secrets appear as the references they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eisd.config.explain import dotted
from eisd.config.load import Loaded
from eisd.config.show import given, leaves, one_line


@dataclass(frozen=True, slots=True)
class Change:
    """One key whose value differs; None where it is not given."""

    key: str
    before: str | None
    """The value as TOML writes it."""
    after: str | None

    def __str__(self) -> str:
        if self.before is None:
            return f"+ {self.key} = {self.after}"
        if self.after is None:
            return f"- {self.key} = {self.before}"
        return f"~ {self.key} = {self.after} (was {self.before})"


def differences(old: Loaded, new: Loaded) -> tuple[Change, ...]:
    """Every key that was added, removed or changed, in the new configuration's order."""
    before, after = _values(old), _values(new)
    keys = dict.fromkeys((*after, *before))
    return tuple(
        Change(key, before.get(key), after.get(key))
        for key in keys
        if before.get(key) != after.get(key)
    )


def _values(loaded: Loaded) -> dict[str, str]:
    return {dotted(path): one_line(_toml(value)) for path, value in leaves(given(loaded))}


def _toml(value: Any) -> Any:
    """Values that TOML has no word for, as text."""
    return value if isinstance(value, (str, int, float, bool, list, dict)) else str(value)
