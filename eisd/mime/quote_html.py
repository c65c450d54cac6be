"""A stranger's HTML made fit to be quoted inside a letter of ours.

An allow-list: everything is written anew from its tokens, so nothing passes that is not named
here. Elements that a reader does not see are dropped with what is in them; unknown ones are
dropped and their text stays; what was left open is closed. One pass over the text, no tree.
"""

from __future__ import annotations

import re
from collections.abc import Container
from html import escape, unescape
from typing import Final

_KEPT: Final = frozenset(
    {"a", "abbr", "b", "bdi", "bdo", "big", "blockquote", "br", "caption", "center", "cite"}
    | {"code", "col", "colgroup", "dd", "del", "div", "dl", "dt", "em", "font", "h1", "h2", "h3"}
    | {"h4", "h5", "h6", "hr", "i", "img", "ins", "kbd", "li", "mark", "ol", "p", "pre", "q", "s"}
    | {"small", "span", "strike", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th"}
    | {"thead", "tr", "tt", "u", "ul"}
)
_EMPTY: Final = frozenset({"br", "col", "hr", "img"})
_HIDDEN: Final = frozenset(
    {"script", "style", "title", "template", "svg", "math", "object", "iframe", "noscript"}
    | {"textarea", "select", "xml", "head", "noembed", "noframes", "video", "audio", "canvas"}
)
_ATTRIBUTES: Final = frozenset(
    {"align", "alt", "border", "cellpadding", "cellspacing", "color", "colspan", "dir", "height"}
    | {"lang", "rowspan", "size", "start", "title", "type", "valign", "width"}
)
_PLAIN: Final = re.compile(r"[^\x00-\x1f\x7f]{0,500}")
_LINK: Final = re.compile(r"(?:https?://|mailto:)[^\x00-\x20\x7f]{1,2000}", re.IGNORECASE)
_CID: Final = re.compile(r"cid:([A-Za-z0-9!#$%&'*+/=?^_`{|}~.@-]{1,200})", re.IGNORECASE)
_TAG: Final = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:-]{0,30})")
_ATTRIBUTE: Final = re.compile(
    r"([a-zA-Z][a-zA-Z0-9:-]{0,40})\s{0,20}(?:=\s{0,20}(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+)))?"
)
_REST: Final = re.compile(r"""(?:[^"'>]|"[^"]*+"|'[^']*+')*+>""")
_TAG_MAX: Final = 4_096
_DEPTH: Final = 200
_SIZE: Final = 512 << 10


def quotable_html(html: str, images: Container[str] = ()) -> str:
    """The visible part of ``html`` within the allow-list, its elements balanced.

    Images stay where they are content of the letter itself (``images`` are the content ids it
    carries); one that would be fetched from elsewhere is shown by its text. At most 512 KiB are
    read.
    """
    html = html[:_SIZE]
    out: list[str] = []
    opened: list[str] = []
    position = 0
    while position < len(html):
        start = html.find("<", position)
        if start < 0:
            start = len(html)
        out.append(_text(html[position:start]))
        if start == len(html):
            break
        position = _markup(html, start, out, opened, images)
    out += [f"</{name}>" for name in reversed(opened)]
    return "".join(out)


def _text(text: str) -> str:
    return escape(unescape(text), quote=False).replace("\0", "")


def _markup(
    html: str, start: int, out: list[str], opened: list[str], images: Container[str]
) -> int:
    """Write what begins with the "<" at ``start``; where reading goes on."""
    if html.startswith("<!--", start):
        end = html.find("-->", start + 4)
        return len(html) if end < 0 else end + 3
    tag = _TAG.match(html, start)
    if tag is None:
        if html.startswith(("<!", "<?", "</"), start):
            return _behind(html, start)
        out.append("&lt;")
        return start + 1
    end = _tag_end(html, tag.end())
    closing, name = bool(tag[1]), tag[2].lower()
    if name in _HIDDEN:
        return end if closing else _skip(html, name, end)
    if name in _KEPT:
        if closing:
            _close(name, out, opened)
        else:
            _open(name, html[tag.end() : end], out, opened, images)
    return end


def _behind(html: str, start: int) -> int:
    end = html.find(">", start)
    return len(html) if end < 0 else end + 1


def _tag_end(html: str, position: int) -> int:
    """Just behind the tag's ">"; one inside a quoted value does not end it."""
    rest = _REST.match(html, position, position + _TAG_MAX)
    return rest.end() if rest else _behind(html, position)


def _skip(html: str, name: str, end: int) -> int:
    """Behind the element's end; without one, it hides all the rest."""
    close = re.compile(f"</{name}", re.IGNORECASE).search(html, end)
    return len(html) if close is None else _behind(html, close.start())


def _close(name: str, out: list[str], opened: list[str]) -> None:
    """Close the element and what is open inside it; an end without a beginning is dropped."""
    if name not in opened[-_DEPTH:]:
        return
    while (last := opened.pop()) != name:
        out.append(f"</{last}>")
    out.append(f"</{name}>")


def _open(
    name: str, inside: str, out: list[str], opened: list[str], images: Container[str]
) -> None:
    attributes = _attributes(inside)
    if name == "img":
        found = _CID.fullmatch(attributes.get("src", ""))
        if found is None or found[1] not in images:
            out.append(escape(attributes.get("alt", ""), quote=False))
            return
        attributes["src"] = f"cid:{found[1]}"
    elif name not in _EMPTY:
        if len(opened) >= _DEPTH:
            return
        opened.append(name)
    kept = [f' {key}="{escape(value)}"' for key, value in attributes.items() if _kept(key, value)]
    out.append(f"<{name}{''.join(kept)}>")


def _attributes(inside: str) -> dict[str, str]:
    """The attributes of a tag, the first of a name, references read."""
    found: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(inside):
        value = match[2] or match[3] or match[4] or ""
        found.setdefault(match[1].lower(), unescape(value).strip())
        if len(found) >= 40:  # noqa: PLR2004 - no element has so many
            break
    return found


def _kept(key: str, value: str) -> bool:
    if key == "href":
        return _LINK.fullmatch(value) is not None
    if key == "src":
        return _CID.fullmatch(value) is not None
    return key in _ATTRIBUTES and _PLAIN.fullmatch(value) is not None
