"""The reference of events, made from the catalogue: ``python -m eisd.logs.reference``."""

from __future__ import annotations

import sys
from itertools import groupby
from typing import Final

from eisd.events import BOUND, CATALOGUE, ERROR, EventSpec
from eisd.logs.catalog import MESSAGE_IDS, REMEDIES

HEAD: Final = f"""\
# Events

<!-- Made by `python -m eisd.logs.reference`; do not edit. -->

Every line of eisd's log is one of these events. `event` is a contract: names are never renamed
within a major version, fields are only added. `msg` is English for people and may change.

Every line has `ts` (RFC 3339 UTC, milliseconds), `level`, `event` and `msg`. Beside its own fields

- any line may say what it is about: {", ".join(f"`{name}`" for name in BOUND)};
- an event about a failure may say what went wrong: {", ".join(f"`{name}`" for name in ERROR)};
- an event marked *folded* is written at once, and then once per `log.repeat_window` for the same
  mailbox, folder and error code; `suppressed` counts the lines it stands for.

Levels: **debug** steps of a protocol; **info** changes of state and results; **warning** will be
tried again by itself; **error** work was given up, or a person is needed; **critical** the daemon
cannot go on. An hour without mail logs one `daemon.heartbeat`.

Email addresses stand in the log as `addr:` and a keyed hash. Subjects, bodies and secrets never
stand in it.

Under systemd each line is an entry of the journal with fields of its own, so that
`journalctl EISD_MAILBOX=sales` or `journalctl EISD_TRACE_ID=...` finds it: `EISD_EVENT`,
`EISD_MAILBOX`, `EISD_TRACE_ID`, `EISD_MESSAGE_ID`, `EISD_OUTBOX_ID` (the submission), `PRIORITY`,
and for errors `CODE_FILE` and `CODE_LINE`. What wants attention has a `MESSAGE_ID`, named below, by
which `journalctl -x` adds what to do.
"""


def render() -> str:
    """The whole page."""
    by_area = sorted(CATALOGUE.values(), key=_area)
    parts = [HEAD]
    for area, specs in groupby(by_area, key=_area):
        parts.append(f"\n## {area}\n")
        parts += [_entry(spec) for spec in specs]
    return "".join(parts)


def _area(spec: EventSpec) -> str:
    return spec.name.partition(".")[0]


def _entry(spec: EventSpec) -> str:
    """One event."""
    folded = ", folded" if spec.folded else ""
    failure = ", and what went wrong" if spec.error else ""
    fields = ", ".join(f"`{name}`" for name in spec.fields)
    metric = f"\nMetric: `{spec.counts[0].name}`\n" if spec.counts else ""
    return (
        f"\n### `{spec.name}`\n\n"
        f"*{spec.level.name.lower()}{folded}* - {spec.help}\n\n"
        f"> {spec.msg}\n\n"
        f"Fields: {fields}{failure}\n{metric}{_remedy(spec.name)}"
    )


def _remedy(name: str) -> str:
    """What to do, of an event that has an entry in the journal's catalogue."""
    if name not in REMEDIES:
        return ""
    text = REMEDIES[name].do.replace("@EISD_MAILBOX@", "NAME")
    return f"\nTo do: {text}\n\nJournal: `MESSAGE_ID={MESSAGE_IDS[name]}`\n"


if __name__ == "__main__":
    sys.stdout.write(render())
