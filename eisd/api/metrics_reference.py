"""The reference of metrics, made from the catalogue: ``python -m eisd.api.metrics_reference``."""

from __future__ import annotations

import sys
from typing import Final

from eisd.api.exposition import FAMILIES_OF_PROCESS
from eisd.metrics import CATALOGUE, Family, Histogram

HEAD: Final = """\
# Metrics

<!-- Made by `python -m eisd.api.metrics_reference`; do not edit. -->

`metrics.listen` serves these under `/metrics` (and the API's socket, too). Names and labels are a
contract: they are never renamed within a major version, labels are only added in a new one. Label
values come from closed lists or from the configuration: `mailbox` is the mailbox's name there and
never its address. Counters begin at zero when the daemon starts. How to use them:
[monitoring](../monitoring.md).

| Metric | Labels | Says |
|---|---|---|
"""


def render() -> str:
    """The whole page."""
    parts = [HEAD, *map(_row, CATALOGUE.values()), "\n## Buckets\n\n"]
    parts += [
        f"- `{one.name}`: {', '.join(f'{limit:g}' for limit in one.buckets)} seconds\n"
        for one in CATALOGUE.values()
        if isinstance(one, Histogram)
    ]
    process = ", ".join(f"`{name}`" for name in FAMILIES_OF_PROCESS)
    parts.append(f"\n## The process\n\nOf the process itself, as everywhere: {process}.\n")
    return "".join(parts)


def _row(one: Family) -> str:
    labels = ", ".join(f"`{label}`" for label in one.labels)
    return f"| `{one.name}` ({one.kind}) | {labels} | {one.help} |\n"


if __name__ == "__main__":
    sys.stdout.write(render())
