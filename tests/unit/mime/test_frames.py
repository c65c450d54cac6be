"""What the worker says is checked like any other data."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisd.mime import frames
from eisd.mime.parse import parse
from eisd.model.mail import Attachment, Parsed, RawMessage

WHOLE = parse(b"Subject: x\n\nhello")
BODY = frames.answer([WHOLE])[frames.ANSWER.size :]
HEAD = frames.ANSWER.size + frames.ANSWER.unpack_from(BODY)[0]
[ROW] = json.loads(BODY[frames.ANSWER.size : HEAD])
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(st.sampled_from(sorted(ROW)), ANY_JSON)
def test_altered_answers_are_refused_or_well_typed(name: str, value: object) -> None:
    """Whatever a field of an answer holds, it is refused or becomes a well-typed `Parsed`."""
    try:
        [answer] = frames.read_answer(_body([ROW | {name: value}]), 1)
    except frames.Malformed:
        return

    assert isinstance(answer, Parsed)
    assert isinstance(answer.text, str)
    assert all(isinstance(each, Attachment) for each in answer.attachments)


def _body(row: object, texts: bytes = BODY[HEAD:]) -> bytes:
    head = json.dumps(row).encode()
    return frames.ANSWER.pack(len(head)) + head + texts


@pytest.mark.parametrize("texts", [b"", b"hellohellohell", BODY[HEAD:] + b"x", b"\xff" * 15])
def test_texts_are_as_long_as_they_say_and_utf_8(texts: bytes) -> None:
    """Texts that are shorter or longer than the answer says, or not UTF-8, are refused."""
    assert frames.read_answer(_body([ROW]), 1) == [WHOLE]
    with pytest.raises(frames.Malformed):
        frames.read_answer(_body([ROW], texts), 1)


@given(st.binary(max_size=40) | ANY_JSON.map(_body))
def test_any_bytes_are_an_answer_or_malformed(body: bytes) -> None:
    """No bytes make reading an answer raise anything else."""
    try:
        answer = frames.read_answer(body, 1)
    except frames.Malformed:
        return

    assert isinstance(answer, str) or isinstance(answer[0], Parsed)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_as_many_answers_as_messages(count: int) -> None:
    """An answer of more or fewer messages than were asked about is refused."""
    body = frames.answer([WHOLE, parse(b"\n\nother")])[frames.ANSWER.size :]

    assert [one.text for one in frames.read_answer(body, 2)] == ["hello", "other"]
    with pytest.raises(frames.Malformed):
        frames.read_answer(body, count)


def test_messages_travel_together() -> None:
    """The messages of a request, and what each omits, arrive as they were sent."""
    omitted = (Attachment("é.pdf", "application/pdf", 7, inline=True, content_id="c", sha256=""),)
    messages = [
        RawMessage("1", b"abc", 3, omitted),
        RawMessage("2", b"", 0),
        RawMessage("3", b"de", 2),
    ]
    head, body = frames.request(messages, html=True)
    meta_size, size = frames.REQUEST.unpack(head[: frames.REQUEST.size])

    assert (body, size) == (b"abcde", 5)
    meta = head[frames.REQUEST.size :]
    assert frames.read_request(meta, body) == (True, [(b"abc", omitted), (b"", ()), (b"de", ())])
    assert meta_size == len(meta)


def test_failure_is_one_word() -> None:
    """A worker that failed says why in one word."""
    assert frames.read_answer(frames.answer("memory")[frames.ANSWER.size :], 1) == "memory"


def test_deep_json_is_malformed() -> None:
    """An answer nested beyond reason is refused, not followed."""
    with pytest.raises(frames.Malformed):
        frames.read_answer(frames.ANSWER.pack(100_000) + b"[" * 100_000, 1)
