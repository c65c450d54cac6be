"""The short way to the daemon's socket, against the way through the whole schema."""

from __future__ import annotations

from pathlib import Path

import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eisd.config.load import reachable
from eisd.config.socket import find_socket
from eisd.errors import UserError

PLAIN = [
    "",
    "[daemon]\nstate_dir = 'state'",
    "[daemon]\nstate_dir = '/var/x'\r\n[mailboxes.sales]\r\naddress = 'no address'",
    "[api]\nlisten = ['unix:/run/x.sock', '127.0.0.1:1']",
    "[api]\nlisten = ['127.0.0.1:1', 'unix:/run/x.sock']",
    "[api]\nlisten = ['127.0.0.1:1']",
    "[api]\nlisten = []",
    "preset = 'relate'\nversion = 99\nnonsense = 1",
]
OTHERS = [
    "[daemon]\nstate_dir = ''",
    "[daemon]\nstate_dir = 7",
    "[daemon]\nstate_dir = '~nobody-has-this-name/x'",
    "[daemon]\nstate_directory = 'state'",
    "daemon = 'no table'",
    "[api]\nlisten = 'unix:/run/x.sock'",
    "[api]\nlisten = ['unix:x.sock']",
    "[api]\nlisten = [1]",
    "[api]\nlisten = {}",
    "[mailboxes.sales\n[daemon]\nstate_dir = 'state'",
    "[daemon]\nstate_dir = 'state'\nlog = nonsense\n",
    "\ufeff[daemon]\nstate_dir = 'state'",
]
ENVIRONMENTS = [
    {"HOME": "/home/a"},
    {"HOME": "/home/a", "STATE_DIRECTORY": "/s:/t", "RUNTIME_DIRECTORY": "/r"},
    {"HOME": "/home/a", "XDG_STATE_HOME": "/xdg"},
]


def told(find, path: Path, environ: dict[str, str] | None = None) -> object:
    """The path, or the refusal's words and code."""
    try:
        return find(path, environ=environ)
    except UserError as error:
        return str(error), error.hint, error.code


@pytest.mark.parametrize("text", [*PLAIN, *OTHERS])
def test_both_ways_lead_to_the_same_socket(write, text):
    """Sound or not, a configuration gives the same path or the same refusal either way."""
    path = write(text)

    for environ in ENVIRONMENTS:
        assert told(find_socket, path, environ) == told(reachable, path, environ)


@pytest.mark.parametrize("text", PLAIN)
def test_a_plain_configuration_needs_no_schema(write, monkeypatch, text):
    """The schema is not asked where the two tables are plain, whatever else is wrong."""
    path = write(text)
    monkeypatch.delattr("eisd.config.load.reachable")

    find_socket(path, environ=ENVIRONMENTS[0])


def test_drop_ins_count_in_their_order(write):
    """A drop-in's keys win over those before it, either way."""
    path = write(
        "[daemon]\nstate_dir = 'one'",
        b="[daemon]\nstate_dir = 'three'",
        a="[daemon]\nstate_dir = 'two'\n[api]\nlisten = ['unix:/a']",
    )

    assert find_socket(path) == reachable(path) == Path("/a")
    path.with_name("conf.d").joinpath("c.toml").write_text("[api]\nlisten = 5", encoding="utf-8")
    assert told(find_socket, path) == told(reachable, path)


def test_no_configuration_is_said_alike(tmp_path):
    """A file that is not there is exit code 66 by the short way too."""
    path = tmp_path / "config.toml"

    assert told(find_socket, path) == told(reachable, path)


VALUES = st.recursive(
    st.sampled_from(["", "x", "/x", "~/x", "unix:/x", "unix:x", "h:1", 1, True, "a\0b"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.just("x"), inner, max_size=1),
    max_leaves=4,
)
TABLES = st.dictionaries(st.sampled_from(["state_dir", "listen", "x"]), VALUES, max_size=3)
DOCUMENTS = st.dictionaries(st.sampled_from(["daemon", "api", "log"]), TABLES | VALUES, max_size=3)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(first=DOCUMENTS, second=DOCUMENTS)
def test_both_ways_agree_on_whatever_is_written(write, first, second):
    """Whatever stands in two files, both ways say the same."""
    path = write(tomli_w.dumps(first), more=tomli_w.dumps(second))

    assert told(find_socket, path) == told(reachable, path)
