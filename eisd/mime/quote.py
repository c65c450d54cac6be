"""A message's new text apart from what it quotes and from its signature.

Line by line and once through: a line is quoted (``>``), or an attribution ("On ... wrote:"), or it
opens what runs to the end (a copied message, a signature). Nothing is lost: both halves are kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple

from eisd.mime.phrases import (
    BANNERS,
    FOOTERS,
    FROM,
    OPENINGS,
    ORIGINAL,
    OTHERS,
    SAID,
    SENT_FROM,
    WROTE,
)


def _either(words: Iterable[str]) -> str:
    return "|".join(map(re.escape, sorted(words)))


_EVIDENCE: Final = re.compile(r"[12][0-9]{3}|[0-9]{1,2}[:.h][0-9]{2}|@|<mailto:")
_YEAR: Final = re.compile(r"(?<![0-9])[12][0-9]{3}(?![0-9])")
_LABEL: Final = re.compile(r"[\s>*_]{0,6}([^\s:*][^:*：]{0,24}?)\s?\*{0,2}[:：]")  # noqa: RUF001
_RULE: Final = re.compile(r"[\s_]*_{20}[_\s]*|-{20,}\s*")
_DASHES: Final = re.compile(r"[-_=]{20,}\s*")
_WRITER: Final = re.compile(r"[<(\[][^\s@<>()\[\]]+@[^\s@<>()\[\]]+[>)\]]")
_CLOCK: Final = re.compile(r"[0-9][:.][0-9]{2}")
_FIRST: Final = OTHERS - FROM
"""Labels that may stand above the one that opens a block (GMX)."""
_COLONS: Final = (":", "：", ":*")  # noqa: RUF001
_RUN: Final = re.compile(r"\n[^\S\n]*+>[^\n]*+(?:\n[^\S\n]*+>[^\n]*+)*+")
"""Lines that are quoted as such."""
_HEAD: Final = re.compile(
    rf"\n[^\S\n]*+(?:(?P<label>(?:[>*_]|[^\S\n]){{0,6}}(?:{_either(FROM)})[^\S\n]{{0,24}}\*{{0,2}}[:：])"  # noqa: RUF001
    rf"|--|__|==|\.\.|—|––|(?:{_either((*BANNERS, *SENT_FROM))}))"  # noqa: RUF001
)
"""In folded text: how another line begins that may open a quote."""
_TAILS: Final = tuple(re.compile(colon + r"\*?[^\S\n]*+(?=\n|\Z)") for colon in ":：")  # noqa: RUF001
"""How an attribution ends. By colon, since a pattern that begins with one letter is found fast."""
_MARKS_MAX: Final = 10_000
"""Marks of a kind that are looked at; a text that has more is no letter."""
_LINE_MAX: Final = 400
_WRAP_MAX: Final = 3
_BLOCK_MAX: Final = 7
_BEFORE_MAX: Final = 3
_INTRODUCTION_MAX: Final = 12
_FOOTER_MAX: Final = 15
_SIGNATURES: Final = frozenset({"-- ", "--", "—", "--\u00a0"})
_SENT_FROM_MAX: Final = 80


class Split(NamedTuple):
    """A text in two."""

    reply: str
    rest: str
    """Quotes, attributions and the signature, in the order written."""


def split_reply(text: str) -> Split:
    """Divide clean ``text`` into the part written now and the rest; total and linear."""
    marked = _marked(text)
    if not marked:
        return Split(text.strip(), "")
    lines = text.split("\n")
    kept: list[str] = []
    rest: list[str] = []
    done = 0
    written = False
    for start, end in marked:
        if end <= done:
            continue
        kept += lines[done:start]
        written = written or any(map(str.strip, lines[done:start]))
        first = max(done, start)
        size = _quoted(lines, first, end, written=written)
        if size:
            rest += lines[first : first + size]
        else:
            kept.append(lines[first])
            written = written or bool(lines[first].strip())
        done = first + max(size, 1)
    kept += lines[done:]
    return Split("\n".join(kept).strip(), "\n".join(rest).strip("\n"))


def _marked(text: str) -> list[tuple[int, int]]:
    """Where lines may be quoted or open something, from and to: only these are looked at.

    Each is one line, or a run of lines marked ``>``.
    """
    folded = "\n" + text.casefold()
    marked: list[tuple[int, int]] = []
    headers: list[int] = []
    for end, run in _located(_RUN, folded):
        marked.append((end + 1 - run[0].count("\n"), end + 1))
    for index, head in _located(_HEAD, folded):
        marked.append((index, index + 1))
        if head["label"]:
            headers.append(index)
    if headers:  # one takes the blank lines before it
        lines = text.split("\n")
        marked += [(at, at + 1) for at in (_above(lines, index) for index in headers)]
    for tail in _TAILS:
        for index, _ in _located(tail, folded):
            marked += [(at, at + 1) for at in range(max(0, index - _WRAP_MAX + 1), index + 1)]
    return sorted(marked)


def _located(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, re.Match[str]]]:
    """What is found in ``text``, so far as anybody reads, with the line each ends in."""
    line = -1
    counted = 0
    for found in islice(pattern.finditer(text), _MARKS_MAX):
        line += text.count("\n", counted, found.end())
        counted = found.end()
        yield line, found


def _above(lines: list[str], index: int) -> int:
    """Where a copied header begins that has the line: its date may come first, blank lines do."""
    end = max(0, index - _BEFORE_MAX)
    while index > end and _label(lines[index - 1]) in _FIRST:
        index -= 1
    while index and not lines[index - 1].strip():
        index -= 1
    return index


def _quoted(lines: list[str], index: int, end: int, *, written: bool) -> int:
    """How many lines from here are not new; 0 if this one is. ``written``: something above is."""
    if lines[index].lstrip().startswith(">"):
        return end - index
    if _runs_to_end(lines, index):
        return len(lines) if written else _to_quote(lines, index)
    if attribution := _attribution(lines, index) or _introduction(lines, index):
        runs_on = written and not _quote_follows(lines, index + attribution)
        return len(lines) if runs_on else attribution
    return int(_is_sent_from(lines[index]))


def _runs_to_end(lines: list[str], index: int) -> bool:
    """Whether a signature or a copied message begins here."""
    line = lines[index]
    if line in _SIGNATURES:
        return True
    if len(line) > _LINE_MAX:
        return False
    folded = line.strip().casefold()
    if folded.startswith(BANNERS) or _is_rule(lines, index, folded):
        return True
    return _is_header_block(lines, index)


def _is_rule(lines: list[str], index: int, folded: str) -> bool:
    """Whether a line of dashes stands here, with a title or above what is not new."""
    if not folded.startswith(("--", "__", "==", "..", "—", "––")):  # noqa: RUF001
        return False
    title = folded.strip("-_=.—– ")  # noqa: RUF001
    if title:
        return title.startswith(ORIGINAL) and folded != title
    if _DASHES.fullmatch(lines[index]) and _is_footer(lines, index + 1):
        return True
    return _RULE.fullmatch(lines[index]) is not None and _is_header_block(lines, index + 1)


def _is_header_block(lines: list[str], index: int) -> bool:
    """Whether the lines from here on are headers that a mailer copied above a quoted message."""
    while index < len(lines) and not lines[index].strip():
        index += 1
    end = min(len(lines), index + _BEFORE_MAX)
    while index < end and _label(lines[index]) in _FIRST:
        index += 1
    if index >= len(lines) or _label(lines[index]) not in FROM:
        return False
    others: set[str] = set()
    for line in lines[index + 1 : index + _BLOCK_MAX]:
        label = _label(line)
        if label in FROM and label not in OTHERS:
            return False  # another block begins here: this was none
        others.add(label)
    return len(others & OTHERS) > 1


def _label(line: str) -> str:
    """What stands before a line's colon, folded."""
    if len(line) > _LINE_MAX:
        line = line[:_LINE_MAX]
    label = _LABEL.match(line)
    return label[1].strip().casefold() if label is not None else ""


