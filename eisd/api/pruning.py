"""`eisd db prune`: what `[retention]` lets go, told first or done."""

from __future__ import annotations

from eisd.api.answers import Answer
from eisd.api.core import Core
from eisd.config.policy import RetentionSettings
from eisd.config.units import WindowSpan
from eisd.store.retention import Cutoffs
from eisd.store.sql import now_ms
from eisd.sync import pruning
from eisd.sync.rules import DAY_MS


def cutoffs(settings: RetentionSettings, now: int) -> Cutoffs:
    """What is too old at that time (ms)."""

    def before(span: WindowSpan) -> int | None:
        return None if span.days is None else now - span.days * DAY_MS

    return Cutoffs(
        activities=before(settings.activities),
        unmatched=before(settings.unmatched),
        outbox=before(settings.outbox),
        attachments=before(settings.attachments),
    )


async def prune(core: Core, *, dry_run: bool) -> Answer:
    """Let go of what is too old, or with ``dry_run`` tell how much that is."""
    old = cutoffs(core.settings.retention, now_ms())
    run = pruning.would if dry_run else pruning.prune
    return {
        "keeps_all": old == Cutoffs(),
        "dry_run": dry_run,
        "pruned": dict(await run(core.store, old)),
    }
