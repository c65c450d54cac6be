"""The laws of merging, keeping and deciding (I4, U1, N7), for facts at random."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from unit.matcher.strategies import (
    books,
    copies,
    facts,
    policies,
    staffs,
    unwilling_to_stop,
)
from unit.matcher.world import book

from eisd.matcher.facts import KEPT_PARENTS, merge, strip
from eisd.matcher.keys import keys_of
from eisd.matcher.lookup import FURTHEST
from eisd.matcher.match import decide, same_message
from eisd.model.activity import Outcome, OutcomeReason


@given(facts(), facts())
def test_i4_merging_is_commutative(a, b):
    """Which of two copies came first leaves no trace."""
    assert merge(a, b) == merge(b, a)


@given(facts(), facts(), facts())
def test_i4_merging_is_associative(a, b, c):
    """How copies were grouped on the way leaves no trace."""
    assert merge(merge(a, b), c) == merge(a, merge(b, c))


@given(facts(), facts())
def test_i4_merging_is_idempotent(a, b):
    """A copy seen again adds nothing."""
    assert merge(a, a) == a
    assert merge(merge(a, b), b) == merge(a, b)


@given(facts(), facts())
def test_i4_merging_loses_no_participant(a, b):
    """Every address of every copy is in the merged facts, once."""
    merged = [one.exact for one in merge(a, b).participants]

    assert set(merged) == {one.exact for one in a.participants + b.participants}
    assert len(merged) == len(set(merged))


@given(facts(), facts())
def test_i2_same_message_is_symmetric(a, b):
    """Neither copy is the one that is asked about."""
    assert same_message(a, b) is same_message(b, a)
    assert same_message(a, a)


@given(facts())
def test_u1_strip_leaves_nothing_to_read(a):
    """No address, no name, at most five parents; and stripping twice is stripping once."""
    bare = strip(a)

    assert all(not one.address and not one.name for one in bare.participants)
    assert len(bare.parents) <= KEPT_PARENTS
    assert strip(bare) == bare


@given(facts(), copies, staffs, books, policies)
def test_u1_stripped_facts_decide_alike(a, seen, staff, entries, policy):
    """What is kept of an unmatched copy gives the decision that the whole copy gives."""
    known = book(*entries)

    assert decide(strip(a), seen, staff, known, policy) == decide(a, seen, staff, known, policy)


@given(facts(), copies, staffs, books, policies, st.randoms(use_true_random=False))
def test_a_decision_depends_on_no_order(a, seen, staff, entries, policy, random):
    """Participants, copies and entries in any order give the same decision."""
    people, mixed, other = list(a.participants), list(seen), list(entries)
    for one in (people, mixed, other):
        random.shuffle(one)
    shuffled = a._replace(participants=tuple(people))

    assert decide(shuffled, mixed, staff, book(*other), policy) == decide(
        a, seen, staff, book(*entries), policy
    )


@given(facts(), copies, staffs, books, policies)
def test_n7_a_hit_needs_an_equal_key(a, seen, staff, entries, policy):
    """Every hit's participants have the exact or the relaxed key of an entry of that contact."""
    known = unwilling_to_stop(a)
    people = {one.exact: one for one in known.participants}

    for hit in decide(known, seen, staff, book(*entries), policy).hits:
        for exact in hit.participants:
            assert any(
                entry.contact == hit.contact
                and (entry.exact == exact or entry.relaxed == people[exact].relaxed)
                for entry in entries
            )


@given(facts(), copies, staffs, books, policies)
def test_the_book_may_hold_more_than_was_asked_for(a, seen, staff, entries, policy):
    """Entries under keys that the message does not show change nothing."""
    asked = set(keys_of(a))
    narrow = {hashed: found for hashed, found in book(*entries).items() if hashed in asked}

    assert decide(a, seen, staff, narrow, policy) == decide(a, seen, staff, book(*entries), policy)


@given(facts(), copies, staffs, books, policies)
def test_o1_outcome_reason_and_hits_agree(a, seen, staff, entries, policy):
    """Matched has hits and no reason; everything else a reason and no hits."""
    decision = decide(a, seen, staff, book(*entries), policy)

    assert (decision.outcome is Outcome.MATCHED) == bool(decision.hits)
    assert (decision.outcome is Outcome.MATCHED) == (decision.reason is OutcomeReason.NONE)
    assert decision.outcome in {Outcome.MATCHED, Outcome.SKIPPED, Outcome.UNMATCHED}


def test_every_reason_of_a_candidate_has_its_rank():
    """The four reasons of unmatched stand in the order the model gives them (O2)."""
    words = ("no_contact", "tombstone", "after_address_ended", "before_address_added")

    ranks = [FURTHEST[OutcomeReason(word)] for word in words]
    assert ranks == sorted(ranks)
