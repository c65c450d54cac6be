"""Finding drivers: one that is broken is a sentence, not an exception."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest

from eisd.driver.memory import MemoryDriver
from eisd.driver.registry import GROUP, discover, registry_of
from eisd.errors import ConfigError
from eisd_imap import ImapDriver


@pytest.fixture
def strangers(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module that a stranger's entry points name."""
    module = ModuleType("strangers_driver")
    good = MemoryDriver()
    old = MemoryDriver()
    old.api_version = 0
    module.good, module.old, module.kind, module.number = good, old, MemoryDriver, 7  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "strangers_driver", module)
    return module


def entry(name: str, value: str) -> EntryPoint:
    """An entry point of the group."""
    return EntryPoint(name, value, GROUP)


@pytest.mark.usefixtures("strangers")
@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("memory", "no_such_module:driver", "ModuleNotFoundError"),
        ("memory", "strangers_driver:nothing", "AttributeError"),
        ("memory", "strangers_driver:number", "names no driver instance"),
        ("memory", "strangers_driver:kind", "names no driver instance"),
        ("memory", "strangers_driver:old", "speaks driver API 0"),
        ("other", "strangers_driver:good", "calls itself 'memory'"),
    ],
)
def test_a_broken_driver_is_a_record(name: str, value: str, problem: str):
    """Each way of being broken is told in a sentence, and the good one beside it works."""
    registry = discover([entry(name, value), entry("memory2", "strangers_driver:good")])
    assert problem in registry.found[name].problem
    with pytest.raises(ConfigError, match="cannot be used"):
        registry.get(name)


@pytest.mark.usefixtures("strangers")
def test_a_stranger_is_found_like_our_own():
    """A driver that some distribution declares is a driver."""
    registry = discover([entry("memory", "strangers_driver:good")])
    assert registry.get("memory").name == "memory"
    assert registry.found["memory"].problem == ""


@pytest.mark.usefixtures("strangers")
def test_two_of_one_name_are_none():
    """Two distributions that declare one name are told, not chosen between."""
    twice = [entry("memory", "strangers_driver:good"), entry("memory", "strangers_driver:old")]
    assert "two distributions" in discover(twice).found["memory"].problem


def test_the_bundled_driver_is_installed():
    """The IMAP driver is found by its entry point."""
    assert discover().get("imap").name == "imap"


def test_a_misspelt_name_is_corrected():
    """The hint names the driver that was meant."""
    with pytest.raises(ConfigError) as raised:
        registry_of(MemoryDriver()).get("memroy")
    assert raised.value.hint == "did you mean 'memory'?"


def test_check_gives_every_problem_with_its_path():
    """The configuration loader is told paths, sentences and hints."""
    registry = registry_of(ImapDriver())
    problems = registry.check("imap", {"imap": {"hots": "h", "port": 0}}, "a@b.test")
    assert {path for path, _, _ in problems} == {("imap", "hots"), ("imap", "port"), ("imap",)}
    assert registry.check("imapp", {}, "a@b.test") == [
        (("driver",), "no driver is called 'imapp'", "did you mean 'imap'?")
    ]
