"""Whether a trusted server says DMARC passed for the author (S4; RFC 8601 2.2, RFC 7489 11).

Anybody can write an Authentication-Results header. Only the topmost one that bears the name of
one of our own servers counts: a border server adds its own above what came in, and removes what
claims to be from itself (RFC 8601 5).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from eisd.mime.addresses import address_key, domain_of

_MAX_CHARS: Final = 8192
_MAX_NAME: Final = 512
_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|([^\s;="]+)|([;=])', re.DOTALL)


def dmarc_passed(values: Iterable[str], trusted: frozenset[str], domain: str) -> bool:
    """Say whether the topmost trusted result has ``dmarc=pass`` for ``domain`` (an A-label).

    ``values`` are unfolded header values, topmost first; ``trusted`` holds authserv-ids in lower
    case. Any other verdict on DMARC in the same header spoils it.
    """
    for value in values:
        if _authserv_id(value) in trusted:
            return _verdict(_tokens(value), domain)
    return False


def _authserv_id(value: str) -> str:
    """Read the name of the server that wrote a header, in lower case."""
    begin = value[:_MAX_CHARS] if value.lstrip().startswith("(") else value[:_MAX_NAME]
    words = _without_comments(begin).replace(";", " ").split(maxsplit=1)
    return words[0].strip('"').lower() if words else ""


def _verdict(tokens: list[str], domain: str) -> bool:
    """Read the DMARC results of one header for a domain."""
    passed = False
    for result in _results(tokens):
        if result.get("method") != "dmarc":
            continue
        if result["result"] != "pass" or _domain(result.get("header.from", "")) != domain:
            return False
        passed = True
    return passed


def _results(tokens: list[str]) -> list[dict[str, str]]:
    """Cut a header's tokens at ";" into results: method, result, and the properties."""
    found: list[dict[str, str]] = []
    for index, word in enumerate(tokens):
        if word == ";":
            found.append({})
        elif word == "=" and found and 0 < index < len(tokens) - 1:
            name, value = tokens[index - 1].lower(), tokens[index + 1]
            if found[-1]:
                found[-1].setdefault(name, value)
            else:
                found[-1].update(method=name.partition("/")[0], result=value.lower())
    return [result for result in found if result]


def _tokens(value: str) -> list[str]:
    """Split a value into words, quoted strings (unquoted), ";" and "="; comments are dropped."""
    return [
        quoted.strip(";=") or word or mark  # what is quoted is never a mark
        for quoted, word, mark in _TOKEN.findall(_without_comments(value[:_MAX_CHARS]))
    ]


def _without_comments(value: str) -> str:
    """Drop nested comments (RFC 5322 3.2.2) in one pass; quoted strings are left alone."""
    if "(" not in value:
        return value
    kept: list[str] = []
    depth, quoted, escaped = 0, False, False
    for char in value:
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == '"' and not depth:
            quoted = not quoted
        elif not quoted and char in "()":
            depth = depth + 1 if char == "(" else max(0, depth - 1)
            kept.append(" ")
            continue
        if not depth:
            kept.append(char)
    return "".join(kept)


def _domain(text: str) -> str:
    """Give the domain of ``header.from`` in the form keys have; some servers write an address."""
    return domain_of(address_key(text if "@" in text else f"x@{text}"))
