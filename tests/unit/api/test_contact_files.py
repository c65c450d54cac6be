"""Contacts in files: three formats, every bad row at its line, out and in again."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisd.api.contact_files import format_of, read, refusal, write
from eisd.api.contact_rows import from_json, to_json
from eisd.errors import UserError
from eisd.store.sql import stamp


def people(rows):
    """The good rows, shortly: id to addresses, the primary one first."""
    return {
        row.contact_id: [a.address for a in sorted(row.addresses, key=lambda a: not a.primary)]
        for row in rows.good.values()
    }


def bad(rows):
    """The bad rows as (line, problem)."""
    return [(row.line, row.problem) for row in rows.bad]


def test_csv_in_the_plain():
    """Only id and emails are required; the first of several addresses is primary."""
    rows = read(b"id,name,emails\n1,Ada,ada@a.test; countess@b.test\n2,,\n", "csv")

    assert bad(rows) == []
    assert people(rows) == {"1": ["ada@a.test", "countess@b.test"], "2": []}
    assert rows.good["default", "1"].addresses[0].primary


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode(),
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.encode("utf-16"),
        lambda text: text.encode("cp1252"),
        lambda text: text.replace("\n", "\r\n").encode(),
    ],
    ids=["utf-8", "bom", "utf-16", "cp1252", "crlf"],
)
@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_csv_as_spreadsheets_write_it(encode, mark):
    """Encodings, byte order marks, line ends and separators of real exports give the same rows."""
    cells = [["id", "name", "emails", "company"], ["1", "Zoë", "zoe@a.test", "Müller"]]
    text = "".join(mark.join(row) + "\n" for row in cells)

    rows = read(encode(text), "csv")

    assert bad(rows) == []
    assert rows.good["default", "1"].name == "Zoë"
    assert rows.good["default", "1"].company == "Müller"


def test_every_bad_row_is_named_with_its_line():
    """Lines count as an editor counts them, quoted line breaks included; nothing stops at one."""
    text = 'id,name,emails\n1,"two\nlines",x@y.test\n2,B,no\n,C,c@c.test\n4,D\n5,E,a@@b\n'

    rows = read(text.encode(), "csv")

    assert bad(rows) == [
        (4, "'no' is no email address"),
        (5, "id is missing"),
        (6, "2 cells where the header has 3"),
        (7, "'a@@b' is no email address"),
    ]
    assert people(rows) == {"1": ["x@y.test"]}


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ("id,name", "the header lacks emails"),
        ("id,name,email", "unknown column 'email'; did you mean 'emails'?"),
        ("id,id,emails", "the column 'id' stands twice"),
        ("id,emails,workspaces", "unknown column 'workspaces'; did you mean 'workspace'?"),
        ("", "no header"),
    ],
)
def test_a_bad_header_is_one_problem(header, problem):
    """A header that is not ours refuses the file once, with what was meant."""
    [(line, told)] = bad(read(f"{header}\n1,2,3\n".encode() if header else b"", "csv"))

    assert line == 1
    assert told.startswith(problem)


def test_columns_of_other_meaning_are_passed_over():
    """An export of a CRM has columns we do not know; they are no mistake."""
    rows = read(b"id,phone,emails\n1,555,a@a.test\n", "csv")

    assert bad(rows) == []
    assert people(rows) == {"1": ["a@a.test"]}


def test_the_same_id_twice():
    """Rows of one id are one contact with all its addresses; a contradiction is a bad row."""
    text = "id,name,emails\n1,Ada,a@a.test\n1,,b@a.test\n1,Bob,c@a.test\n"

    rows = read(text.encode(), "csv")

    assert people(rows) == {"1": ["a@a.test", "b@a.test"]}
    assert bad(rows) == [(4, "id '1' stands here twice with another name")]


def test_json_lines_hold_everything():
    """Times, primaries and workspaces come through; each line's mistake is its own."""
    text = (
        '{"id": 7, "workspace": "eu", "addresses": ['
        '{"address": "a@a.test", "added_at": "2024-05-01", "ended_at": "2024-06-01T12:00:00Z"},'
        '{"address": "b@a.test", "primary": true}]}\n'
        "\n"
        '{"id": "8", "emails": ["c@a.test"], "adress": []}\n'
        '{"id": "9", "addresses": [{"address": "d@a.test", "added_at": "soon"}]}\n'
        "[]\n"
        "{\n"
    )

    rows = read(text.encode(), "jsonl")

    [old, new] = rows.good["eu", "7"].addresses
    assert stamp(old.added_at) == "2024-05-01T00:00:00.000Z"
    assert stamp(old.ended_at) == "2024-06-01T12:00:00.000Z"
    assert (old.primary, new.primary) == (False, True)
    assert bad(rows) == [
        (3, "unknown key 'adress'"),
        (4, "added_at is no RFC 3339 time: 'soon'"),
        (5, "want one JSON object a line"),
        (6, "no JSON"),
    ]


def test_vcards_of_both_versions():
    """Preferences, folding, escapes and groups are read; 2.1 and what is cut off are bad."""
    text = (
        "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:u-1\r\nFN:Lovelace\\, Ada\r\nORG:Engines;Sales\r\n"
        "EMAIL;TYPE=INTERNET:second@a.test\r\nitem1.EMAIL;TYPE=INTERNET,pref:first@a.te\r\n st\r\n"
        "END:VCARD\r\n"
        "BEGIN:VCARD\r\nVERSION:4.0\r\nN:Hopper;Grace;;;\r\nEMAIL;PREF=1:GRACE@navy.test\r\n"
        "END:VCARD\r\n"
        "BEGIN:VCARD\r\nVERSION:2.1\r\nUID:x\r\nEND:VCARD\r\n"
        "BEGIN:VCARD\r\nVERSION:4.0\r\n"
    )

    rows = read(text.encode(), "vcf")

    assert people(rows) == {
        "u-1": ["first@a.test", "second@a.test"],
        "grace@navy.test": ["GRACE@navy.test"],
    }
    ada, grace = rows.good.values()
    assert (ada.name, ada.company) == ("Lovelace, Ada", "Engines")
    assert grace.name == "Grace Hopper"
    assert bad(rows) == [
        (15, "want vCard 3.0 or 4.0, not '2.1'"),
        (19, "a card without its END:VCARD"),
    ]


