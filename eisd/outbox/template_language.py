"""The language of templates: which part of Jinja's it is, and how much it may do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final, cast

from jinja2 import Environment, StrictUndefined, nodes, pass_context
from jinja2.filters import FILTERS
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

STEPS: Final = 10_000
"""Turns of all loops together."""
TEXT: Final = 4 << 20
"""Characters that are made on the way, and in the end."""
SECONDS: Final = 2.0

ALLOWED: Final = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.NSRef, nodes.Const,
    nodes.Getattr, nodes.Getitem, nodes.Filter, nodes.Test, nodes.Keyword, nodes.Pair,
    nodes.If, nodes.For, nodes.Assign, nodes.CondExpr, nodes.Compare, nodes.Operand,
    nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.Pos, nodes.Concat,
    nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod,
    nodes.Tuple, nodes.List, nodes.Dict,
)  # fmt: skip
"""What may stand in a template's syntax tree."""

_PLAIN: Final = (
    "abs", "capitalize", "count", "d", "default", "e", "escape", "first", "float", "int", "items",
    "last", "length", "list", "lower", "round", "safe", "sort", "string", "striptags", "title",
    "trim", "truncate", "unique", "upper", "urlencode", "wordcount",
)  # fmt: skip


class TooMuch(Exception):
    """A template did more than it may."""


class Budget:
    """What one rendering may still do."""

    def __init__(self) -> None:
        self._steps = STEPS
        self._text = TEXT
        self._ends = time.monotonic() + SECONDS

    def spend_step(self) -> None:
        """One turn of a loop."""
        self._steps -= 1
        if self._steps < 0:
            raise TooMuch(f"its loops take more than {STEPS} turns")
        if time.monotonic() > self._ends:
            raise TooMuch(f"it takes more than {SECONDS:.0f} s")

    def spend(self, characters: int) -> None:
        """Text that is about to be made."""
        self._text -= characters
        if self._text < 0:
            raise TooMuch(f"it makes more than {TEXT} characters")

    def spend_text(self, value: object) -> None:
        """Text that was made."""
        if isinstance(value, str):
            self.spend(len(value))


class Missing(StrictUndefined):
    """A value that was not given: an error that names it, with its dots."""

    @property
    def _undefined_message(self) -> str:
        where = self._undefined_obj
        name = str(self._undefined_name)
        path = f"{where.path}.{name}" if isinstance(where, Scope) else name
        return f"{path!r} is not given"


class Scope(dict[str, Any]):
    """Values below a name, which knows that name."""

    path = ""


def scoped(context: Mapping[str, Any]) -> dict[str, Any]:
    """The values as the language sees them: without None, each mapping knowing its path."""
    return {name: _scope(value, name) for name, value in context.items() if value is not None}


def _scope(value: Any, path: str) -> Any:
    if isinstance(value, Mapping):
        found = Scope({str(k): _scope(v, f"{path}.{k}") for k, v in value.items() if v is not None})
        found.path = path
        return found
    if isinstance(value, (list, tuple)):
        return [_scope(one, f"{path}.{n}") for n, one in enumerate(value)]
    if isinstance(value, (str, int, float, bool)):
        return value
    return str(value)


class _Language(ImmutableSandboxedEnvironment):
    """No method of anything, and no arithmetic on text."""

    intercepted_binops = frozenset({"+", "*", "/", "//", "-", "%"})

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Mapping):
            if attribute in obj:
                return obj[attribute]
            return self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return not callable(value) and super().is_safe_attribute(obj, attr, value)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if not all(isinstance(side, (int, float)) for side in (left, right)):
            raise TypeError(f"{operator} is for numbers; join texts with ~")
        return super().call_binop(context, operator, left, right)


@cache
def environment(*, html: bool) -> Environment:
    """The language, for HTML or for plain text; one of each."""
    language = _Language(
        autoescape=html, undefined=Missing, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True, cache_size=0,
    )  # fmt: skip
    language.globals.clear()
    plain = {name: _spending(FILTERS[name]) for name in _PLAIN}
    own: dict[str, Callable[..., Any]] = {"join": _join, "replace": _replace}
    language.filters = {**plain, **own, "_turns": _turns, "_joined": _joined}
    return language


def bounded(tree: nodes.Template) -> nodes.Template:
    """The same template, with every loop counted and every joining of texts weighed."""
    for loop in list(tree.find_all(nodes.For)):
        if loop.recursive:
            raise TooMuch("its loops may not be recursive")
        loop.iter = _filter(cast("nodes.Expr", loop.iter), "_turns")
    _replace_concat(tree)
    return tree


def _filter(node: nodes.Expr, name: str) -> nodes.Filter:
    made = nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)
    made.set_environment(cast("Environment", node.environment))
    return made


def _replace_concat(node: nodes.Node) -> None:
    for name, value in node.iter_fields():
        if isinstance(value, list):
            setattr(node, name, [_instead(one) for one in value])
        elif isinstance(value, nodes.Node):
            setattr(node, name, _instead(value))


def _instead(node: Any) -> Any:
    if not isinstance(node, nodes.Node):
        return node
    _replace_concat(node)
    if not isinstance(node, nodes.Concat):
        return node
    listed = nodes.List(node.nodes, lineno=node.lineno)
    listed.set_environment(cast("Environment", node.environment))
    return _filter(listed, "_joined")


def _budget(context: Context) -> Budget:
    found: Budget = context.get_all()["_budget"]
    return found


def _spending(function: Callable[..., Any]) -> Callable[..., Any]:
    """The filter, with what it makes weighed; Jinja's marks on it kept."""

    def first_argument(context: Context) -> list[Any]:
        kind = getattr(function, "jinja_pass_arg", None)
        if kind is None:
            return []
        word = kind.name
        if word == "context":
            return [context]
        return [context.eval_ctx if word == "eval_context" else context.environment]

    @pass_context
    def weighed(context: Context, *args: Any, **kwargs: Any) -> Any:
        budget = _budget(context)
        for one in args:
            budget.spend_text(one)
        made = function(*first_argument(context), *args, **kwargs)
        budget.spend_text(made)
        return made

    return weighed


@pass_context
def _turns(context: Context, values: Iterable[Any]) -> Iterator[Any]:
    budget = _budget(context)
    for value in values:
        budget.spend_step()
        yield value


@pass_context
def _joined(context: Context, values: list[Any]) -> str:
    texts = [str(value) for value in values]
    _budget(context).spend(sum(map(len, texts)))
    if any(isinstance(value, Markup) for value in values):
        return Markup("").join(values)
    return "".join(texts)


@pass_context
def _join(context: Context, values: Iterable[Any], between: str = "") -> str:
    texts = [str(value) for value in values]
    _budget(context).spend(sum(map(len, texts)) + len(between) * len(texts))
    if context.eval_ctx.autoescape:
        return escape(between).join(values)
    return between.join(texts)


@pass_context
def _replace(context: Context, text: object, old: str, new: str) -> str:
    source = escape(text) if context.eval_ctx.autoescape else str(text)
    found = source.count(old) if old else len(source) + 1
    _budget(context).spend(len(source) + found * len(str(new)) * 6)
    return source.replace(old, new)
