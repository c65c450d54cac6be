"""What a domain is: registrable, a provider of free mail, or its A-label form."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

import idna

_SUFFIXES: Final = files("publicsuffixlist").joinpath("public_suffix_list.dat").read_bytes()
"""Read at import: it is first needed where nothing may block."""

_FREEMAIL: Final = frozenset(
    line
    for line in files("eisd.mime").joinpath("data", "freemail.txt").read_text("ascii").split("\n")
    if line and not line.startswith("#")
)

_LITERAL: Final = re.compile(r"\[[0-9a-z:.%_-]{1,80}\]")
_LABELS: Final = re.compile(r"[a-z0-9_.-]{1,255}")
_NAME_MAX: Final = 255


_RULE: Final = re.compile(r"^(?!//)\S+", re.MULTILINE)


@cache
def _rules() -> frozenset[str]:
    """The public suffix list's rules as A-labels; what stands below a wildcard is one as well.

    They are written as UTS 46 would have them.
    """
    found = _RULE.findall(_SUFFIXES.decode("utf-8"))
    rules = [rule if rule.isascii() else _punycode(rule) for rule in found]
    return frozenset([*rules, *(rule[2:] for rule in rules if rule.startswith("*."))])


def preload() -> None:
    """Read the public suffix list now rather than at the first question."""
    _rules()


@lru_cache(maxsize=16_384)
def registrable_domain(domain: str) -> str:
    """The registrable part of an A-label ``domain``; "" for a public suffix or an IP address.

    By the algorithm of publicsuffix.org: an exception, else the longest rule, else the last label.
    """
    last = domain.rpartition(".")[2]
    if not last or last.isdigit() or domain.startswith(("[", ".")) or ".." in domain:
        return ""
    rules, longer, suffix = _rules(), "", domain
    while suffix != last:
        below = suffix.partition(".")[2]
        if "!" + suffix in rules:
            return suffix
        if suffix in rules or "*." + below in rules:
            return longer
        longer, suffix = suffix, below
    return longer


def is_freemail(domain: str) -> bool:
    """Whether anyone may have a mailbox at ``domain`` (A-label, lower case)."""
    return domain in _FREEMAIL


@lru_cache(maxsize=4_096)
def normal_domain(domain: str) -> str:
    """``domain`` by UTS 46 as A-labels in lower case (N3); "" if it can be none.

    Domain literals are kept. Lengths and hyphens are not judged: what mail bears is compared, not
    registered.
    """
    if domain.isascii():
        name = domain.lower()
    elif len(domain) > _NAME_MAX:
        return ""
    else:
        name = _a_labels(domain)
    name = name.removesuffix(".")
    if name.startswith("["):
        return name if _LITERAL.fullmatch(name) else ""
    if not _LABELS.fullmatch(name) or name.startswith(".") or name.endswith(".") or ".." in name:
        return ""
    return name


def _a_labels(domain: str) -> str:
    """A domain with other than ASCII letters as A-labels, "" where UTS 46 forbids it."""
    try:
        return _punycode(idna.uts46_remap(domain, std3_rules=False))
    except (idna.IDNAError, UnicodeError):
        return ""


def _punycode(domain: str) -> str:
    return ".".join(
        label if label.isascii() else "xn--" + label.encode("punycode").decode("ascii")
        for label in domain.split(".")
    )
