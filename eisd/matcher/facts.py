"""From header facts to the matcher's facts, and how those of several copies become one (I4).

Merging only ever adds, with three exceptions that are adds in disguise. The author is that of the
copy whose From no list has rewritten (S3), and the bits that speak of the author go with it. A
block-list mark stays only if every copy that shows the address bears it: an entry may be for one
mailbox, and then says nothing of the copies of another (M13). What a list puts on its copies stays
only if every copy bears it: one that came without the list was sent to somebody himself (G4, G5).
"""

from __future__ import annotations

from functools import lru_cache
from operator import attrgetter
from typing import Final

from eisd.matcher.authentication import dmarc_passed
from eisd.matcher.blocklist import Blocklist
from eisd.matcher.keys import AddressKeys, Hasher
from eisd.mime.addresses import domain_of
from eisd.mime.charset import guess
from eisd.mime.headers import author as author_of
from eisd.mime.headers import identity
from eisd.mime.text import one_line
from eisd.model.facts import Facts, KeyHash, Mark, Participant
from eisd.model.mail import Address, Headers, Role, Signal

__all__ = ["KEPT_PARENTS", "Blocklist", "facts_of", "merge", "strip"]

KEPT_PARENTS: Final = 5
"""How many parents are kept of an unmatched copy (U1): In-Reply-To and the last 4 References."""
_MAX_PARENTS: Final = 33

_RANK: Final = {role: rank for rank, role in enumerate(Role)}
_MARKS: Final = tuple(Mark(bits) for bits in range(16))
_BLOCKING: Final = int(Mark.BLOCKED | Mark.BLOCKS_MESSAGE)
_BLOCKS_MESSAGE: Final = int(Mark.BLOCKS_MESSAGE)
_LIST_ADDRESS: Final = int(Mark.LIST_ADDRESS)
_RECIPIENT: Final = int(Mark.RECIPIENT)
_REWRITTEN: Final = int(Signal.LIST_REWRITE)
_BY_LISTS: Final = int(Signal.LIST | Signal.BULK | Signal.UNSUBSCRIBE)
"""What a list server puts on the copies it sends out."""
_OF_AUTHOR: Final = int(
    Signal.LIST_REWRITE | Signal.AUTHOR_NO_REPLY | Signal.AUTHOR_ROLE | Signal.AUTHOR_DAEMON
)
_NOBODY: Final = AddressKeys(0, 0, 0, 0)
_ROLES: Final = tuple(Role)
_CACHED: Final = 1 << 13
_by_exact = attrgetter("exact")


def facts_of(
    headers: Headers,
    *,
    gate_at_ms: int,
    hasher: Hasher,
    blocklist: Blocklist | None = None,
    trusted_authserv: frozenset[str] = frozenset(),
    sent: bool = False,
    keep_text: bool = True,
) -> Facts:
    """Make the facts of one copy from its header facts.

    ``gate_at_ms`` is the provider's receive time. ``sent``: the copy lies in Sent, or eisd sent
    it (S4). ``trusted_authserv`` holds `internal.authserv_ids` in lower case. Without
    ``keep_text`` no address and no name is kept.
    """
    author = _author(headers)
    keys = hasher.address(author.key, author.relaxed) if author and author.key else _NOBODY
    participants = _participants(headers, author, hasher, blocklist, keep_text=keep_text)
    signals = headers.signals
    if sent or (trusted_authserv and author and _authenticated(headers, author, trusted_authserv)):
        signals |= Signal.VERIFIED
    if blocklist and any(int(one.marks) & _BLOCKS_MESSAGE for one in participants):
        signals |= Signal.BLOCKED
    return Facts(
        hasher.identity(identity(headers)),
        *keys,
        None if headers.date is None else int(headers.date.timestamp()),
        hasher.raw(headers.subject_raw),
        gate_at_ms,
        signals,
        participants,
        _parents(headers, hasher),
    )


def _author(headers: Headers) -> Address | None:
    """Name the author (S3), without a call for the common case: the first address of From."""
    first = headers.from_[0] if headers.from_ else None
    if first and first.key and not int(headers.signals) & _REWRITTEN:
        return first
    return author_of(headers)


def _authenticated(headers: Headers, author: Address, trusted: frozenset[str]) -> bool:
    """Say whether a trusted server vouches for the one domain that From and the author share."""
    domain = domain_of(author.key)
    if not domain or any(domain_of(one.key) != domain for one in headers.from_):
        return False
    results = (one_line(guess(value)) for value in headers.authentication_results)
    return dmarc_passed(results, trusted, domain)


def _parents(headers: Headers, hasher: Hasher) -> tuple[KeyHash, ...]:
    """List In-Reply-To, then References from the end, each once."""
    if not headers.in_reply_to and not headers.references:
        return ()
    named: dict[str, None] = {}
    if headers.in_reply_to:
        named[headers.in_reply_to] = None
    for message_id in reversed(headers.references):
        named[message_id] = None
    return tuple([hasher.parent(message_id) for message_id in named][:_MAX_PARENTS])


