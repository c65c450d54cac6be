"""Showing the configuration: TOML that loads back to the same."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eisd.config import show
from eisd.config.load import load
from eisd.config.presets import PRESETS

RICH = """
version = 1
preset = "close"
[log]
levels = { "a.b" = "debug" }
[sync]
window = "45d"
interval = "1h30m"
max_message_size = "512KiB"
[visibility]
level = "full"
[contacts]
source = "people.csv"
[outbound]
rate = "500/h"
[[blocklist]]
entry = "@spam.example"
[[blocklist]]
entry = "a@b.example"
action = "message"
mailbox = "sales"
[plans.free]
interval = "1h"
allow = []
[owners.alice]
plan = "free"
[mailboxes.sales]
address = "sales@example.org"
aliases = ["hello@example.org"]
workspaces = []
folders = ["INBOX", "\\\\Sent", "Gel\u00f6scht \\"x\\""]
window = "all"
imap = { host = "i.x.org", port = 993, password = { file = "secrets/sales" }, ca_file = "ca.pem" }
smtp = { password = { same_as = "imap" }, empty = {}, list = [{ a = 1 }, 2] }
[mailboxes."a.b"]
address = "ab@example.org"
driver = "jmap"
[oauth.corp]
provider = "google"
client_id = "i"
client_secret = { command = ["pass", "show", "x"] }
[webhooks.crm]
url = "https://crm.example.org/hook"
events = ["activity.created"]
secret = { credential = "crm" }
"""


def reloaded(path: Path, text: str):
    """The settings of a text, as if it stood where the file does."""
    return load(path, pending={path: text}).settings


def test_everything_shown_loads_to_the_same_settings(write):
    """`show --all` is a configuration: the same one."""
    path = write(RICH)
    loaded = load(path)

    assert reloaded(path, show.render(show.tables(loaded.settings))) == loaded.settings


def test_what_is_given_loads_to_the_same_settings(write):
    """`show` leaves out only what is built in."""
    path = write(RICH)
    loaded = load(path)
    text = show.render(show.given(loaded))

    assert reloaded(path, text) == loaded.settings
    assert "stale_after" not in text
    assert 'thread_inherit = "single_contact"' in text


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_survive_being_shown(write, preset):
    """A preset's values are shown as they are in force."""
    path = write(f'preset = "{preset}"')
    loaded = load(path)

    assert reloaded(path, show.render(show.tables(loaded.settings))) == loaded.settings


def test_the_defaults_are_what_an_empty_file_gives(write):
    """`show --defaults` is in force when nothing is said."""
    path = write("")

    assert reloaded(path, show.render(show.defaults())) == load(path).settings


def test_secrets_are_shown_as_their_reference(write):
    """What is shown of a secret is where it lies."""
    text = show.render(show.given(load(write(RICH))))

    assert 'command = ["pass", "show", "x"]' in text
    assert 'file = "secrets/sales"' in text


def test_origins_are_comments_behind_the_values(write):
    """Each value says which line gave it, and the whole is still TOML."""
    path = write('[log]\nlevel = "debug"\n', b='preset = "relate"\n[[blocklist]]\nentry = "@a.org"')
    loaded = load(path)
    doc = show.tables(loaded.settings)
    text = show.render(doc, lambda key: show.origin_of(key, loaded.origins))

    assert f'level = "debug"  # {path}:2' in text
    assert "new_address = \"window\"  # preset 'relate'" in text
    assert 'interval = "5m"  # default' in text
    assert f'entry = "@a.org"  # {path.parent}/conf.d/b.toml:3' in text
    assert tomllib.loads(text) == tomllib.loads(show.render(doc))


VALUES = st.recursive(
    st.one_of(st.text(max_size=8), st.integers(), st.booleans()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=4), VALUES, max_size=4))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_document_is_rendered_as_toml(doc: dict):
    """Whatever a driver's tables hold: rendered and read again it is the same."""
    assert tomllib.loads(show.render(doc, lambda _path: "note")) == doc
