"""The emitter: declared fields only, context, levels; never an error for its caller."""

from __future__ import annotations

import asyncio
import re

import pytest

from eisd import events as catalogue
from eisd import logs
from eisd.errors import AuthRejected
from eisd.events import CATALOGUE, Level


def test_a_record_begins_with_the_mandatory_fields(events):
    """ts, level, event, msg, mailbox: in this order, times in UTC with milliseconds."""
    with logs.bind(mailbox="sales"):
        logs.emit("match.activity_created", contact_id=3, activity_id=7)

    (record,) = events
    assert list(record)[:5] == ["ts", "level", "event", "msg", "mailbox"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record["ts"])
    assert record["msg"] == "linked to contact 3"


def test_undeclared_fields_raise_in_tests():
    """A field that the catalogue does not know is a mistake of ours."""
    with pytest.raises(TypeError, match="subject"):
        logs.emit("message.ingested", subject="canary")


def test_undeclared_fields_are_left_out_in_the_field(events):
    """In production the line is written without the field, and nobody sees an exception."""
    logs.set_strict(False)
    logs.emit("message.ingested", subject="canary", size=5)
    logs.emit("no.such_event", x=1)

    (record,) = events
    assert record["size"] == 5
    assert "canary" not in str(record)


def test_an_error_brings_type_code_and_message(events):
    """An exception of ours needs no traceback; its words are scrubbed."""
    logs.emit("auth.refused", fix="x", error=AuthRejected("no, ada@x.test", code="invalid_grant"))

    (record,) = events
    assert record["error.type"] == "AuthRejected"
    assert record["error.code"] == "invalid_grant"
    assert record["error.message"] == f"no, {logs.hash_address('ada@x.test')}"
    assert "traceback" not in record


def test_a_surprise_brings_its_traceback(events):
    """An exception nobody foresaw is shown with its traceback."""
    try:
        _ = 1 / 0
    except ZeroDivisionError as error:
        logs.emit("task.crashed", task="sync", error=error)

    assert "ZeroDivisionError" in events[0]["traceback"]


def test_python_words_and_dotted_names(events):
    """`from_` is the field `from`, `error_code` the field `error.code`."""
    logs.emit("mailbox.state_changed", from_="idle", to="polling")
    logs.emit("imap.disconnected", error_code="eof")

    assert events[0]["from"] == "idle"
    assert events[1]["error.code"] == "eof"


async def test_tasks_do_not_share_context(events):
    """What a task binds, its siblings do not see."""

    async def work(name: str) -> None:
        logs.bind(mailbox=name)
        await asyncio.sleep(0)
        logs.emit("sync.completed", n=1)

    await asyncio.gather(work("a"), work("b"))

    assert [r["mailbox"] for r in events] == ["a", "b"]


def test_a_block_gives_its_context_back(events):
    """After the block the field is gone."""
    with logs.bind(folder="INBOX"):
        logs.emit("sync.completed")
    logs.emit("sync.completed")

    assert ["folder" in r for r in events] == [True, False]


def test_only_context_can_be_bound():
    """Binding anything else is a mistake of ours."""
    with pytest.raises(TypeError, match="subject"):
        logs.bind(subject="canary")


@pytest.mark.parametrize("spec", CATALOGUE.values(), ids=lambda s: s.name)
def test_every_event_is_well_formed(spec):
    """Names are <area>.<object>_<past>, sentences use declared fields, every event has help."""
    assert re.fullmatch(r"[a-z]+\.[a-z]+(_[a-z]+)*", spec.name)
    usable = {*spec.fields, *catalogue.BOUND, *catalogue.ERROR, "suppressed"}
    assert set(re.findall(r"{(.*?)}", spec.msg)) <= usable
    assert spec.help.endswith(".")
    assert spec.msg[0].islower() or spec.msg[0] == "{"


def test_levels_can_be_given(events):
    """An event that brought something may speak louder than usual."""
    logs.emit("sync.completed", n=3, level=Level.INFO)

    assert events[0]["level"] == "info"