@pytest.mark.parametrize("folded", [True, False])
def test_pictures_in_vcards_take_no_memory(folded):
    """A file of cards with pictures is read a line at a time, and pictures are not kept."""
    line = " " + "A" * 74 + "\r\n"
    picture = line * 20_000 if folded else " " + "A" * 1_500_000 + "\r\n"
    card = f"BEGIN:VCARD\r\nVERSION:4.0\r\nPHOTO:x\r\n{picture}EMAIL:{{}}@x.test\r\nEND:VCARD\r\n"
    file = "".join(card.format(name) for name in ("ada", "bob")).encode()

    tracemalloc.start()
    try:
        rows = read(file, "vcf")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert people(rows) == {"ada@x.test": ["ada@x.test"], "bob@x.test": ["bob@x.test"]}
    assert peak < len(file) // 3


def test_what_is_too_long_is_bad():
    """A line of JSON, and a card with addresses without end, are named; what follows is read."""
    long = '{"id": "1", "name": "' + "x" * 2_000_000 + '"}\n'
    rows = read((long + '{"id": "2", "emails": ["ada@x.test"]}').encode(), "jsonl")
    assert (bad(rows), list(people(rows))) == ([(1, "more than 1048576 characters")], ["2"])

    mails = "".join(f"EMAIL:a{n}@x.test\r\n" for n in range(1_100))
    begin, end = "BEGIN:VCARD\r\nVERSION:4.0\r\n", "END:VCARD\r\n"
    rows = read(f"{begin}{mails}{end}{begin}EMAIL:b@x.test\r\n{end}".encode(), "vcf")
    assert (bad(rows), list(people(rows))) == ([(1, "more than 1000 addresses")], ["b@x.test"])


WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="'"), max_size=20
).filter(lambda text: not text.startswith(("=", "+", "-", "@")))
ADDRESS = st.builds(
    "{}@{}.test".format, st.from_regex("[a-z]{1,9}", fullmatch=True), st.sampled_from("abc")
)
CONTACT = st.fixed_dictionaries(
    {
        "id": st.from_regex("[A-Za-z0-9-]{1,8}", fullmatch=True),
        "name": WORDS,
        "workspace": st.sampled_from(["default", "eu"]),
        "kind": WORDS,
        "company": WORDS,
        "emails": st.lists(ADDRESS, max_size=3),
    }
)


@pytest.mark.parametrize("form", ["csv", "jsonl", "vcf"])
@given(items=st.lists(CONTACT, unique_by=lambda one: (one["workspace"], one["id"]), max_size=5))
def test_what_is_written_is_read_again(form, items):
    """Every contact with current addresses survives a way out and in, in each format."""
    rows = from_json(items)
    assert not rows.bad
    lines = write([to_json(row) for row in rows.good.values()], form)

    again = read("".join(lines).encode(), form)

    assert bad(again) == []
    for key, row in rows.good.items():
        if form == "vcf" and not row.name:  # a card must have a name: it shows the id
            continue
        assert {a.address for a in again.good[key].addresses} == {a.address for a in row.addresses}
        assert again.good[key].name == row.name
        assert again.good[key].company == row.company


def test_a_spreadsheet_runs_nothing():
    """In CSV a name that would be a formula gets an apostrophe, and keeps it (CWE-1236)."""
    one = {
        "id": "1",
        "name": "=cmd()",
        "workspace": "default",
        "kind": "",
        "company": "@x",
        "addresses": [],
    }

    text = "".join(write([one], "csv"))

    assert text.splitlines()[1] == "1,'=cmd(),,default,,'@x"
    assert read(text.encode(), "csv").good["default", "1"].name == "'=cmd()"


@given(data=st.binary(max_size=400), form=st.sampled_from(["csv", "jsonl", "vcf"]))
def test_no_bytes_break_the_reader(data, form):
    """Whatever the file holds, the answer is rows and bad rows with lines from 1 on."""
    rows = read(data, form)

    assert all(row.line >= 1 and row.problem for row in rows.bad)


def test_a_refusal_shows_the_first_fifty():
    """A file of nonsense does not flood the terminal, and its count is told."""
    rows = read(b"id,emails\n" + b"x,y\n" * 80, "csv")

    told = str(refusal("p.csv", rows.bad)).splitlines()

    assert told[0] == "p.csv:2: 'y' is no email address"
    assert told[-2:] == ["... and 30 more", "80 bad rows: nothing was imported"]


@pytest.mark.parametrize(
    ("name", "form"), [("a.CSV", "csv"), ("a.ndjson", "jsonl"), ("a.vcard", "vcf")]
)
def test_the_format_by_the_name(name, form):
    """Usual suffixes in any case are known."""
    assert format_of(name) == form


def test_an_unknown_format_is_a_usage_error():
    """Another suffix is 64, with the option that answers it."""
    with pytest.raises(UserError, match=r"want a \.csv") as caught:
        format_of("people.xlsx")

    assert caught.value.code == 64
