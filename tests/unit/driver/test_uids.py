"""Walking over UIDs from the top down."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from eisd.driver.imap.uids import UidWalk


class Searched:
    """A folder that answers UID SEARCH UID a:b, and counts."""

    def __init__(self, uids: set[int]) -> None:
        self.uids = uids
        self.searches = 0

    async def uid_search(self, criteria: str) -> list[int]:
        self.searches += 1
        low, high = map(int, criteria.removeprefix("UID ").split(":"))
        return sorted(u for u in self.uids if low <= u <= high)


def walked(folder: Searched, low: int, high: int, *, per_search: int) -> list[list[int]]:
    """The windows of a walk."""

    async def run() -> list[list[int]]:
        walk = UidWalk(folder, low, high, len(folder.uids), per_search=per_search)
        windows = []
        while not walk.done:
            windows.append(await walk.next())
        return windows

    return asyncio.run(run())


@given(
    st.sets(st.integers(1, 3000), max_size=200),
    st.integers(1, 3000),
    st.integers(0, 3000),
    st.integers(1, 50),
)
def test_each_uid_once_from_the_top(uids: set[int], low: int, high: int, per_search: int):
    """The windows hold exactly the UIDs between the bounds, each window below the last."""
    windows = walked(Searched(uids), low, high, per_search=per_search)
    found = [u for window in windows for u in reversed(window)]
    assert found == sorted((u for u in uids if low <= u <= high), reverse=True)


def test_a_sparse_folder_takes_few_searches():
    """Thousands of messages over four billion UIDs: a dozen or two searches."""
    folder = Searched({n * 400_000 for n in range(1, 10_000)})
    windows = walked(folder, 1, 2**32 - 1, per_search=1000)
    assert sum(map(len, windows)) == 9_999
    assert folder.searches < 40


def test_a_clump_far_below_is_reached_quickly():
    """A window that finds nothing grows: old mail below a huge gap is not a million searches."""
    folder = Searched(set(range(1, 2001)) | {2**32 - 2})
    windows = walked(folder, 1, 2**32 - 2, per_search=100)
    assert sum(map(len, windows)) == 2001
    assert folder.searches < 60


def test_an_empty_folder_is_not_searched():
    """Nothing exists, nothing is asked."""
    folder = Searched(set())
    assert walked(folder, 1, 1000, per_search=10) == []
    assert folder.searches == 0
