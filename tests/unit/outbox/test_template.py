"""Templates say what they are given, name what they are not, and stop where they should."""

from __future__ import annotations

from time import process_time

import pytest

from eisd.outbox.template import (
    Rendered,
    Template,
    TemplateProblem,
    check_template,
    read_template,
    render,
)

GIVEN = {
    "contact": {"id": "c1", "name": "Ada <b>", "company": None, "tags": ["a", "b"]},
    "owner": {"name": "Alice"},
    "mailbox": {"address": "sales@example.org"},
    "fields": {"total": 12.5, "rows": [{"n": 1}, {"n": 2}]},
}


def text(source: str) -> str | None:
    return render(Template("s", source), GIVEN).text


def test_a_template_from_its_file():
    """Headers first, then the text; each part rendered, HTML escaped, headers on one line."""
    source = (
        "Subject: Hello {{ contact.name }}\n"
        "List-Unsubscribe: <https://x.test/off?c={{ contact.id }}>\n\n"
        "Dear {{ contact.name }},\n{% for row in fields.rows %}\n- {{ row.n }}\n{% endfor %}\n"
        "{{ owner.name }}\n"
    )
    template = read_template(source, "<p>{{ contact.name }} {{ fields.total }}</p>")

    assert render(template, GIVEN) == Rendered(
        subject="Hello Ada <b>",
        text="Dear Ada <b>,\n- 1\n- 2\nAlice\n",
        html="<p>Ada &lt;b&gt; 12.5</p>",
        headers=(("List-Unsubscribe", "<https://x.test/off?c=c1>"),),
    )
    wanted = ("contact.id", "contact.name", "fields.rows", "fields.total", "owner.name")
    assert check_template(template) == wanted


def test_a_value_cannot_break_out_of_a_header():
    """A line feed in a contact's name is a space in the subject."""
    given = {"contact": {"name": "Ada\r\nBcc: evil@x.test"}}
    assert render(Template("Hi {{ contact.name }}", "x"), given).subject == (
        "Hi Ada Bcc: evil@x.test"
    )


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("{{ contact.nme }}", "contact.nme"),
        ("{{ contact.company }}", "contact.company"),
        ("{{ name }}", "'name'"),
        ("{% if contact.nope %}x{% endif %}", "contact.nope"),
        ("{% for x in fields.none %}{% endfor %}", "fields.none"),
        ("{% for row in fields.rows %}{{ row.m }}{% endfor %}", "fields.rows.0.m"),
        ("{{ contact['nme'] | upper }}", "contact.nme"),
    ],
)
def test_what_is_missing_is_named(source, named):
    """With its dots and its part; None is as good as missing."""
    with pytest.raises(TemplateProblem, match="text:") as caught:
        text(source)
    assert named in str(caught.value)


def test_defaults_and_conditions():
    """What may be missing says so."""
    assert text("{{ contact.company | default('you') }}") == "you"
    assert text("{% if contact.company is defined %}x{% else %}y{% endif %}") == "y"
    assert text("{{ contact.tags | join(', ') }} {{ 'ab' | replace('a', 'c') | upper }}") == (
        "a, b CB"
    )
    assert text("{{ fields.total * 2 + 1 }} {{ 'a' ~ 1 }}") == "26.0 a1"
    assert text("{% for t in contact.tags %}{{ loop.index }}{{ t }}{% endfor %}") == "1a2b"


def test_html_is_escaped_wherever_a_value_goes():
    """Joined, replaced, defaulted: a value is never markup unless the author says so."""
    html = (
        "{{ contact.name ~ '<i>' }}|{{ [contact.name] | join('<br>') }}|{{ contact.name | safe }}"
    )
    assert render(Template("s", None, html), GIVEN).html == (
        "Ada &lt;b&gt;&lt;i&gt;|Ada &lt;b&gt;|Ada <b>"
    )


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__ }}",
        "{{ contact.__class__.__mro__ }}",
        "{{ contact.name.upper() }}",
        "{{ contact.items() }}",
        "{{ range(10) }}",
        "{% include 'x' %}",
        "{% import 'x' as y %}",
        "{% extends 'x' %}",
        "{% macro m() %}{% endmacro %}",
        "{% set x %}y{% endset %}",
        "{% for x in contact.tags recursive %}{% endfor %}",
        "{{ _budget }}",
        "{{ contact | _turns }}",
        "{{ contact | pprint }}",
        "{{ contact | attr('name') }}",
        "{{ 'a' * 100000000 }}",
        "{{ '%100000000d' % 1 }}",
        "{{ contact.name",
        "{% if %}",
        "(" * 500 + "{{ " + "(" * 2000,
    ],
)
def test_what_the_language_has_not(source):
    """Refused with a sentence, when it is checked or at the latest when it is rendered."""
    with pytest.raises(TemplateProblem):
        text(source)


ROWS = {"fields": {"rows": list(range(1000))}}
LOOP = "{% for a in fields.rows %}"


@pytest.mark.parametrize(
    "source",
    [
        LOOP * 3 + "x" + "{% endfor %}" * 3,
        LOOP * 3 + "{% endfor %}" * 3,
        LOOP + "{{ fields.rows }}" * 10 + "{% endfor %}",
        "{% set a = 'x' %}" + "{% set a = a ~ a %}" * 40 + "{{ a }}",
        "{% set a = 'xx' %}" + "{% set a = a | replace('x', a) %}" * 40 + "{{ a }}",
        "{% set a = 'x' %}" + "{% set a = [a, a] | join(a) %}" * 40 + "{{ a }}",
        "{{ " + "[" * 20 + "fields.rows" + ("," + "fields.rows") * 200 + "]" * 20 + " }}",
    ],
)
def test_a_greedy_template_is_stopped(source):
    """Turns, text and time have an end; nothing is built first and measured afterwards."""
    began = process_time()
    try:
        rendered = render(Template("s", source), ROWS)
        assert len(rendered.text or "") < 5 << 20
    except TemplateProblem as error:
        assert "more than" in str(error)  # noqa: PT017 - either is fine
    assert process_time() - began < 10


def test_files_that_are_none():
    """The line is named."""
    with pytest.raises(TemplateProblem, match="line 2 is no header"):
        read_template("Subject: a\nDear\n\nx")
    with pytest.raises(TemplateProblem, match="neither text nor HTML"):
        check_template(read_template("Subject: a\n\n"))
    with pytest.raises(TemplateProblem, match=r"html, line 2"):
        check_template(Template("s", None, "a\n{{ x | nope }}"))
