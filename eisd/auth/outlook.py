"""What is ahead of a sign-in: when its token ends, and the cliffs it may fall from. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from eisd.model.grant import Grant
from eisd.wire.oauth import App

DAY: Final = 86_400.0
SOON: Final = 2 * DAY
"""So long before a certain end a person is told."""


@dataclass(frozen=True, slots=True)
class Cliff:
    """One way in which a sign-in ends by itself."""

    code: str
    """unused, fixed or testing."""
    at: float
    """Seconds since 1970 UTC."""
    text: str
    certain: bool = False
    """Whether it ends then whatever happens."""


def cliffs(app: App, grant: Grant, now: float) -> list[Cliff]:
    """The ends that lie ahead (or, unnoticed so far, behind), the nearest first."""
    if app.flow != "user":
        return []
    provider = app.provider
    found = [
        Cliff(
            "unused",
            grant.refreshed_at + provider.idle_days * DAY,
            f"ends when nobody uses it for {provider.idle_days} days; every refresh begins anew",
        )
    ]
    if grant.refresh_expires_at:
        testing = provider.testing_days and _days(grant) <= provider.testing_days
        why = (
            f"the application is in testing: a sign-in lasts {provider.testing_days} days;"
            " publish it, or make it Internal"
            if testing
            else "the provider gave it a fixed life"
        )
        code = "testing" if testing else "fixed"
        found.append(Cliff(code, grant.refresh_expires_at, why, certain=True))
    elif provider.testing_days and now < (ends := grant.granted_at + provider.testing_days * DAY):
        text = (
            f"if the application is in testing, it ends {provider.testing_days} days after it began"
        )
        found.append(Cliff("testing", ends, text))
    return sorted(found, key=lambda cliff: cliff.at)


def _days(grant: Grant) -> float:
    return round((grant.refresh_expires_at - grant.granted_at) / DAY, 1)