def _attribution(lines: list[str], index: int) -> int:
    """How many lines from here are one attribution: 0 if they are none."""
    first = lines[index].strip().casefold()
    if not first or len(first) > _LINE_MAX:
        return 0
    if _attributes(first) or _names_a_writer(first):
        return 1
    if not first.startswith(OPENINGS) or _EVIDENCE.search(first) is None:
        return 0
    window = first
    for size, line in enumerate(lines[index + 1 : index + _WRAP_MAX], 2):
        folded = line[:_LINE_MAX].strip().casefold()
        if not folded or _begins(folded):
            return 0
        window += " " + folded
        if _attributes(window):
            return size
    return 0


def _begins(text: str) -> bool:
    """Whether an attribution begins with folded ``text``, so that no line above is part of it."""
    if text.startswith(OPENINGS):
        return _YEAR.search(text) is not None or _attributes(text)
    if "@" not in text or _YEAR.search(text) is None:
        return False
    return _attributes(text) or _introduces(text)


def _introduction(lines: list[str], index: int) -> int:
    """How many lines from here, the first ones of a paragraph, say who wrote the quote below.

    Less has to be said than in an attribution that stands alone: the quote is there.
    """
    above = lines[index - 1].lstrip() if index else ""
    if above and not above.startswith(">"):
        return 0
    window = ""
    for size, line in enumerate(lines[index : index + _WRAP_MAX], 1):
        folded = line[:_LINE_MAX].strip().casefold()
        if not folded or folded.startswith(">") or (size > 1 and _begins(folded)):
            return 0
        window = f"{window} {folded}".strip()
        if _quote_follows(lines, index + size):
            return size if _introduces(window) else 0
        if not (_WRITER.search(window) or (_YEAR.search(window) and _CLOCK.search(window))):
            return 0
    return 0


