"""Presets: policies that behave as a known CRM does, as data (tables laid under the operator's)."""

from __future__ import annotations

from typing import Any, Final, Literal

PresetName = Literal[
    "default", "relate", "realpad", "freshsales", "affinitylive", "uspacy", "close", "twenty"
]

PRESETS: Final[dict[str, dict[str, Any]]] = {
    "default": {},
    "relate": {"match": {"new_address": "window"}},
    "realpad": {
        "match": {"addresses": "primary"},
        "internal": {"mode": "any_staff"},
        "sync": {"window": "1m"},
    },
    "freshsales": {
        "create": {"policy": "sent_and_received"},
        "calendar": {"create": "both"},
    },
    "affinitylive": {"sync": {"interval": "30m"}, "internal": {"share_staff": True}},
    "uspacy": {"sync": {"window": "1m"}, "folders": {"policy": "selected"}},
    "close": {
        "match": {"new_address": "all", "thread_inherit": "single_contact"},
        "internal": {"scope": "mailbox_domains"},
    },
    "twenty": {
        "create": {"policy": "sent", "freemail": False},
        "group": {"list": "skip"},
        "internal": {"scope": "mailbox_domains"},
        "visibility": {"level": "full"},
    },
}
