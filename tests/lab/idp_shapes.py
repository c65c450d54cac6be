"""The values of the lab's OAuth provider: tokens, faults, what users do, Microsoft's numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MAIL = "https://mail.google.com/"
TENANT = "11111111-2222-3333-4444-555555555555"
AADSTS = {
    70008: ("invalid_grant", "The refresh token has expired due to inactivity.", "bad_token"),
    50173: (
        "invalid_grant",
        "The provided grant has expired due to it being revoked.",
        "bad_token",
    ),
    50076: ("interaction_required", "You must use multi-factor authentication.", "basic_action"),
    53003: ("interaction_required", "Blocked by Conditional Access policies.", "message_only"),
    65001: ("invalid_grant", "The user has not consented to the application.", "consent_required"),
    700016: ("unauthorized_client", "Application was not found in the directory.", None),
    7000222: ("invalid_client", "The provided client secret keys are expired.", None),
    90033: ("temporarily_unavailable", "A transient error has occurred.", None),
}

Answer = tuple[int, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Fault:
    """An answer of the token endpoint instead of its own."""

    status: int
    body: str = '{"error": "server_error"}'
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False


@dataclass(slots=True)
class Token:
    """What a token stands for."""

    user: str
    scope: str
    client: str
    ends: float = 0.0


@dataclass(slots=True)
class Consent:
    """What the user does on the consent page: ``scope`` grants less, ``user`` is somebody else."""

    user: str = ""
    scope: str | None = None
    deny: bool = False
