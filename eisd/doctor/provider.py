"""A mailbox's servers: reachable, with a certificate that holds and will, with a login."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from eisd.doctor.finding import Finding, Grade

DAYS: Final = 14
"""A certificate that ends sooner should be looked at: most are renewed a month ahead."""


def judge(name: str, steps: Sequence[Mapping[str, Any]] | str) -> Finding:
    """What the steps of `eisd mailbox test` come to. A text says why there are none."""
    fix = f"eisd mailbox test {name}"
    if isinstance(steps, str):
        return Finding("provider", name, "login", Grade.ERROR, steps, fix)
    if not steps or not steps[-1]["ok"]:
        told = steps[-1] if steps else {"name": "connect", "detail": "nothing was tried"}
        text = f"{told['name']} fails: {told['detail']}"
        return Finding("provider", name, "login", Grade.ERROR, text, fix)
    days = [
        int(found[1])
        for step in steps
        if (found := re.search(r"certificate expires in (-?\d+) d", step["detail"]))
    ]
    if days and min(days) < DAYS:
        text = f"the server's certificate ends in {min(days)} days"
        fix = "ask who runs the server whether it is renewed by itself"
        return Finding("provider", name, "certificate", Grade.WARNING, text, fix)
    until = f"; the certificate holds for {min(days)} days" if days else ""
    return Finding("provider", name, "login", Grade.OK, f"every step works{until}")
