"""Templates of mail: what they may say, and what they become. Pure.

The language is a small part of Jinja's: values with dots, filters, ``if`` and ``for``, no calls,
no macros, no includes. It runs in Jinja's sandbox, within limits of steps, text and time, so that
a mistake, or a stranger's template, stops nothing else. What is not given is an error that names
it; what stands in HTML is escaped.

A template's file has the headers first, then an empty line, then the text:

    Subject: Your offer, {{ contact.name }}
    List-Unsubscribe: <https://example.org/off?c={{ contact.id }}>

    Dear {{ contact.name | default("customer") }},
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from jinja2 import TemplateError, TemplateSyntaxError, UndefinedError, nodes
from jinja2.exceptions import SecurityError

from eisd.errors import ExitCode, UserError
from eisd.mime.text import one_line
from eisd.outbox.template_language import (
    ALLOWED,
    Budget,
    TooMuch,
    bounded,
    environment,
    scoped,
)

SOURCE: Final = 256 << 10
"""Characters of one part of a template."""

_HEADER: Final = re.compile(r"([A-Za-z0-9-]{1,76}):[ \t]*(.*)")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_FAILURES: Final = (
    TemplateError, TypeError, ValueError, ArithmeticError, LookupError, RecursionError,
)  # fmt: skip
"""What a template's own expressions may raise."""
_FORBIDDEN: Final[Mapping[type[nodes.Node], str]] = {
    nodes.Call: "it may not call anything",
    nodes.Macro: "it may not define macros",
    nodes.Include: "it may not include files",
    nodes.Import: "it may not import",
    nodes.FromImport: "it may not import",
    nodes.Extends: "it may not extend another",
    nodes.Block: "it may not have blocks",
}


class TemplateProblem(UserError):
    """A template that cannot be read or rendered; says where and what."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint, code=ExitCode.DATA)


@dataclass(frozen=True, slots=True)
class Template:
    """The source of a message: its parts, each a template of its own."""

    subject: str = ""
    text: str | None = None
    html: str | None = None
    headers: tuple[tuple[str, str], ...] = ()

    def parts(self) -> Iterator[tuple[str, str]]:
        """Every part that there is, with what it is called in messages."""
        yield "subject", self.subject
        for name, value in self.headers:
            yield f"headers.{name}", value
        for name, source in (("text", self.text), ("html", self.html)):
            if source is not None:
                yield name, source


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a template says to somebody; the fields of `eisd.model.outgoing.Outgoing`."""

    subject: str
    text: str | None
    html: str | None
    headers: tuple[tuple[str, str], ...] = ()


def is_template_name(name: str) -> bool:
    """Whether templates may be called so."""
    return _NAME.fullmatch(name) is not None


def read_template(source: str, html: str | None = None) -> Template:
    """A template as its files have it: headers and text, and HTML if there is some.

    Raises `TemplateProblem` when the headers are none; `check_template` does the rest.
    """
    head, gap, text = source.replace("\r\n", "\n").partition("\n\n")
    subject = ""
    headers: list[tuple[str, str]] = []
    for number, line in enumerate(head.strip("\n").split("\n"), 1):
        found = _HEADER.fullmatch(line.rstrip())
        if found is None:
            hint = "begin with Subject: ..., then an empty line, then the text"
            raise TemplateProblem(f"line {number} is no header: {line[:60]!r}", hint=hint)
        if found[1].lower() == "subject":
            subject = found[2]
        else:
            headers.append((found[1], found[2]))
    return Template(subject, text if gap and text.strip() else None, html, tuple(headers))


def check_template(template: Template) -> tuple[str, ...]:
    """The variables it asks for, such as ``contact.name``, sorted; those with defaults too.

    Raises `TemplateProblem` for what cannot be rendered whatever it is given.
    """
    if template.text is None and template.html is None:
        raise TemplateProblem("it has neither text nor HTML")
    found: set[str] = set()
    for name, source in template.parts():
        found |= set(_variables(_tree(name, source)))
    return tuple(sorted(found))


