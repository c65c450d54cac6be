"""Why a decision is what it is (O5): told for every reason and every class, by rules that exist."""

from __future__ import annotations

import pytest
from unit.matcher.test_docs import rows

from eisd.matcher import because
from eisd.model.activity import Direction, MessageClass, OutcomeReason
from eisd.model.facts import Facts, Staff
from eisd.model.mail import Signal


def facts(signals: int = 0, *, author: int = 1) -> Facts:
    """A message by the author 1, whose relaxed key is 2 and whose domain is 3 of 4."""
    keys = (2, 3, 4) if author else (0, 0, 0)
    return Facts(bytes(16), author, *keys, None, 0, 0, Signal(signals), ())


def test_o5_every_reason_follows_from_a_rule():
    """O5: explain names a rule of the table for each reason."""
    assert set(because.RULES) == set(OutcomeReason)
    assert set(because.RULES.values()) <= set(rows())


@pytest.mark.parametrize("kind", list(MessageClass))
@pytest.mark.parametrize("direction", list(Direction))
def test_o5_every_class_has_a_reason(kind, direction):
    """O5: explain says why a message is of its class, by a rule of the table."""
    why = because.kind(facts(), kind, direction)

    assert why.text
    assert why.rule in rows()


@pytest.mark.parametrize(
    ("staff", "text"),
    [
        (Staff(frozenset({1}), frozenset()), "the author is staff"),
        (Staff(frozenset(), frozenset({2})), "the author is staff, without the tag"),
        (Staff(frozenset(), frozenset(), frozenset({4})), "the author has a domain of staff"),
        (Staff(frozenset({9}), frozenset()), "the author is not staff"),
    ],
)
def test_o5_the_direction_has_a_reason(staff, text):
    """O5: explain says by what the author is staff, or that he is not."""
    assert because.direction(facts(), staff) == (text, "S3")


def test_o5_an_author_that_a_list_moved_is_told():
    """O5: with a rewritten From the author is somebody else than From shows."""
    nobody = Staff(frozenset(), frozenset())

    assert "a list has moved" in because.direction(facts(Signal.LIST_REWRITE), nobody).text
    assert because.direction(facts(author=0), nobody).text == "it has no usable From"
