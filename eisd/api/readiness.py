"""Whether the daemon moves, and whether it may be given work: for probes and load balancers."""

from __future__ import annotations

from eisd.api.core import Core
from eisd.model.mailbox import IN_STEP

Check = dict[str, bool | str]

VITAL = {
    "loop": "this very answer came from it",
    "writer": "commits to the database",
    "supervisor": "every mailbox has its task",
}
"""What must move for the watchdog to be fed."""


def healthy(core: Core) -> tuple[bool, dict[str, object]]:
    """Whether the daemon itself moves; never whether a mail server does."""
    stale = core.condition.stale
    checks = {name: _check(ok=name not in stale, detail=told) for name, told in VITAL.items()}
    return not stale, {"ok": not stale, "stale": list(stale), "checks": checks}


def ready(core: Core, *, verbose: bool) -> tuple[bool, dict[str, object]]:
    """Whether configuration, database and sockets are up, and the daemon is not about to end.

    A mail server that fails changes nothing, unless ``health.ready_requires`` is ``all``.
    """
    condition = core.condition
    listed = {
        "started": _check(
            ok=condition.ready, detail="" if condition.ready else "starting, or about to end"
        ),
        "moving": _check(ok=not condition.stale, detail=", ".join(condition.stale)),
    }
    if core.settings.health.ready_requires == "all":
        listed |= {
            f"mailbox {name}": _check(ok=one.state in IN_STEP, detail=one.state.value)
            for name, one in core.mailboxes.items()
        }
    ok = all(one["ok"] for one in listed.values())
    told: dict[str, object] = {"ok": ok}
    if verbose:
        told["checks"] = listed
    return ok, told


def _check(*, ok: bool, detail: str) -> Check:
    return {"ok": ok, "detail": detail}
