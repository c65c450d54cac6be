"""New text apart from quoted text and signatures, and HTML to text."""

# ruff: noqa: RUF001 - the letters of other languages look like ours

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisd.mime.html import html_to_text
from eisd.mime.quote import split_reply
from eisd.mime.text import clean

ATTRIBUTIONS = {
    "en": "On Tue, Nov 14, 2023 at 9:13 AM Jane Roe <jane@x.test> wrote:",
    "de": "Am 14.11.2023 um 09:13 schrieb Jane Roe <jane@x.test>:",
    "de 2": "Am Di., 14. Nov. 2023 um 09:13 Uhr schrieb Jane Roe <\njane@x.test>:",
    "fr": "Le mar. 14 nov. 2023 à 09:13, Jane Roe <jane@x.test> a écrit :",
    "es": "El mar, 14 nov 2023 a las 9:13, Jane Roe (<jane@x.test>) escribió:",
    "it": "Il giorno mar 14 nov 2023 alle ore 09:13 Jane Roe <jane@x.test> ha scritto:",
    "pt": "Em ter., 14 de nov. de 2023 às 09:13, Jane Roe <jane@x.test> escreveu:",
    "nl": "Op di 14 nov 2023 om 09:13 schreef Jane Roe <jane@x.test>:",
    "pl": "wt., 14 lis 2023 o 09:13 Jane Roe <jane@x.test> napisał(a):",
    "cs": "út 14. 11. 2023 v 9:13 odesílatel Jane Roe <jane@x.test> napsal:",
    "sv": "Den tis 14 nov. 2023 kl 09:13 skrev Jane Roe <jane@x.test>:",
    "da": "Den tirs. 14. nov. 2023 kl. 09.13 skrev Jane Roe <jane@x.test>:",
    "nb": "tir. 14. nov. 2023 kl. 09:13 skrev Jane Roe <jane@x.test>:",
    "fi": "ti 14. marrask. 2023 klo 9.13 Jane Roe (jane@x.test) kirjoitti:",
    "ru": "вт, 14 нояб. 2023 г. в 09:13, Jane Roe <jane@x.test>:",
    "ru 2": "14 ноября 2023 г. 09:13 пользователь Jane Roe <jane@x.test> написал:",
    "hu": "Jane Roe <jane@x.test> ezt írta (időpont: 2023. nov. 14., K, 9:13):",
    "tr": "Jane Roe <jane@x.test>, 14 Kas 2023 Sal, 09:13 tarihinde şunu yazdı:",
    "zh": "Jane Roe <jane@x.test> 于2023年11月14日周二 09:13写道：",
    "ja": "2023年11月14日(火) 9:13 Jane Roe <jane@x.test>:",
    "he": "בתאריך יום ג׳, 14 בנוב׳ 2023 ב-9:13 מאת Jane Roe <jane@x.test>:",
    "sr": "уто, 14. нов 2023. у 09:13 Jane Roe <jane@x.test> је написао/ла:",
    "wrapped": "On Tue, Nov 14, 2023 at 9:13 AM Jane Roe of the Customer\n<jane@x.test> wrote:",
}


@pytest.mark.parametrize("language", list(ATTRIBUTIONS))
def test_attributed_quotes(language: str) -> None:
    """An attribution and what it quotes are not new text, in the languages people write in."""
    text = f"New words.\n\n{ATTRIBUTIONS[language]}\n> old words\n>\n> more\n"
    split = split_reply(text)

    assert split.reply == "New words."
    assert "old words" in split.rest


@pytest.mark.parametrize(
    "line",
    [
        "Jane Roe wrote:",
        "Jane Roe schrieb:",
        "Once upon a time, Jane wrote :",
        "Jane Roe said:",
        "On Mon, 22 Jul 2002 the voices made Jane Roe write:",
        "Quoting Jane Roe (jane@x.test):",
        "pt., 11 cze 2021 o 08:49 użytkownik Jane Roe <jane@x.test>\nnapisał:",
        "Jane Roe <jane@x.test>\nescreveu no dia terça, 14/11/2023 à(s) 09:13:",
    ],
)
def test_who_wrote_the_quote_right_below(line: str) -> None:
    """Where the quote follows at once, the words that introduce it need no date or verb."""
    for gap in ("\n", "\n\n"):
        text = f"New words.\n\n{line}{gap}> old\n> older\n\nMore."

        assert split_reply(text).reply.split() == ["New", "words.", "More."]


