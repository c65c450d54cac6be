"""Finding the installed drivers.

Discovery never raises: a driver that cannot be used is a record with a problem sentence, and
stops nobody else. The bundled drivers are found by the same entry points as a stranger's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points

from eisd.driver.interface import API_VERSION, Driver, OptionsError
from eisd.errors import ConfigError

GROUP = "eisd.drivers"


@dataclass(frozen=True, slots=True)
class Found:
    """One entry point of the group: the driver, or the sentence that says why it cannot be used."""

    name: str
    origin: str
    """The distribution that declares it and the object it names."""
    driver: Driver | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Registry:
    """The drivers by name. Tests build one by hand; the daemon calls `discover`."""

    found: Mapping[str, Found]

    def get(self, name: str) -> Driver:
        """The driver of that name. Raises `ConfigError` with what to do about it."""
        record = self.found.get(name)
        if record is None:
            raise ConfigError(f"no driver is called {name!r}", hint=self._suggestion(name))
        if record.driver is None:
            raise ConfigError(
                f"the driver {name!r} cannot be used: {record.problem}",
                hint=f"it comes from {record.origin}",
            )
        return record.driver

    def check(
        self, name: str, table: Mapping[str, object], address: str
    ) -> list[tuple[tuple[str, ...], str, str]]:
        """Every problem of a mailbox's driver options as (path, message, hint); none is good."""
        try:
            self.get(name).options(table, address=address)
        except ConfigError as error:
            return [(("driver",), str(error), error.hint)]
        except OptionsError as error:
            return [(p.path, p.message, p.hint) for p in error.problems]
        return []

    def _suggestion(self, name: str) -> str:
        near = get_close_matches(name, self.found, n=1)
        if near:
            return f"did you mean {near[0]!r}?"
        return f"installed drivers: {', '.join(sorted(self.found)) or 'none'}"


def registry_of(*drivers: Driver) -> Registry:
    """A registry of these drivers and no other."""
    return Registry({d.name: Found(d.name, type(d).__module__, d) for d in drivers})


def discover(entries: Iterable[EntryPoint] | None = None) -> Registry:
    """Load every driver that is installed (or those of ``entries``)."""
    chosen = entry_points(group=GROUP) if entries is None else entries
    found: dict[str, Found] = {}
    for entry in sorted(chosen, key=lambda e: (e.name, e.value)):
        record = _load(entry)
        if entry.name in found:
            record = Found(entry.name, record.origin, problem=_twice(found[entry.name], record))
        found[entry.name] = record
    return Registry(found)


def _twice(one: Found, other: Found) -> str:
    return f"two distributions declare it: {one.origin} and {other.origin}"


def _load(entry: EntryPoint) -> Found:
    """One entry point, loaded and looked at."""
    origin = f"{entry.dist.name if entry.dist else 'unknown'} ({entry.value})"
    try:
        loaded: object = entry.load()
        problem = _problem(entry.name, loaded)
    except Exception as error:  # noqa: BLE001  a stranger's module may raise anything
        return Found(entry.name, origin, problem=f"{type(error).__name__}: {error}")
    if problem or not isinstance(loaded, Driver):
        return Found(entry.name, origin, problem=problem)
    return Found(entry.name, origin, loaded)


def _problem(name: str, loaded: object) -> str:
    """What is wrong with a loaded object, in one sentence, or nothing."""
    if isinstance(loaded, type) or not isinstance(loaded, Driver):
        return "the entry point names no driver instance"
    if loaded.api_version != API_VERSION:
        return f"it speaks driver API {loaded.api_version}, this eisd speaks {API_VERSION}"
    if loaded.name != name:
        return f"it is declared as {name!r} but calls itself {loaded.name!r}"
    return ""
