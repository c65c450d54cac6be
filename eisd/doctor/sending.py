"""What DNS says of a domain that mail is sent from: SPF, DKIM, DMARC, MX. Pure.

Each judge takes what was found and gives one sentence, and the record that would mend it. SPF is
RFC 7208, DKIM RFC 6376 and 8301, DMARC RFC 7489, no-mail domains RFC 7505.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from eisd.doctor.finding import Finding, Grade

LOOKUPS: Final = 10
"""So many terms of an SPF record may ask DNS (RFC 7208 4.6.4)."""
KEY_BITS: Final = 2048
"""RFC 8301 3.2: signers should use at least 2048 bits."""
KEY_BITS_LEAST: Final = 1024
POLICIES: Final = ("none", "quarantine", "reject")

INCLUDES: Final = {
    "gmail": "include:_spf.google.com",
    "microsoft": "include:spf.protection.outlook.com",
}
"""What a provider's customers write into SPF, by driver."""
SELECTORS: Final[Mapping[str, tuple[str, ...]]] = {
    "gmail": ("google",),
    "microsoft": ("selector1", "selector2"),
    "": ("default", "mail", "dkim", "s1", "s2", "k1", "fm1", "google", "selector1", "selector2"),
}
"""The selectors that providers give out, by driver; "" for any other."""


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain that mail is sent from, and how."""

    name: str
    driver: str = ""
    host: str = ""
    """The server that sends, for the record that is proposed."""


def _finding(domain: Domain, check: str, grade: Grade, text: str, fix: str = "") -> Finding:
    return Finding("dns", domain.name, check, grade, text, fix)


def spf(domain: Domain, records: Sequence[str], lookups: int | None) -> Finding:
    """Whether the domain says who may send in its name, and says it well.

    ``lookups``: DNS queries that evaluating it takes, includes followed; None: not counted.
    """
    found = [one for one in records if re.match(r"v=spf1(\s|$)", one, re.IGNORECASE)]
    include = INCLUDES.get(domain.driver) or (f"mx a:{domain.host}" if domain.host else "mx")
    wanted = f'{domain.name}. TXT "v=spf1 {include} -all"'
    if not found:
        text = "there is no SPF record: receivers cannot tell who may send for it"
        return _finding(domain, "spf", Grade.ERROR, text, wanted)
    if len(found) > 1:
        text = f"there are {len(found)} SPF records, and so none counts (RFC 7208 4.5)"
        return _finding(domain, "spf", Grade.ERROR, text, "join them into one record")
    if _lets_anybody(found[0]):
        text = f"SPF lets anybody send for it: {found[0]}"
        return _finding(domain, "spf", Grade.ERROR, text, wanted)
    return _one_spf(domain, found[0], lookups)


def _lets_anybody(record: str) -> bool:
    return any(term in {"+all", "all"} for term in record.lower().split()[1:])


def _one_spf(domain: Domain, record: str, lookups: int | None) -> Finding:
    """A single record, which does keep somebody out."""
    terms = record.lower().split()[1:]
    if lookups is not None and lookups > LOOKUPS:
        text = f"SPF needs {lookups} lookups, more than {LOOKUPS}: it fails as a whole"
        fix = "replace includes by the addresses they stand for, or drop senders of the past"
        return _finding(domain, "spf", Grade.ERROR, text, fix)
    if not any(re.match(r"[-~?]all$|redirect=", term) for term in terms):
        text = f"SPF does not say what holds for all others: {record}"
        return _finding(domain, "spf", Grade.WARNING, text, f'{domain.name}. TXT "{record} -all"')
    needed = INCLUDES.get(domain.driver)
    if needed and needed not in terms and not any(t.startswith("redirect=") for t in terms):
        text = f"SPF does not name the provider that sends ({needed}): {record}"
        head, _, rest = record.partition(" ")
        fix = f'{domain.name}. TXT "{head} {needed} {rest}"'
        return _finding(domain, "spf", Grade.WARNING, text, fix)
    return _finding(domain, "spf", Grade.OK, record)


def spf_asks(record: str) -> tuple[list[str], int]:
    """The domains whose records an SPF record takes in, and the lookups of its other terms."""
    followed: list[str] = []
    others = 0
    for term in record.lower().split()[1:]:
        bare = term.lstrip("+-~?")
        if bare.startswith(("include:", "redirect=")):
            followed.append(re.split("[:=]", bare, maxsplit=1)[1])
        elif re.match(r"(a|mx|ptr)([:/]|$)|exists:", bare):
            others += 1
    return followed, others


def dkim(domain: Domain, found: Mapping[str, Sequence[str]], *, given: bool) -> Finding:
    """Whether there is a key that receivers can check signatures by.

    ``found``: records by selector; ``given``: whether a person named the selectors.
    """
    keys = {
        selector: next((one for one in records if _tag(one, "p") is not None), None)
        for selector, records in found.items()
    }
    there = {selector: key for selector, key in keys.items() if key is not None}
    tried = ", ".join(found)
    if not there:
        text = f"no DKIM key is at {tried}"
        fix = (
            f"publish {next(iter(found), 'SELECTOR')}._domainkey.{domain.name}. TXT as your "
            "provider shows it"
        )
        if given:
            return _finding(domain, "dkim", Grade.ERROR, text, fix)
        text += "; it may be at another: the s= of a DKIM-Signature of sent mail says where"
        fix = f"eisd doctor --online --selector S; or {fix}"
        return _finding(domain, "dkim", Grade.WARNING, text, fix)
    problems = [
        (selector, problem) for selector, key in there.items() if (problem := _key_problem(key))
    ]
    if problems and len(problems) == len(there):
        selector, problem = problems[0]
        fix = f"make a new key of {KEY_BITS} bits at your provider and publish it"
        return _finding(domain, "dkim", Grade.ERROR, f"the DKIM key at {selector} {problem}", fix)
    good = next(selector for selector in there if selector not in dict(problems))
    bits = _bits(there[good])
    if bits and bits < KEY_BITS:
        text = f"the DKIM key at {good} has {bits} bits; {KEY_BITS} are usual by now"
        return _finding(domain, "dkim", Grade.NOTE, text, "make a longer one when you next may")
    return _finding(domain, "dkim", Grade.OK, f"there is a DKIM key at {good}")


def _key_problem(record: str) -> str:
    """What makes a key useless, as the rest of a sentence; empty for a good one."""
    if not _tag(record, "p"):
        return "is revoked"
    bits = _bits(record)
    if bits is None:
        return "cannot be read"
    return f"has {bits} bits only" if 0 < bits < KEY_BITS_LEAST else ""


def _bits(record: str) -> int | None:
    """The length of an RSA key; 0 for Ed25519 (RFC 8463), None for what is no key."""
    if (_tag(record, "k") or "rsa").lower() == "ed25519":
        return 0
    try:
        key = load_der_public_key(base64.b64decode(_tag(record, "p") or "", validate=True))
    except (ValueError, binascii.Error, UnsupportedAlgorithm):
        return None
    return key.key_size if isinstance(key, RSAPublicKey) else None


def dmarc(domain: Domain, records: Sequence[str], *, inherited: str = "") -> Finding:
    """Whether the domain says what to do with mail that only pretends to be its own.

    ``inherited``: the organisation's domain, when the records are its.
    """
    wanted = f'_dmarc.{domain.name}. TXT "v=DMARC1; p=none; rua=mailto:postmaster@{domain.name}"'
    found = [one for one in records if re.match(r"v=DMARC1\s*(;|$)", one)]
    if not found:
        text = "there is no DMARC record; large providers ask for one from who sends much"
        return _finding(domain, "dmarc", Grade.WARNING, text, wanted)
    if len(found) > 1:
        text = f"there are {len(found)} DMARC records, and so none counts (RFC 7489 6.6.3)"
        return _finding(domain, "dmarc", Grade.ERROR, text, "leave one of them")
    record = found[0]
    policy = ((inherited and _tag(record, "sp")) or _tag(record, "p") or "").lower()
    if policy not in POLICIES:
        text = f"DMARC names no policy (p=none, quarantine or reject): {record}"
        return _finding(domain, "dmarc", Grade.ERROR, text, wanted)
    whose = f", by {inherited}" if inherited else ""
    if policy == "none":
        text = f"DMARC watches and asks for nothing (p=none{whose})"
        fix = "when the reports show that all of yours passes: p=quarantine"
        return _finding(domain, "dmarc", Grade.NOTE, text, fix)
    return _finding(domain, "dmarc", Grade.OK, f"p={policy}{whose}")


def mx(
    domain: Domain, records: Sequence[str], addresses: Mapping[str, bool], *, has_address: bool
) -> Finding:
    """Whether answers can arrive. ``addresses``: whether each MX host has one."""
    hosts = [record.partition(" ")[2] for record in records]
    fix = f"{domain.name}. MX 10 {domain.host or f'mail.{domain.name}'}."
    if hosts == ["."]:
        text = "it says that it takes no mail (RFC 7505): answers come back"
        return _finding(domain, "mx", Grade.ERROR, text, fix)
    if not hosts:
        text = "there is no MX record"
        if not has_address:
            return _finding(domain, "mx", Grade.ERROR, f"{text}: answers come back", fix)
        text += "; mail goes to the domain's own address"
        return _finding(domain, "mx", Grade.WARNING, text, fix)
    dead = [host for host in hosts if not addresses.get(host, True)]
    if dead:
        grade = Grade.ERROR if len(dead) == len(hosts) else Grade.WARNING
        text = f"MX names {', '.join(dead)}, which has no address"
        return _finding(domain, "mx", grade, text, "give the host an address, or drop the record")
    return _finding(domain, "mx", Grade.OK, ", ".join(hosts))


def _tag(record: str, name: str) -> str | None:
    """A tag's value in a record of tags (RFC 6376 3.2), white space taken out."""
    for part in record.split(";"):
        key, equals, value = part.partition("=")
        if equals and key.strip().lower() == name:
            return "".join(value.split())
    return None
