"""Microseconds a message of the matcher's parts: ``python tests/bench/bench_matcher.py``.

Each figure is the best of several rounds over a thousand different messages of four
participants, as a scan sees them: many authors, one mailbox.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from eisd.matcher.codec import pack, unpack
from eisd.matcher.facts import facts_of, merge, strip
from eisd.matcher.keys import Hasher, keys_of
from eisd.matcher.match import decide
from eisd.matcher.policy import Policy
from eisd.matcher.staff import staff_of
from eisd.mime.headers import extract
from eisd.model.facts import AddressEntry, CopyFacts
from eisd.model.mailbox import Box

MESSAGES = 1000
ROUNDS = 7


def header(number: int) -> bytes:
    """Make a header of four participants; every author has written about three times."""
    person = number % (MESSAGES // 3)
    return (
        f"From: Person {person} <person{person}@company{person % 97}.example.com>\r\n"
        "To: Me <me@ours.example>\r\n"
        f"Cc: a{number % 50}@b.example.org, c{number % 70}@gmail.com\r\n"
        f"Subject: Number {number}\r\n"
        "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
        f"Message-ID: <{number}@mail.example.com>\r\n"
        f"In-Reply-To: <{number - 1}@mail.example.com>\r\n"
        f"References: <{number - 2}@mail.example.com> <{number - 1}@mail.example.com>\r\n\r\n"
    ).encode()


def best(run: Callable[[Any], object], items: Sequence[Any]) -> float:
    """Give the least microseconds an item over some rounds."""
    least = float("inf")
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        for item in items:
            run(item)
        least = min(least, time.perf_counter() - begin)
    return least / len(items) * 1e6


def main() -> None:
    """Print one line a part."""
    hasher, policy = Hasher(b"bench"), Policy()
    staff = staff_of(["me@ours.example"], hasher=hasher)
    copies = [CopyFacts(1, hasher.key("me@ours.example"), 2, 1, Box.RECEIVED, live=True)]
    headers = [extract(header(number)) for number in range(MESSAGES)]
    found = [facts_of(one, gate_at_ms=2, hasher=hasher) for one in headers]
    packed = [(one.id_key, one.gate_at, pack(strip(one))) for one in found]
    known = hasher.key("a1@b.example.org")
    book = {known: [AddressEntry(1, known, known, primary=True, added_at=None, ended_at=None)]}
    everybody: dict[int, list[AddressEntry]] = {
        one.author: [AddressEntry(1, one.author, one.author, True, None, None)] for one in found
    }

    def make(hashing: Hasher, *, keep_text: bool = True) -> Callable[[Any], object]:
        return lambda one: facts_of(one, gate_at_ms=2, hasher=hashing, keep_text=keep_text)

    rows: list[tuple[str, Callable[[Any], object], Sequence[Any]]] = [
        ("(an empty call)", lambda _: None, found),
        ("facts_of", make(hasher), headers),
        ("facts_of, no text kept", make(hasher, keep_text=False), headers),
        ("keys_of", keys_of, found),
        ("decide, empty book", lambda one: decide(one, copies, staff, {}, policy), found),
        ("decide, a stranger", lambda one: decide(one, copies, staff, book, policy), found),
        ("decide, a hit", lambda one: decide(one, copies, staff, everybody, policy), found),
        ("pack", pack, found),
        ("strip", strip, found),
        ("unpack", lambda one: unpack(*one), packed),
        ("merge with itself", lambda one: merge(one, one), found),
    ]
    for name, run, items in rows:
        print(f"{name:24} {best(run, items):7.2f} us")  # noqa: T201
    sizes = sum(len(blob) for _, _, blob in packed) / len(packed)
    print(f"{'bytes packed':24} {sizes:7.0f}")  # noqa: T201


def test_matcher() -> None:
    """The parts of the matcher run over a thousand messages; there is no target, only figures."""
    main()


if __name__ == "__main__":
    main()
