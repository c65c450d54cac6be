"""The log: one emitter for the events of `eisd.events`, and the way from there to a sink.

    emit -> context of the task -> time, sentence -> redaction -> folding -> queue | thread -> sink

Nothing here ever blocks or fails its caller: the last step runs in a thread of its own behind a
bounded queue, and what does not fit is counted. No other module calls a logger.
"""

from eisd.logs.emitter import (
    Binding,
    Counters,
    bind,
    capture,
    configure,
    counters,
    emit,
    set_library_levels,
    set_strict,
    shutdown,
    tap,
)
from eisd.logs.names import hash_address, trace_id, use_key

__all__ = [
    "Binding",
    "Counters",
    "bind",
    "capture",
    "configure",
    "counters",
    "emit",
    "hash_address",
    "set_library_levels",
    "set_strict",
    "shutdown",
    "tap",
    "trace_id",
    "use_key",
]
