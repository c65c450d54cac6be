"""The example and the reference page say what the schema says, and the example is sound."""

from __future__ import annotations

import re
import tomllib

from eisd.config import generate
from eisd.config.explain import table_at
from eisd.config.jsonschema import json_schema
from eisd.config.load import load
from eisd.config.schema import Settings


def test_the_example_is_generated_from_the_schema():
    """config.example.toml is current: python -m eisd.config.generate"""
    assert generate.EXAMPLE.read_text(encoding="utf-8") == generate.example()


def test_the_reference_page_is_generated_from_the_schema():
    """docs/reference/configuration.md is current: python -m eisd.config.generate"""
    assert generate.REFERENCE.read_text(encoding="utf-8") == generate.reference()


def test_the_example_changes_nothing(tmp_path):
    """As it is, the example is an empty configuration without a warning."""
    path = tmp_path / "config.toml"
    path.write_text(generate.example())
    empty = tmp_path / "empty.toml"
    empty.write_text("")

    assert load(path).settings == load(empty).settings
    assert load(path, strict=True).warnings == ()


def test_the_example_uncommented_is_a_sound_configuration(tmp_path):
    """Every key of the example may be switched on as it stands there."""
    path = tmp_path / "config.toml"
    path.write_text(re.sub(r"^#(?=[\[\w])", "", generate.example(), flags=re.MULTILINE))
    settings = load(path).settings

    assert settings.mailboxes["sales"].host() == "imap.example.org"
    assert settings.webhooks["crm"].events == ("activity.created",)


def test_the_example_shows_every_default_as_it_is():
    """A commented value is the default wherever there is one."""
    text = re.sub(r"^#(?=[\[\w])", "", generate.example(), flags=re.MULTILINE)
    doc = tomllib.loads(text)

    for name in Settings.model_fields:
        model = table_at((name,))
        for key, field in model.model_fields.items() if model else ():
            if not field.examples:
                assert doc[name][key] == field.default, f"{name}.{key}"


def test_every_key_is_documented():
    """No key without a sentence, in the schema and so on the page."""
    schema = json_schema()

    for name, model in schema["$defs"].items():
        for key, prop in model.get("properties", {}).items():
            assert prop.get("description", "").endswith("."), f"{name}.{key}"


def test_the_json_schema_knows_no_null():
    """TOML has no null, so no key may be one."""
    assert "null" not in str(json_schema())
