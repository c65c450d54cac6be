"""How one provider's IMAP differs from everybody's: what to ask for besides, and what words mean.

A driver brings one `Dialect`; the shared session works by it. All of it is data and pure
functions, so that what an operator reports becomes a change of one line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from eisd.errors import AuthRejected, DriverError, Misconfigured, Transient
from eisd.model.folder import FolderRole
from eisd.wire.imap_grammar import Token


class Told(NamedTuple):
    """What a provider's own items say of a copy; `eisd.model.folder.Listed` has the same names."""

    role: FolderRole | None = None
    thread: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Saying:
    """Words by which a provider refuses a login, and what they mean."""

    words: re.Pattern[str]
    kind: type[AuthRejected | Misconfigured | Transient]
    code: str
    hint: str
    if_lasting: str = ""
    """Of a `Transient`: what it is if it does not pass (`eisd.errors.Transient`)."""


def saying(
    words: str,
    kind: type[AuthRejected | Misconfigured | Transient],
    code: str,
    hint: str,
    *,
    if_lasting: str = "",
) -> Saying:
    """Make a `Saying`; the words are a regular expression, in any letter case."""
    return Saying(re.compile(words, re.IGNORECASE), kind, code, hint, if_lasting)


def _nothing(_: Mapping[bytes, Token]) -> Told:
    return Told()


@dataclass(frozen=True, slots=True)
class Dialect:
    """One provider's differences. The default has none."""

    requires: str = ""
    """The capability without which nothing is asked for besides."""
    items: str = ""
    """FETCH items that are asked for with every header."""
    read: Callable[[Mapping[bytes, Token]], Told] = _nothing
    """Makes sense of these items."""
    sayings: tuple[Saying, ...] = ()
    proves: bool = False
    """A login counts only once the server has answered a question about the mailbox."""
    cut_sizes: frozenset[int] = frozenset()
    """A folder with just so many messages shows only the newest ones of them."""
    cut_note: str = ""
    """What people are told then; ``{folder}`` and ``{count}`` stand in it."""
    whole_note: str = ""
    """What people are told where labels are asked for and no folder holds everything."""

    def spoken_by(self, capabilities: Iterable[str]) -> Dialect:
        """This dialect, or none where the server lacks what it requires."""
        if self.requires and self.requires not in capabilities:
            return Dialect(sayings=self.sayings, proves=self.proves)
        return self


PLAIN = Dialect()
"""IMAP as the RFCs have it."""


def reworded(error: DriverError, sayings: Iterable[Saying], advice: str = "") -> DriverError:
    """A refused login in the words of the provider's table; ``advice`` is for all other words."""
    text = str(error)
    for one in sayings:
        if not one.words.search(text):
            continue
        if one.kind is Transient:
            wait = error.retry_after if isinstance(error, Transient) else None
            return Transient(
                text,
                code=one.code,
                hint=one.hint,
                retry_after=wait,
                if_lasting=one.if_lasting,
            )
        return one.kind(text, code=one.code, hint=one.hint)
    if isinstance(error, AuthRejected) and not error.hint and advice:
        return AuthRejected(text, code=error.code, hint=advice)
    return error