def render(template: Template, context: Mapping[str, Any]) -> Rendered:
    """What the template says with these values; None and what is missing count as not given.

    Raises `TemplateProblem` naming the part and the variable.
    """
    budget = Budget()
    said = {name: _render(name, source, context, budget) for name, source in template.parts()}
    return Rendered(
        subject=one_line(said["subject"]),
        text=said.get("text"),
        html=said.get("html"),
        headers=tuple((name, one_line(said[f"headers.{name}"])) for name, _ in template.headers),
    )


def _render(part: str, source: str, context: Mapping[str, Any], budget: Budget) -> str:
    try:
        compiled = _compiled(part, source)
        pieces: list[str] = []
        for piece in compiled.generate(scoped(context), _budget=budget):
            budget.spend_text(piece)
            pieces.append(piece)
        return "".join(pieces)
    except UndefinedError as error:
        hint = "give it a value, or write: {{ name | default(...) }}"
        raise TemplateProblem(f"{part}: {error}", hint=hint) from error
    except TooMuch as error:
        raise TemplateProblem(f"{part}: {error}") from error
    except SecurityError as error:
        raise TemplateProblem(f"{part}: not allowed: {error}") from error
    except (
        TemplateError,
        TypeError,
        ValueError,
        ArithmeticError,
        LookupError,
        RecursionError,
    ) as error:
        raise TemplateProblem(f"{part}: {type(error).__name__}: {error}") from error


@lru_cache(maxsize=64)
def _compiled(part: str, source: str) -> Any:
    language = environment(html=part == "html")
    tree = bounded(_tree(part, source))
    return language.template_class.from_code(
        language, language.compile(tree, name=part, filename=part), language.globals
    )


def _tree(part: str, source: str) -> nodes.Template:
    """The part's syntax tree, with nothing in it that the language does not have."""
    if len(source) > SOURCE:
        raise TemplateProblem(f"{part}: it has more than {SOURCE} characters")
    try:
        tree = environment(html=part == "html").parse(source)
        inside = list(tree.find_all(nodes.Node))
    except TemplateSyntaxError as error:
        raise TemplateProblem(f"{part}, line {error.lineno}: {error.message}") from error
    except RecursionError:
        raise TemplateProblem(f"{part}: it is nested too deep") from None
    for node in inside:
        if not isinstance(node, ALLOWED):
            reason = _FORBIDDEN.get(type(node), f"it may not use {type(node).__name__.lower()}")
            raise TemplateProblem(f"{part}, line {node.lineno}: {reason}")
        _check_name(part, node)
    return tree


def _check_name(part: str, node: nodes.Node) -> None:
    """Names with an underscore in front are the language's own."""
    known = [name for name in environment(html=False).filters if not name.startswith("_")]
    if isinstance(node, nodes.Filter) and node.name not in known:
        said = f"{part}, line {node.lineno}: there is no filter {node.name!r}"
        raise TemplateProblem(said, hint=f"filters: {', '.join(sorted(known))}")
    if isinstance(node, nodes.Name) and node.name.startswith("_"):
        raise TemplateProblem(f"{part}, line {node.lineno}: there is no {node.name!r}")


def _variables(tree: nodes.Template) -> Iterator[str]:
    """Dotted names that come from outside; names set by the template itself are left out."""
    own = {n.name for n in tree.find_all(nodes.Name) if n.ctx == "store"} | {"loop"}
    inner: set[int] = set()
    for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
        path = _path(node, inner)
        if path and path.partition(".")[0] not in own and id(node) not in inner:
            yield path
    for name in tree.find_all(nodes.Name):
        if name.name not in own and id(name) not in inner:
            yield name.name


def _path(node: nodes.Node, inner: set[int]) -> str:
    """``a.b.c`` of a chain of attributes; what is inside it is no variable of its own."""
    names: list[str] = []
    current: nodes.Node = node
    while not isinstance(current, nodes.Name):
        if isinstance(current, nodes.Getattr):
            names.append(current.attr)
        elif isinstance(current, nodes.Getitem) and isinstance(current.arg, nodes.Const):
            names.append(str(current.arg.value))
        else:
            return ""
        current = current.node
        inner.add(id(current))
    return ".".join([current.name, *reversed(names)])
