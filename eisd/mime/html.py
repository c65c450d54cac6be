"""HTML to the text a reader sees: tags off, blocks on lines of their own, quotes marked ``>``.

A tokenizer of our own rather than a parser: it builds no tree, so neither depth nor disorder cost
it anything, and every step moves forward. Nothing is fetched, nothing is run.
"""

from __future__ import annotations

import re
from html.entities import html5
from typing import Final

from eisd.mime.charset import windows
from eisd.mime.limits import TEXT
from eisd.mime.text import clean, cut

_TAG: Final = re.compile(r"</?([a-zA-Z][a-zA-Z0-9:-]{0,30})")
_STRAY: Final = re.compile(r"<+(?![a-zA-Z/!?])|<")
_ENTITY: Final = re.compile(
    r"&(?:#([0-9]{1,7})(?![0-9])|#[xX]([0-9a-fA-F]{1,6})(?![0-9a-fA-F])|([a-zA-Z][a-zA-Z0-9]{1,31}));?"
)
_ALT: Final = re.compile(r"\balt\s{0,8}=\s{0,8}(?:\"([^\"]{1,300})|'([^']{1,300}))", re.IGNORECASE)
_SKIPPED: Final = {
    name: re.compile(f"</{name}", re.IGNORECASE)
    for name in ("script", "style", "title", "template", "svg", "math", "object", "xml")
}
_LINES: Final = frozenset(
    {"address", "article", "aside", "body", "br", "center", "dd", "div", "dl", "dt", "fieldset"}
    | {"figcaption", "figure", "footer", "form", "header", "html", "legend", "li", "main", "nav"}
    | {"ol", "section", "table", "tbody", "tfoot", "thead", "tr", "ul"}
)
_PARAGRAPHS: Final = frozenset({"blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "p", "pre"})
_INVISIBLE: Final = "\u00ad\u034f\u200b\u200c\u200d\u2060\ufeff"
_REACH: Final = 4_096
_QUOTE_MAX: Final = 10


class _Page:
    """Lines of text as they are laid out."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.words: list[str] = []
        self.size = 0
        self.quotes = 0
        self.pre = 0
        self.unclosed: set[str] = set()
        """Elements to be skipped that have no end any more."""
        self.glued = True
        """The next word continues the last: there was no space between them."""

    def text(self, text: str) -> None:
        if self.pre:
            first, *rest = text.expandtabs(8).split("\n")
            self.words.append(first)
            for line in rest:
                self.line()
                self.words.append(line)
            return
        words = [word for word in text.split() if word.strip(_INVISIBLE)]
        if not words:
            self.glued = self.glued and not text
            return
        if self.words and not (self.glued and not text[0].isspace()):
            self.words.append(" ")
        self.words.append(" ".join(words))
        self.glued = not text[-1].isspace()

    def line(self, *, paragraph: bool = False) -> None:
        if self.words:
            line = "> " * min(self.quotes, _QUOTE_MAX) + "".join(self.words).rstrip()
            self.lines.append(line)
            self.size += len(line) + 1
            self.words = []
        if paragraph and self.lines and self.lines[-1].strip("> "):
            self.lines.append(("> " * min(self.quotes, _QUOTE_MAX)).rstrip())
        self.glued = True


def html_to_text(html: str) -> str:
    """The visible text of ``html``, clean, at most `eisd.mime.limits.TEXT`; total and linear."""
    page = _Page()
    position = 0
    comments = True
    while position < len(html) and page.size < TEXT:
        start = html.find("<", position)
        if start < 0:
            start = len(html)
        if start > position:
            page.text(_unescape(html[position:start]))
        position = start
        if html.startswith("<!--", start) and comments:
            end = html.find("-->", start + 2)
            comments = end >= 0
            position = end + 3 if comments else start + 4
        elif html.startswith(("<!", "<?"), start):
            position = _after(html, start)
        elif (tag := _TAG.match(html, start)) is not None:
            position = _take_tag(page, html, tag)
        elif (stray := _STRAY.match(html, start)) is not None:
            page.text(stray[0])
            position = stray.end()
    page.line()
    return cut(clean("\n".join(page.lines)).strip("\n"), TEXT)


def _after(html: str, start: int) -> int:
    """Just behind the next ">"."""
    end = html.find(">", start)
    return len(html) if end < 0 else end + 1


def _tag_end(html: str, start: int) -> int:
    """Just behind the tag that begins at ``start``; a ">" in a quoted value does not end it."""
    end = html.find(">", start)
    if end < 0:
        return len(html)
    inside = html[start:end]
    for quote in "\"'":
        if inside.count(quote) % 2:
            closing = html.find(quote, end, end + _REACH)
            after = html.find(">", closing, closing + _REACH) if closing >= 0 else -1
            return after + 1 if after >= 0 else end + 1
    return end + 1


def _take_tag(page: _Page, html: str, tag: re.Match[str]) -> int:
    """Lay out what a tag asks for; where reading goes on."""
    name = tag[1].lower()
    end = _tag_end(html, tag.start())
    closing = html.startswith("</", tag.start())
    if name in _SKIPPED and not closing:
        if html.endswith("/>", tag.start(), end):
            return end
        return _skip(page, name, html, end)
    if name == "blockquote":
        page.line(paragraph=not closing)
        page.quotes = max(0, page.quotes + (-1 if closing else 1))
        page.line(paragraph=closing)
    elif name in _PARAGRAPHS:
        page.line(paragraph=True)
    elif name in _LINES:
        page.line()
    if name == "pre":
        page.pre = max(0, page.pre + (-1 if closing else 1))
    elif not closing:
        _take_leaf(page, name, html[tag.start() : end])
    return end


def _skip(page: _Page, name: str, html: str, end: int) -> int:
    """Where reading goes on behind an element that nobody sees; code without end has no end."""
    close = None if name in page.unclosed else _SKIPPED[name].search(html, end)
    if close is not None:
        return _after(html, close.start())
    page.unclosed.add(name)
    return len(html) if name in {"script", "style"} else end


def _take_leaf(page: _Page, name: str, tag: str) -> None:
    """Tags that are themselves something to see."""
    if name == "li":
        page.text("- ")
    elif name == "hr":
        page.line()
        page.text("-" * 20)
        page.line()
    elif name in {"td", "th"}:
        page.text(" ")
    elif name == "img" and (alt := _ALT.search(tag)) is not None:
        page.text(f" {_unescape(alt[1] or alt[2])} ")


def _unescape(text: str) -> str:
    """``text`` with its character references read."""
    return _ENTITY.sub(_character, text) if "&" in text else text


def _character(reference: re.Match[str]) -> str:
    """One character reference; what names nothing stays as written."""
    decimal, hexadecimal, name = reference.groups()
    if name:
        return html5.get(name + ";") or html5.get(name) or reference[0]
    code = int(decimal) if decimal else int(hexadecimal, 16)
    if 0x80 <= code < 0xA0:  # noqa: PLR2004
        return windows(bytes((code,)))
    return chr(code) if 0 < code <= 0x10FFFF and not 0xD800 <= code < 0xE000 else "\ufffd"  # noqa: PLR2004
