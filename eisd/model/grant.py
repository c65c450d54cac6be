"""What a person's sign-in (or an application's own right) has earned: tokens, and whose they are.

Times are seconds since 1970 UTC; 0 stands for "not known".
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Self


class Kind(StrEnum):
    """What kind of user signed in."""

    PERSONAL = "personal"
    WORK = "work"
    UNKNOWN = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who signed in, as the provider says. Names may change; ``subject`` does not."""

    names: tuple[str, ...] = ()
    """Addresses and login names, the best first."""
    subject: str = ""
    """The provider's own lasting key for the user."""
    kind: Kind = Kind.UNKNOWN

    @property
    def shown(self) -> str:
        """The name for people."""
        return self.names[0] if self.names else ""


@dataclass(frozen=True, slots=True)
class Tokens:
    """One answer of a token endpoint. Its texts never show themselves."""

    access_token: str = field(repr=False)
    expires_in: float
    """Seconds from the answer on."""
    refresh_token: str = field(default="", repr=False)
    scope: tuple[str, ...] = ()
    id_token: str = field(default="", repr=False)
    refresh_expires_in: float = 0.0
    """Seconds until the sign-in ends by itself, if the provider said so."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What is kept for one mailbox, sealed."""

    app: str
    """The name in [oauth.NAME]."""
    client_id: str
    access_token: str = field(repr=False)
    expires_at: float
    lifetime: float
    """For how many seconds the access token was given."""
    refresh_token: str = field(default="", repr=False)
    scope: tuple[str, ...] = ()
    identity: Identity = Identity()
    granted_at: float = 0.0
    """When a person signed in."""
    refreshed_at: float = 0.0
    refresh_expires_at: float = 0.0

    @classmethod
    def of(
        cls, tokens: Tokens, *, app: str, client_id: str, now: float, identity: Identity
    ) -> Self:
        """A new sign-in's grant."""
        ends = now + tokens.refresh_expires_in if tokens.refresh_expires_in else 0.0
        return cls(
            app=app,
            client_id=client_id,
            access_token=tokens.access_token,
            expires_at=now + tokens.expires_in,
            lifetime=tokens.expires_in,
            refresh_token=tokens.refresh_token,
            scope=tokens.scope,
            identity=identity,
            granted_at=now,
            refreshed_at=now,
            refresh_expires_at=ends,
        )

    def refreshed(self, tokens: Tokens, *, now: float) -> Self:
        """The same grant with a new access token; a refresh token not sent again stays as it is."""
        ends = now + tokens.refresh_expires_in if tokens.refresh_expires_in else 0.0
        return replace(
            self,
            access_token=tokens.access_token,
            expires_at=now + tokens.expires_in,
            lifetime=tokens.expires_in,
            refresh_token=tokens.refresh_token or self.refresh_token,
            scope=tokens.scope or self.scope,
            refreshed_at=now,
            refresh_expires_at=ends or self.refresh_expires_at,
        )