def _participants(
    headers: Headers,
    author: Address | None,
    hasher: Hasher,
    blocklist: Blocklist | None,
    *,
    keep_text: bool,
) -> tuple[Participant, ...]:
    """List every usable address once, in its strongest role, sorted by role and key (I4)."""
    senders = headers.from_
    if author and author not in senders:
        senders = (author, *senders)
    groups = (senders, headers.to, headers.cc, headers.bcc, headers.reply_to)
    marks = _marks(headers, author, groups, blocklist)
    seen = {""}
    found: list[Participant] = []
    for role, group in zip(_ROLES, groups, strict=True):
        begin = len(found)
        for one in group:
            key = one.key
            if key in seen:
                continue
            seen.add(key)
            keys, bits = hasher.address(key, one.relaxed), marks.get(key, 0)
            if keep_text:
                found.append(_participant(role, keys, bits, one.address, one.name))
            else:
                found.append(_participant(role, keys, bits, "", ""))
        if len(found) - begin > 1:
            found[begin:] = sorted(found[begin:], key=_by_exact)
    return tuple(found)


def _marks(
    headers: Headers,
    author: Address | None,
    groups: tuple[tuple[Address, ...], ...],
    blocklist: Blocklist | None,
) -> dict[str, int]:
    """Give the bits of `Mark` by exact key, for the addresses that bear any."""
    bits = {one.key: _RECIPIENT for group in groups[1:4] for one in group}
    if headers.list_post:
        bits[headers.list_post] = bits.get(headers.list_post, 0) | _LIST_ADDRESS
    if author and headers.from_ and author.key != headers.from_[0].key:
        rewritten = headers.from_[0].key
        bits[rewritten] = bits.get(rewritten, 0) | _LIST_ADDRESS
    if blocklist:
        for group in groups:
            for one in group:
                bits[one.key] = bits.get(one.key, 0) | blocklist.marks(one)
    return bits


@lru_cache(_CACHED)
def _participant(role: Role, keys: AddressKeys, bits: int, address: str, name: str) -> Participant:
    """Make a participant; those of one mailbox are mostly the same few."""
    return Participant(role, *keys, _MARKS[bits], address, name)


def strip(facts: Facts) -> Facts:
    """Keep what may be kept of a copy that matched nobody (U1): keyed hashes, no readable text."""
    if len(facts.parents) <= KEPT_PARENTS and not any(
        one.address or one.name for one in facts.participants
    ):
        return facts
    return facts._replace(
        participants=tuple(one._replace(address="", name="") for one in facts.participants),
        parents=facts.parents[:KEPT_PARENTS],
    )


def merge(a: Facts, b: Facts) -> Facts:
    """Join the facts of two copies of one message: commutative, associative, idempotent."""
    if a.id_key != b.id_key:
        raise ValueError("these are facts of two messages")
    written, author_bits = min(_authorship(a), _authorship(b))
    signals = (int(a.signals) | int(b.signals)) & ~_OF_AUTHOR
    if not (_is_blank(a) or _is_blank(b)):
        signals &= ~_BY_LISTS | (int(a.signals) & int(b.signals))
    _, _, exact, relaxed, domain, registrable, subject = written
    return Facts(
        id_key=a.id_key,
        author=exact,
        author_relaxed=relaxed,
        author_domain=domain,
        author_registrable=registrable,
        date=min((one for one in (a.date, b.date) if one is not None), default=None),
        subject_key=subject,
        gate_at=min(a.gate_at, b.gate_at),
        signals=Signal(signals | author_bits),
        participants=_union(a.participants, b.participants),
        parents=max(a.parents, b.parents, key=lambda parents: (len(parents), parents)),
    )


def _is_blank(facts: Facts) -> bool:
    """Say whether nothing was kept of a copy (`store.unmatched`), so that it says nothing."""
    return not (
        facts.participants or facts.author or facts.signals or facts.subject_key or facts.date
    )


_Authorship = tuple[tuple[bool, bool, KeyHash, KeyHash, KeyHash, KeyHash, KeyHash], int]


def _authorship(facts: Facts) -> _Authorship:
    """Give what stands and falls with a copy's From, so that the least is the best one."""
    bits = int(facts.signals) & _OF_AUTHOR
    return (
        not facts.author,
        bool(bits & _REWRITTEN),
        facts.author,
        facts.author_relaxed,
        facts.author_domain,
        facts.author_registrable,
        facts.subject_key,
    ), bits


def _union(
    ours: tuple[Participant, ...], theirs: tuple[Participant, ...]
) -> tuple[Participant, ...]:
    """Join participants by exact key."""
    if ours == theirs:
        return ours
    known = {one.exact: one for one in ours}
    for one in theirs:
        other = known.get(one.exact)
        known[one.exact] = one if other is None else _same(one, other)
    return tuple(sorted(known.values(), key=lambda one: (_RANK[one.role], one.exact)))


def _same(a: Participant, b: Participant) -> Participant:
    """Join two sights of one address: the strongest role, and the longest of each text."""
    blocking = int(a.marks) & int(b.marks) & _BLOCKING
    others = (int(a.marks) | int(b.marks)) & ~_BLOCKING
    return Participant(
        role=a.role if _RANK[a.role] <= _RANK[b.role] else b.role,
        exact=a.exact,
        relaxed=max(a.relaxed, b.relaxed),
        domain=max(a.domain, b.domain),
        registrable=max(a.registrable, b.registrable),
        marks=_MARKS[blocking | others],
        address=max(a.address, b.address, key=_fullness),
        name=max(a.name, b.name, key=_fullness),
    )


def _fullness(text: str) -> tuple[int, str]:
    """Order texts by length, then by themselves."""
    return len(text), text
