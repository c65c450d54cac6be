"""The `Login` of a mailbox that signs in by OAuth: asks the keeper at each use, keeps a date."""

from __future__ import annotations

import random
from time import monotonic

from eisd.auth.keeper import Holder, Keeper
from eisd.driver.interface import Login
from eisd.model.grant import Grant

RETRY = 60.0
"""Seconds until a session whose token could not be replaced is looked at again."""


class TokenLogin:
    """Access tokens for one mailbox, and when its session had better be made anew."""

    __slots__ = ("_holder", "_keeper", "_passwords", "_renew_at")

    def __init__(self, keeper: Keeper, holder: Holder, passwords: Login) -> None:
        """Take ``passwords``: who has the secrets of the mailbox's other tables."""
        self._keeper = keeper
        self._holder = holder
        self._passwords = passwords
        self._renew_at = float("inf")

    async def password(self, table: str = "", /) -> str:
        """A secret of one of the mailbox's tables, as without OAuth."""
        return await self._passwords.password(table)

    async def access_token(self, *, refused: str = "") -> str:
        """A token to log in with; with ``refused``, another than that one."""
        grant = await self._keeper.grant(self._holder, refused=refused)
        self._renew_at = monotonic() + self._room(grant)
        return grant.access_token

    def renew_in(self) -> float:
        """Seconds until a session made with the last token should be replaced by a new one."""
        return self._renew_at - monotonic()

    async def renewed(self) -> bool:
        """Obtain a token that outlasts the last one; False if it cannot be had for now."""
        grant = await self._keeper.grant(self._holder)
        left = grant.expires_at - self._keeper.clock()
        is_new = left > self._keeper.lead(grant)
        self._renew_at = monotonic() + (self._room(grant) if is_new else min(RETRY, left / 2))
        return is_new

    def _room(self, grant: Grant) -> float:
        """Until the token is due, each mailbox at its own moment."""
        lead = self._keeper.lead(grant) * random.uniform(0.5, 0.95)  # noqa: S311 - spreads load
        return max(0.0, grant.expires_at - self._keeper.clock() - lead)