@pytest.mark.parametrize("language", list(ATTRIBUTIONS))
@pytest.mark.parametrize(
    "words", ["No problem", "On it", "Hi John,\nyes.\nBye", "See you at 10:00"]
)
def test_short_words_right_above_an_attribution_stay(language: str, words: str) -> None:
    """What stands right above an attribution, as in text made of HTML, is no part of it."""
    split = split_reply(f"{words}\n{ATTRIBUTIONS[language]}\n\n> old words")

    assert split.reply == words


@pytest.mark.parametrize("language", ["en", "ru", "ja", "he"])
def test_attribution_without_marks_runs_to_the_end(language: str) -> None:
    """Quoted text that is not marked line by line goes with its attribution."""
    split = split_reply(f"New.\n\n{ATTRIBUTIONS[language]}\n\nOld, unmarked.\nMore.")

    assert split.reply == "New."


def test_inline_answers_stay() -> None:
    """Answers between quotes are all new text."""
    text = f"{ATTRIBUTIONS['en']}\n> one?\nYes.\n\n> two?\nNo.\n-- \nJane"

    assert split_reply(text).reply == "Yes.\n\nNo."


@pytest.mark.parametrize(
    "block",
    [
        "-----Original Message-----\nFrom: x",
        "-----Ursprüngliche Nachricht-----\nVon: x",
        "---------- Forwarded message ---------\nFrom: x",
        "Begin forwarded message:\n\nFrom: x",
        "From: Jane Roe\nSent: Tuesday\nTo: John\nSubject: x",
        "Von: Jane Roe\nGesendet: Dienstag\nAn: John\nBetreff: x",
        "De : Jane Roe\nEnvoyé : mardi\nÀ : John\nObjet : x",
        "De: Jane Roe\nEnviado el: martes\nPara: John\nAsunto: x",
        "Da: Jane Roe\nInviato: martedì\nA: John\nOggetto: x",
        "Van: Jane Roe\nVerzonden: dinsdag\nAan: John\nOnderwerp: x",
        "Od: Jane Roe\nWysłano: wtorek\nDo: John\nTemat: x",
        "От: Jane Roe\nОтправлено: вторник\nКому: John\nТема: x",
        "发件人: Jane\n发送时间: 2023\n收件人: John\n主题: x",
        "*From:* Jane Roe\n*Sent:* Tuesday\n*To:* John\n*Subject:* x",
        "________________________________\nFrom: Jane\nSent: x\nTo: y\nSubject: z",
        "--------------------\nFrom: Jane\nSent: x\nTo: y\nSubject: z",
        "Date: x\nTo: y\nFrom: Jane\nSubject: z\nCc: a",
        "Gesendet: Dienstag\nVon: Jane Roe\nAn: John\nBetreff: x",
        "-- \nJane Roe\nCustomer Ltd.",
        "--\nJane Roe",
        "_______________________________________________\nusers mailing list\nusers@x.test",
        "-" * 69 + "\nTo unsubscribe, e-mail: dev-unsubscribe@x.test",
    ],
)
def test_what_runs_to_the_end(block: str) -> None:
    """Copied messages and signatures end the new text."""
    split = split_reply(f"New words.\n\n{block}\n\nold words")

    assert split.reply == "New words."
    assert split.rest.endswith("old words")


@pytest.mark.parametrize(
    "text",
    [
        f"{ATTRIBUTIONS['en']}\n\n--]old words\n\nNew words.",
        "-----Original Message-----\nFrom: x\n\n> old\n> words\n\nNew words.",
        f"{ATTRIBUTIONS['de']}\n[snip]\nNew words.",
    ],
)
def test_answers_below_the_quote_stay(text: str) -> None:
    """Where nothing was written above a quote, what was written below it is the new text."""
    assert split_reply(text).reply.endswith("New words.")


