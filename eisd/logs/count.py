"""Events become numbers: what the catalogue says an event counts, and every failure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from structlog.contextvars import get_contextvars

from eisd import metrics
from eisd.events import EventSpec, Level

_AREAS: Final = {
    "receiving": ("auth", "backfill", "folder", "imap", "provider", "sync"),
    "processing": ("contacts", "match", "message", "worker"),
    "sending": ("outbox", "smtp"),
}
_STAGES: Final = {area: stage for stage, areas in _AREAS.items() for area in areas}
"""At which stage of a message's way an area's failures happen."""


def count(
    spec: EventSpec, severity: Level, error: BaseException | None, fields: Mapping[str, object]
) -> None:
    """Add an event to the metrics, whether it is written or not."""
    if severity >= Level.ERROR or error is not None:
        area = spec.name.partition(".")[0]
        metrics.ERRORS.inc(area, type(error).__name__ if error else "", _STAGES.get(area, ""))
    if spec.counts is not None:
        counter, names = spec.counts
        bound = get_contextvars()
        counter.inc(
            *(
                name[1:] if name[0] == "=" else str(fields.get(name) or bound.get(name) or "")
                for name in names
            )
        )