def _introduces(text: str) -> bool:
    """Whether folded ``text``, right above a quote, says who wrote it."""
    if not text.endswith(_COLONS):
        return False
    if text.rstrip(":：* ").endswith((*WROTE, *SAID)):  # noqa: RUF001
        return True
    dated = text.startswith(OPENINGS) and _EVIDENCE.search(text) is not None
    return dated or _WRITER.search(text) is not None


def _is_footer(lines: list[str], index: int) -> bool:
    """Whether a mailing list speaks from here to the end, below its rule."""
    if len(lines) - index > _FOOTER_MAX:
        return False
    below = " ".join(lines[index : index + 2])[:_LINE_MAX].casefold()
    return any(words in below for words in FOOTERS)


def _attributes(text: str) -> bool:
    """Whether folded ``text`` says that someone wrote something, at some time or address."""
    if not text.endswith(_COLONS):
        return False
    return _EVIDENCE.search(text) is not None and any(verb in text for verb in WROTE)


def _to_quote(lines: list[str], index: int) -> int:
    """How many lines stand above the quote that a copied header at the very top introduces.

    Where none follows soon, all the rest: a forward, or a signature alone.
    """
    for size, line in enumerate(lines[index : index + _INTRODUCTION_MAX]):
        if line.lstrip().startswith(">"):
            return size
    return len(lines)


def _names_a_writer(text: str) -> bool:
    """Whether ``text`` is a date, a time and an address at its end: no verb is needed then."""
    if not text.endswith((">:", ">：")):  # noqa: RUF001
        return False
    before, _, address = text.rpartition("<")
    when = _YEAR.search(before) is not None and _CLOCK.search(before) is not None
    return when and "@" in address


def _quote_follows(lines: list[str], index: int) -> bool:
    """Whether the next line with anything on it is quoted."""
    for line in lines[index : index + _WRAP_MAX]:
        if line.strip():
            return line.lstrip().startswith(">")
    return False


def _is_sent_from(line: str) -> bool:
    """Whether a telephone signed with this line."""
    return len(line) < _SENT_FROM_MAX and line.strip().casefold().startswith(SENT_FROM)
