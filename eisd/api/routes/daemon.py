"""The daemon itself: status, sync, explain, verify, reload, backup."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter
from pydantic import Field

from eisd.api import actions, overview, pruning, replaying
from eisd.api.answers import Answer
from eisd.api.request import Body, The
from eisd.config.difference import Change
from eisd.errors import ExitCode, UserError
from eisd.logs.redact import rfc3339

routes = APIRouter()


class SyncBody(Body):
    """Which mailboxes are to look now (all when none is named), and whether to wait for them."""

    mailboxes: list[str] | None = None
    wait: bool = False
    timeout_s: float = Field(default=600.0, gt=0, le=7_000)


class ExplainBody(Body):
    """A Message-ID, or a whole message in base64 for a dry run."""

    message_id: str | None = None
    rfc822: str | None = None


class ReplayBody(Body):
    """Since when (ms since 1970 UTC), of which mailbox; ``dry_run`` only tells the difference."""

    since_ms: int | None = None
    mailbox: str | None = None
    dry_run: bool = False


class VerifyBody(Body):
    """One mailbox, or all."""

    mailbox: str | None = None


class BackupBody(Body):
    """An absolute path on the daemon's machine where nothing lies yet."""

    path: str


class PruneBody(Body):
    """``dry_run`` only tells how much is too old."""

    dry_run: bool = False


@routes.get("/status", tags=["daemon"])
async def get_status(core: The) -> Answer:
    """The daemon, its mailboxes, and what needs a person."""
    return await overview.status(core)


@routes.post("/sync", tags=["daemon"])
async def sync(core: The, body: SyncBody) -> Answer:
    """Let mailboxes look now."""
    results = await actions.sync_now(core, body.mailboxes, wait=body.wait, seconds=body.timeout_s)
    return {"mailboxes": results}


@routes.post("/explain", tags=["messages"])
async def explain(core: The, body: ExplainBody) -> Answer:
    """Why a message was, or would be, recorded or not."""
    if body.rfc822 is not None:
        return await actions.explain_message(core, actions.decoded(body.rfc822))
    if body.message_id is None:
        raise UserError("want message_id or rfc822", code=ExitCode.USAGE)
    return await actions.explain(core, body.message_id)


@routes.post("/replay", tags=["messages"])
async def replay(core: The, body: ReplayBody) -> Answer:
    """Decide what is stored again, by today's policy and contacts; what is on record stays."""
    return await replaying.replay(
        core, since_ms=body.since_ms, mailbox=body.mailbox, dry_run=body.dry_run
    )


@routes.post("/verify", tags=["daemon"])
async def verify(core: The, body: VerifyBody) -> Answer:
    """Compare the servers' counts with ours."""
    return {"mailboxes": await actions.verify_mailboxes(core, body.mailbox)}


@routes.post("/reload", tags=["daemon"])
async def reload(core: The) -> Answer:
    """Check and apply the configuration; refused whole, or applied whole."""
    done = await core.reload()
    return {"changes": list(done.changes), "keys": _told(done.keys)}


@routes.get("/config/diff", tags=["daemon"])
async def config_diff(core: The) -> Answer:
    """How the configuration on disk differs from the one in force."""
    _, keys = await core.compare()
    return {"keys": _told(keys), "loaded_at": rfc3339(core.condition.loaded_at)}


def _told(keys: Sequence[Change]) -> list[dict[str, str | None]]:
    return [{"key": one.key, "before": one.before, "after": one.after} for one in keys]


@routes.post("/db/backup", tags=["daemon"])
async def backup(core: The, body: BackupBody) -> Answer:
    """Write a verified copy of the database."""
    return await actions.backup(core, body.path)


@routes.post("/db/prune", tags=["daemon"])
async def prune(core: The, body: PruneBody) -> Answer:
    """Let go of what is older than `[retention]` keeps it."""
    return await pruning.prune(core, dry_run=body.dry_run)
