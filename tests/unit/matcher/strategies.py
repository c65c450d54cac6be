"""Facts, books and worlds at random, small enough for their parts to meet."""

from __future__ import annotations

from hypothesis import strategies as st
from unit.matcher.world import CONNECTED, DAY, copy

from eisd.matcher.policy import Policy
from eisd.model.facts import AddressEntry, Facts, Mark, Participant, Staff
from eisd.model.mail import Role, Signal

_PEOPLE = 6


def _hash(number: int) -> int:
    """Spread a small number over 64 bits, as a hash would be."""
    return (number * 0x9E3779B97F4A7C15) % (1 << 64) or 1


def participant(number: int, role: Role, marks: Mark, text: str) -> Participant:
    """Give person ``number``: two share a relaxed key, three a domain."""
    return Participant(
        role=role,
        exact=_hash(number + 1),
        relaxed=_hash(100 + number // 2),
        domain=_hash(200 + number // 3),
        registrable=_hash(300 + number // 3) if number % 2 else 0,
        marks=marks,
        address=text,
        name=text * 2,
    )


marks = st.builds(Mark, st.integers(0, 15))
signals = st.builds(Signal, st.integers(0, (1 << 18) - 1))
people = st.builds(
    participant, st.integers(0, _PEOPLE - 1), st.sampled_from(Role), marks, st.text(max_size=3)
)


@st.composite
def facts(draw: st.DrawFn) -> Facts:
    """Facts of one message, always the same: their participants each once and sorted."""
    found = {one.exact: one for one in draw(st.lists(people, max_size=_PEOPLE))}
    rank = list(Role).index
    listed = sorted(found.values(), key=lambda one: (rank(one.role), one.exact))
    author = next(
        (one for one in listed if one.role is Role.FROM),
        participant(9, Role.FROM, Mark.NONE, ""),
    )
    author = draw(st.sampled_from([author, participant(8, Role.FROM, Mark.NONE, "")]))
    return Facts(
        id_key=b"0123456789abcdef",
        author=author.exact,
        author_relaxed=author.relaxed,
        author_domain=author.domain,
        author_registrable=author.registrable,
        date=draw(st.none() | st.integers(-(2**40), 2**40)),
        subject_key=draw(st.integers(0, 3)),
        gate_at=CONNECTED + draw(st.integers(-5, 5)) * DAY,
        signals=draw(signals),
        participants=tuple(listed),
        parents=tuple(draw(st.lists(st.integers(1, 2**64 - 1), max_size=33))),
    )


times = st.none() | st.integers(-6, 6).map(lambda days: CONNECTED + days * DAY)


@st.composite
def entries(draw: st.DrawFn) -> AddressEntry:
    """One interval of one of four contacts, of an address that the facts may show."""
    one = participant(draw(st.integers(0, _PEOPLE - 1)), Role.TO, Mark.NONE, "")
    return AddressEntry(
        contact=draw(st.integers(1, 4)),
        exact=one.exact,
        relaxed=one.relaxed,
        primary=draw(st.booleans()),
        added_at=draw(times),
        ended_at=draw(times),
        created=draw(st.booleans()),
        match_from=draw(times),
    )


books = st.lists(entries(), max_size=6)
copies = st.lists(
    st.integers(-5, 5).map(lambda days: copy(gate=CONNECTED + days * DAY)), max_size=3
)
staffs = st.builds(
    lambda numbers, domain: Staff(
        exact=frozenset(_hash(n + 1) for n in numbers),
        relaxed=frozenset(_hash(100 + n // 2) for n in numbers),
        domains=frozenset({_hash(200 + domain)} if domain else ()),
    ),
    st.sets(st.integers(0, 9), max_size=3),
    st.integers(0, 2),
)
policies = st.builds(
    Policy,
    match_addresses=st.sampled_from(["all", "primary"]),
    match_roles=st.sets(st.sampled_from(Role), min_size=1).map(frozenset),
    shared_address=st.sampled_from(["all", "primary_first", "none"]),
    new_address=st.sampled_from(["from_added", "window", "all"]),
    subaddress=st.sampled_from(["fallback", "off"]),
    internal_mode=st.sampled_from(["skip", "any_staff"]),
    group_list=st.sampled_from(["skip_unless_direct", "skip", "match"]),
    group_bulk=st.sampled_from(["skip", "match"]),
    group_auto=st.sampled_from(["match", "skip"]),
    calendar_sync=st.booleans(),
)


def unwilling_to_stop(known: Facts) -> Facts:
    """Clear what stops whole messages, so that the candidates come to be looked at."""
    return known._replace(
        signals=Signal(0),
        participants=tuple(one._replace(marks=Mark.NONE) for one in known.participants),
    )
