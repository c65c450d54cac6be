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

_USUAL: Final = re.compile(
    r"""([^<]*+)<(/?)([a-zA-Z][a-zA-Z0-9:-]{0,30})(?:[^>"']|"[^">]*+"|'[^'>]*+')*+>"""
)
"""Text and the tag behind it: nearly all of a page goes by it. No ">" stands in its quotes."""
_TAG: Final = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:-]{0,30})")
_STRAY: Final = re.compile(r"(?:<(?![a-zA-Z/!?])[^<]*+)++|<")
"""What begins no markup, with the text behind it."""
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
_HEEDED: Final = (
    _LINES | _PARAGRAPHS | _SKIPPED.keys() | {"blockquote", "hr", "img", "li", "pre", "td", "th"}
)
"""Elements that make a difference."""
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
        self.comments = True
        """There may be a comment with an end."""
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
        words = text.split()
        if not text.isascii():
            words = [word for word in words if word.strip(_INVISIBLE)]
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
    while position < len(html) and page.size < TEXT:
        usual = _USUAL.match(html, position)
        if usual is None:
            position = _take_unusual(page, html, position)
            continue
        text, slash, name = usual.groups()
        if text:
            page.text(_unescape(text))
        position = usual.end()
        if (name := name.lower()) in _HEEDED:
            tag = html[usual.start(2) - 1 : position]
            position = _take_tag(page, name, tag, html, position, closing=bool(slash))
    page.line()
    return cut(clean("\n".join(page.lines)).strip("\n"), TEXT)


def _take_unusual(page: _Page, html: str, position: int) -> int:
    """Take text and what looks like markup behind it, step by step; where reading goes on."""
    start = html.find("<", position)
    if start < 0:
        start = len(html)
    if start > position:
        page.text(_unescape(html[position:start]))
    if html.startswith("<!--", start) and page.comments:
        end = html.find("-->", start + 2)
        page.comments = end >= 0
        return end + 3 if page.comments else start + 4
    if html.startswith(("<!", "<?"), start):
        return _after(html, start)
    if (tag := _TAG.match(html, start)) is not None:
        end = _tag_end(html, start)
        return _take_tag(page, tag[2].lower(), html[start:end], html, end, closing=bool(tag[1]))
    if (stray := _STRAY.match(html, start)) is not None:
        page.text(_unescape(stray[0]))
        return stray.end()
    return start


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


def _take_tag(page: _Page, name: str, tag: str, html: str, end: int, *, closing: bool) -> int:
    """Lay out what a tag that ends at ``end`` asks for; where reading goes on."""
    if name in _SKIPPED and not closing:
        return end if tag.endswith("/>") else _skip(page, name, html, end)
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
        _take_leaf(page, name, tag)
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
