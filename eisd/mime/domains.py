"""What a domain is: registrable, a provider of free mail, or its A-label form."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

import idna
from publicsuffixlist import PublicSuffixList

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


@cache
def _suffix_list() -> PublicSuffixList:
    """The public suffix list; reading it takes a tenth of a second, once."""
    return PublicSuffixList(_SUFFIXES.decode("utf-8").splitlines())


def preload() -> None:
    """Read the public suffix list now rather than at the first question."""
    _suffix_list()
    _short_suffixes()
    _wild()


@lru_cache(maxsize=16_384)
def registrable_domain(domain: str) -> str:
    """The registrable part of an A-label ``domain``; "" for a public suffix or an IP address."""
    last = domain.rpartition(".")[2]
    if not last or last.isdigit() or domain.startswith("["):
        return ""
    if domain.count(".") == 1 and domain not in _short_suffixes() and last not in _wild():
        return domain
    return _suffix_list().privatesuffix(domain) or ""


@cache
def _rules() -> frozenset[str]:
    """The list's rules as they are written, without comments."""
    lines = (line.split()[0] for line in _SUFFIXES.decode("utf-8").splitlines() if line.strip())
    return frozenset(line for line in lines if not line.startswith("//"))


@cache
def _short_suffixes() -> frozenset[str]:
    """Public suffixes of two labels: what looks registrable and is not."""
    return frozenset(_a_labels(rule) for rule in _rules() if rule.count(".") == 1)


@cache
def _wild() -> frozenset[str]:
    """Top-level domains below which everything of one label is a public suffix."""
    return frozenset(_a_labels(rule[2:]) for rule in _rules() if rule.startswith("*."))


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
        mapped = idna.uts46_remap(domain, std3_rules=False)
        return ".".join(
            label if label.isascii() else "xn--" + label.encode("punycode").decode("ascii")
            for label in mapped.split(".")
        )
    except (idna.IDNAError, UnicodeError):
        return ""