@pytest.mark.parametrize(
    "text",
    [
        "From: the start it was clear.\nWe go on.",
        "He wrote: no date, no address here.\nYes.",
        "To: \nFrom: \nSubject: Hello\nMy name is Jane.",
        "On Monday we meet.\nThen on Tuesday.",
        "--verbose is an option",
        "a - b\n----\nc",
        "-" * 40 + "\nTo unsubscribe see the end.\n" + "News\n" * 20 + "End",
        "I asked the following:\nShall we?\n\nThe list:\n- one",
        "Sent the papers from my desk today, more than enough words to be no signature, truly.",
        "",
    ],
)
def test_new_text_that_only_looks_quoted(text: str) -> None:
    """Ordinary sentences are not taken for quotes."""
    assert split_reply(text).reply == text


def test_copied_header_takes_the_blank_lines_above_it() -> None:
    """A copied header runs to the end, marked as a quote or not; what is above it stays."""
    for mark in ("", "> ", "*"):
        block = "".join(f"{mark}{label}: x\n" for label in ("From", "Sent", "To", "Subject"))
        split = split_reply(f"Yes.\n\n\n{block}\nold text")

        assert split.reply == "Yes."
        assert split.rest.endswith("old text")


def test_quote_behind_a_broken_attribution() -> None:
    """What follows an attribution of several lines is a quote, though it begins in one."""
    text = "Yes.\n\nOn 1.1.2024 10:00 Bob\n> <bob@b.test> wrote:\n> old\n> older\n\nMore."

    assert split_reply(text).reply == "Yes.\n\n\nMore."


def test_telephone_signature() -> None:
    """A telephone's signature is no new text, wherever it stands."""
    assert split_reply("Yes.\n\nSent from my iPhone\n\n> old").reply == "Yes."


@given(st.text(alphabet="> -:\nOnwrote24@Fm", max_size=200))
def test_nothing_is_lost(text: str) -> None:
    """Every line is in one of the halves."""
    split = split_reply(text)
    lines = sorted(line.strip() for line in text.split("\n") if line.strip())
    halves = sorted(
        line.strip() for line in (split.reply + "\n" + split.rest).split("\n") if line.strip()
    )

    assert lines == halves


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>one</p><p>two</p>", "one\n\ntwo"),
        ("one<br>two<div>three</div>four", "one\ntwo\nthree\nfour"),
        ("a <b>bold</b>ly said", "a boldly said"),
        ("  lots\n of \t space&nbsp;&nbsp;here ", "lots of space here"),
        ("<ul><li>a<li>b</ul>", "- a\n- b"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ("&lt;b&gt; &eacute;&#233;&#xe9; &copy &unknown; &#128;", "<b> ééé © &unknown; €"),
        ("&#0;&#xD800;&#1114112;&#99999999999;", "\ufffd\ufffd\ufffd&#99999999999;"),
        ("<script>alert(1)</script>a<style>b{}</style><!-- c -->d", "ad"),
        ("<title>t</title>a<script>never closed", "a"),
        ('<a title="x > y">link</a>', "link"),
        ('<img alt="a chart" src=x>', "a chart"),
        (
            """<img alt="the team's chart" src=x> and <b title='10" tall'>'more'</b> > all""",
            "the team's chart and 'more' > all",
        ),
        (
            "<blockquote>old<blockquote>older</blockquote></blockquote>new",
            "> old\n>\n> > older\n>\nnew",
        ),
        ("<pre>a  b\n  c</pre>", "a  b\n  c"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("1 <<= 2 & 3 &lt;< 4 <b>5</b> <6> </ >", "1 <<= 2 & 3 << 4 5 <6> </ >"),
        ("<!DOCTYPE html><?xml ?><html><body>x</body></html>", "x"),
        ("<p>a\u200b\u200c &zwnj; &#847;</p>b", "a\u200b\u200c\n\nb"),
        ("a<", "a<"),
        ("a<b", "a"),
        ("", ""),
    ],
)
def test_html_to_text(html: str, text: str) -> None:
    """What a reader sees, line by line."""
    assert text == html_to_text(html)


@given(st.text(alphabet="<>/!-abpre\"'= &#;\n", max_size=120) | st.text(max_size=60))
def test_html_is_total(html: str) -> None:
    """No page makes the tokenizer raise, and its text is clean."""
    text = html_to_text(html)

    assert clean(text) == text
