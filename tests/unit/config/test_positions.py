"""The scanner finds exactly the keys that tomllib finds."""

from __future__ import annotations

import tomllib
from datetime import date, datetime, time

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from eisd.config.positions import Place, paths, positions, scan

KEYS = st.one_of(
    st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True),
    st.text(st.sampled_from("a.b \"'#[]{}=,\\\té\N{SNOWMAN}"), max_size=5),
)
TEXTS = st.text(st.sampled_from("ab#]}[{\"'\\=,.\n\té"), max_size=12)
SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(2**40), 2**40),
    st.floats(allow_nan=False),
    TEXTS,
    st.just(date(2026, 11, 21)),
    st.just(time(7, 32)),
    st.just(datetime(1979, 5, 27, 7, 32)),  # noqa: DTZ001 - a local date-time of TOML
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(KEYS, inner, max_size=4),
        st.lists(st.dictionaries(KEYS, inner, max_size=3), min_size=1, max_size=3),
    ),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=5)

ODD = '''\
\t a . b."c d" = 1 # comment = [x]
[x."y z"]   # [not.a.header]
p = {q.r = 2, s = [1, {t = "]"}, [ 3, # }
  4 ],
]} # c
[[m]]
n = """a
b\\""""
[[m.k]]
z = 1
[[m]]
e = {}
f = [ ]
[m.sub]
d = 1979-05-27 07:32:00
[ "quo\\"ted" . ' lit#' ]
"" = """""\\"""\\""""
'''


@given(DOCUMENTS, st.booleans(), st.booleans())
@settings(max_examples=300, deadline=None)
def test_positions_are_the_paths_of_the_document(doc: dict, multiline: bool, crlf: bool):
    """For any document written by tomli-w: the same paths, none more and none less."""
    source = tomli_w.dumps(doc, multiline_strings=multiline)
    if crlf:
        source = source.replace("\n", "\r\n")

    assert set(positions(source)) == set(paths(tomllib.loads(source)))


@given(DOCUMENTS)
@settings(max_examples=200, deadline=None)
def test_spans_hold_the_values(doc: dict):
    """The text of a value's span parses to that value again."""
    source = tomli_w.dumps(doc)
    values = dict(_leaves(tomllib.loads(source)))

    for path, span in scan(source).spans.items():
        if path in values:
            assert tomllib.loads(f"v = {source[span.start : span.end]}")["v"] == values[path]


def _leaves(value, base=()):
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        if isinstance(item, (dict, list)):
            yield from _leaves(item, (*base, key))
        else:
            yield (*base, key), item


@pytest.mark.parametrize(
    "source",
    [
        ODD,
        "a.b.c = 1\na.d = 2\n[a.e]\nf = 3\n",
        "[[a]]\n[[a.b]]\nc = 1\n[[a.b]]\n[a.b.d]\ne = 2\n[[a]]\n[a.b]\n",
        "[[a.b]]\nx = 1\n[a]\ny = 2\n",
        '"k\\u00e9y"."#" = """\n"""\n',
        "k = '''\n'''''\n",
        'k = """ "" """""\n',
        "k = [\n  # nothing\n]\nl = [[], [[]], {}]",
        "k = 1",
        "",
        "# only a comment",
        "k = +inf\nl = 1e6\nm = 0xFF # ]\nn = 1979-05-27T07:32:00Z",
    ],
)
def test_odd_forms(source: str):
    """Forms that tomli-w never writes: dotted keys, odd quotes, arrays of tables in tables."""
    assert set(positions(source)) == set(paths(tomllib.loads(source)))


def test_places_are_where_an_operator_looks():
    """A table's place is its header, a key's the key, an item's the item; tabs count one."""
    places = positions("[a]\n\tb = [1,\n 22]\n[[c]]\nd.e = 1\n[f.g]\nh = { i = 2 }\n")

    assert places == {
        ("a",): Place(1, 2),
        ("a", "b"): Place(2, 2),
        ("a", "b", 0): Place(2, 7),
        ("a", "b", 1): Place(3, 2),
        ("c",): Place(4, 1),
        ("c", 0): Place(4, 1),
        ("c", 0, "d"): Place(5, 1),
        ("c", 0, "d", "e"): Place(5, 3),
        ("f",): Place(6, 2),
        ("f", "g"): Place(6, 4),
        ("f", "g", "h"): Place(7, 1),
        ("f", "g", "h", "i"): Place(7, 7),
    }
