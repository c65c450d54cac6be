"""The worker process that reads headers, as `eisd.mime.spawn` starts it."""

from __future__ import annotations

from typing import Final

from eisd.mime.spawn import Kind

HEADERS: Final = Kind("eisd.matcher.scan_main", cpu_seconds=5.0)
"""One that scans; the limits are for a batch."""
