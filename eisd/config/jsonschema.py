"""The schema as JSON Schema, for editors that check and complete TOML while it is written."""

from __future__ import annotations

from typing import Any

from eisd.config.schema import Settings


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the configuration."""
    schema: dict[str, Any] = _tidy(Settings.model_json_schema())
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "eisd configuration",
        **schema,
    }


def _tidy(node: Any) -> Any:
    """Take out what TOML cannot say (null) and what only repeats (titles, tables' defaults)."""
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "properties" in node:
        properties = {name: _tidy(item) for name, item in node["properties"].items()}
        rest = {k: v for k, v in node.items() if k not in ("properties", "title")}
        return {**_tidy(rest), "properties": properties}
    kept = {k: _tidy(v) for k, v in node.items() if k not in ("title", "anyOf")}
    for choice in node.get("anyOf", ()):
        if choice.get("type") != "null":
            kept = _tidy(choice) | kept
    if kept.get("default", 0) is None or isinstance(kept.get("default"), dict):
        del kept["default"]
    return kept
