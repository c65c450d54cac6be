"""Who of a message may become a contact by itself, and what it is called (C1, C2, C4). Pure."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from eisd.matcher import gates
from eisd.matcher.policy import Policy
from eisd.matcher.staff import is_staff
from eisd.mime.addresses import address_key, domain_of, is_freemail, registrable_domain
from eisd.mime.signals import local_part_signals
from eisd.mime.text import cut, one_line
from eisd.model.activity import Direction, MessageClass, OutcomeReason
from eisd.model.facts import Decision, Facts, Mark, Participant, Staff
from eisd.model.mail import Role, Signal

_BLOCKED: Final = int(Mark.BLOCKED | Mark.BLOCKS_MESSAGE)
_LIST_ADDRESS: Final = int(Mark.LIST_ADDRESS)
_VERIFIED: Final = int(Signal.VERIFIED)
_AUTOMATIC: Final = int(Signal.AUTO_REPLY | Signal.AUTO_GENERATED | Signal.AUTHOR_NO_REPLY)
_NEVER: Final = int(Signal.AUTHOR_NO_REPLY | Signal.AUTHOR_DAEMON)
_ROLE: Final = int(Signal.AUTHOR_ROLE)
_RECIPIENTS: Final = frozenset({Role.TO, Role.CC, Role.BCC})
_STOPPED: Final = frozenset(
    {OutcomeReason.INTERNAL, OutcomeReason.LIST, OutcomeReason.BULK, OutcomeReason.BOUNCE}
)

NAME_MAX: Final = 200
"""Octets of a name."""


class Asked(NamedTuple):
    """Whom a message asks for. ``fallback`` counts only if ``first`` leads to nobody (M1)."""

    first: tuple[Participant, ...] = ()
    fallback: tuple[Participant, ...] = ()


_NOBODY: Final = Asked()


def asked(facts: Facts, decision: Decision, staff: Staff, policy: Policy) -> Asked:
    """Name the participants of whom contacts are to be made, unless they are contacts (C1).

    ``decision`` is that of the workspace, ``facts`` what it was made of; addresses may be hashes.
    """
    if not may_ask(facts, decision, policy) or gates.blocked(facts, staff, decision.direction):
        return _NOBODY
    able = [one for one in facts.participants if _able(one, staff, policy)]
    if decision.direction is Direction.OUTGOING:
        return Asked(tuple(one for one in able if one.role in _RECIPIENTS))
    return Asked(
        tuple(one for one in able if one.role is Role.FROM),
        tuple(one for one in able if one.role is Role.REPLY_TO),
    )


def may_ask(facts: Facts, decision: Decision, policy: Policy) -> bool:
    """Say whether a message is of a kind that makes contacts at all."""
    if policy.create_policy == "none" or decision.reason in _STOPPED:
        return False
    if decision.kind is not MessageClass.PERSONAL and (
        decision.kind is not MessageClass.ROLE or not policy.create_role_addresses
    ):
        return False
    if "too_many_recipients" in decision.notes:
        return False
    bits = int(facts.signals)
    if decision.direction is Direction.OUTGOING:
        # What staff's own machines answer to strangers makes nobody a contact.
        return bool(bits & _VERIFIED) and not bits & _AUTOMATIC
    return policy.create_policy == "sent_and_received"


def _able(one: Participant, staff: Staff, policy: Policy) -> bool:
    """Say whether a contact may be made of an address, as far as the address tells."""
    if one.role not in policy.match_roles or int(one.marks) & (_BLOCKED | _LIST_ADDRESS):
        return False
    if is_staff(one, staff) or not one.address:
        return False
    key = address_key(one.address)
    bits = int(local_part_signals(key))
    if not key or bits & _NEVER or (bits & _ROLE and not policy.create_role_addresses):
        return False
    return policy.create_freemail or not is_freemail(domain_of(key))


# Names


_VIA: Final = re.compile(r"\s+via\s+\S.*$", re.IGNORECASE)
_PARENTHESES: Final = re.compile(r"\s*[(\uff08][^()\uff08\uff09]*[)\uff09]\s*$")
_NOT_A_FIRST_NAME: Final = re.compile(
    r"(?:jr|sr|[ivx]+|ph\.? ?d|m\.?d|m\.?b\.?a|m\.?a|m\.?sc|b\.?a|b\.?sc|esq|cpa|cfa|dds|rn|pe"
    r"|inc|incorporated|corp|corporation|co|company|llc|llp|lp|ltd|limited|plc|gmbh|ag|kg|ug|ohg"
    r"|se|s\.?a|s\.?a\.?s|s\.?a\.?r\.?l|s\.?r\.?l|s\.?p\.?a|s\.?l|b\.?v|n\.?v|a/s|aps|oy|ab|as"
    r"|sp\.? z o\.?o|s\.?r\.?o|a\.?s|kft|zrt|d\.?o\.?o|pty|pte)\.?",
    re.IGNORECASE,
)
_DIGITS: Final = re.compile(r"(?<=\D)\d+$")
_SPLIT: Final = re.compile(r"[._]+")
_TWO: Final = 2


def contact_name(display: str, address: str) -> str:
    """Give the name that people would write for the owner of an address (C2)."""
    return displayed(display) or _from_local_part(address)


def displayed(display: str) -> str:
    """Make a display name a name; empty if it is none: an address, or no letter in it."""
    text = " ".join(one_line(display).strip("\"' ").split())
    while text:
        shorter = _VIA.sub("", _PARENTHESES.sub("", text)).strip("\"' ,;")
        if shorter == text:
            break
        text = shorter
    if "@" in text or not any(char.isalpha() for char in text):
        return ""
    return cut(_turned(text), NAME_MAX)


def _turned(text: str) -> str:
    """Put "Last, First" the right way round; what follows a comma may be no first name."""
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        return text
    titles = parts[1:]
    while titles and _NOT_A_FIRST_NAME.fullmatch(titles[-1]):
        titles.pop()
    ending = parts[1 + len(titles) :]
    if len(titles) == 1:
        parts = [f"{titles[0]} {parts[0]}", *ending]
    elif len(titles) == _TWO and _NOT_A_FIRST_NAME.fullmatch(titles[0]):
        parts = [f"{titles[1]} {parts[0]}", titles[0], *ending]
    else:
        return text
    return ", ".join(parts)


def _from_local_part(address: str) -> str:
    """Make a name of an address whose owner gives none."""
    local = address.rpartition("@")[0].strip('"')
    bare = _DIGITS.sub("", local.partition("+")[0]) or local
    words = [word for word in _SPLIT.split(bare) if word]
    if len(words) == 1 and "-" in words[0]:
        words = [word for word in words[0].split("-") if word]
    name = " ".join(_capital(word) for word in words)
    return cut(one_line(name) or local or address, NAME_MAX)


def _capital(word: str) -> str:
    """Write a word as a name's: Ada, Jean-Luc, O'Brien, and J. for a single letter."""
    if len(word) == 1 and word.isalpha():
        return f"{word.upper()}."
    parts = re.split(r"([-'’])", word)  # noqa: RUF001
    return "".join(part[:1].upper() + part[1:] for part in parts)


def better_name(one: str, other: str, address: str) -> str:
    """Give the better of two names of one contact, whichever was met first.

    One that somebody gave is better than one made of the address, then one of several words, then
    the longer one.
    """
    made = _from_local_part(address)

    def worth(name: str) -> tuple[bool, bool, int, str]:
        return name != made, " " in name, len(name), name

    return max(one, other, key=worth)


def company_of(address: str, internal: frozenset[str]) -> str:
    """Give the company an address speaks for: its registrable domain (C4).

    Empty for free mail and for the domains in ``internal``, registrable ones too.
    """
    domain = domain_of(address_key(address))
    registrable = "" if is_freemail(domain) else registrable_domain(domain)
    return "" if registrable in internal or domain in internal else registrable
