"""What mailers of many languages put before a subject: reply and automatic-reply prefixes.

Data, and three questions about a decoded subject. Comparison is by case folding; every expression
is anchored and bounded.
"""

from __future__ import annotations

import re
from typing import Final

_REPLY: Final = [
    "re", "aw", "antw", "antwort", "sv", "svar", "vs", "vastaus", "vb", "rép", "rif", "risp",
    "r", "res", "resp", "rv", "ynt", "yan", "odp", "odpověď", "odg", "válasz", "vá", "bls",
    "balas", "atb", "ats", "răsp", "отв", "ответ", "відп", "απ", "απάντηση", "σχετ", "תשובה",
    "השב", "رد", "答复", "答覆", "回复", "回覆", "回信", "返信", "답장", "회신", "ตอบ", "tl",
]  # fmt: skip

_FORWARD: Final = [
    "fw", "fwd", "wg", "tr", "rv", "enc", "i", "vs", "vl", "vb", "doorst", "vid", "ilt", "pd",
    "továbbítás", "przekaż", "пересл", "הועבר", "转发", "轉寄", "轉發", "転送", "전달",
]  # fmt: skip

_AUTOMATIC: Final = (
    "automatic reply", "auto-reply", "autoreply", "auto reply", "auto response", "auto-response",
    "autoresponse", "automatic response", "automated reply", "automated response", "out of office",
    "out-of-office", "out of the office", "i am out of the office", "ooo:", "ooo -", "oof:",
    "away from my mail", "away from the office", "vacation:", "vacation reply", "on vacation",
    "on leave", "on holiday", "annual leave", "automatische antwort", "automatische rückantwort",
    "automatisch generierte antwort", "abwesenheitsnotiz", "abwesenheitsmeldung",
    "abwesenheitsassistent", "abwesenheit:", "abwesend:", "autom. antwort", "urlaubsabwesenheit",
    "réponse automatique", "réponse d'absence", "absence du bureau", "absent du bureau",
    "message d'absence", "absence:", "respuesta automática", "respuesta automatica",
    "fuera de la oficina", "fuera de oficina", "ausencia de la oficina", "risposta automatica",
    "fuori sede", "fuori ufficio", "assenza dall'ufficio", "resposta automática",
    "resposta automàtica", "resposta automatica", "ausência temporária", "fora do escritório",
    "automatisch antwoord", "automatische beantwoording", "afwezigheidsbericht", "afwezig:",
    "niet aanwezig", "automatyczna odpowiedź", "odpowiedź automatyczna", "autoodpowiedź",
    "poza biurem", "automatická odpověď", "mimo kancelář", "automatická odpoveď",
    "mimo kancelárie", "automatikus válasz", "házon kívül", "autosvar", "automatiskt svar",
    "automatisk svar", "frånvaromeddelande", "frånvarande", "frånvaro:", "fraværsmelding",
    "fraværende", "ikke på kontoret", "ikke til stede", "automaattinen vastaus",
    "poissa toimistosta", "poissaoloilmoitus", "автоматический ответ", "автоответ",
    "вне офиса", "автоматична відповідь", "автоматичен отговор", "αυτόματη απάντηση",
    "εκτός γραφείου", "otomatik yan\u0131t", "otomatik cevap", "ofis d\u0131\u015f\u0131nda",
    "răspuns automat",
    "automatski odgovor", "samodejni odgovor", "automaatvastus", "automātiskā atbilde",
    "automātiska atbilde", "automatinis atsakymas", "balasan otomatis", "trả lời tự động",
    "ตอบกลับอัตโนมัติ", "自动答复", "自动回复", "自動回覆", "自動回應", "自動返信", "自動応答",
    "不在通知", "자동 회신", "자동 응답", "부재중", "رد تلقائي", "תשובה אוטומטית", "מענה אוטומטי",
)  # fmt: skip


def _alternatives(words: tuple[str, ...] | list[str]) -> str:
    folded = sorted({word.casefold() for word in words}, key=len, reverse=True)
    return "|".join(map(re.escape, folded))


_COUNT: Final = r"(?: ?[\[(^]\d{1,4}[\])]?)?"
_TAG: Final = r"(?:\[[^\]]{1,60}\] ?)?"
_IS_REPLY: Final = re.compile(f"{_TAG}(?:{_alternatives(_REPLY)}){_COUNT} ?[:：]")  # noqa: RUF001
_ANY: Final = re.compile(
    f"(?:{_TAG}(?:{_alternatives(_REPLY + _FORWARD)}){_COUNT} ?[:：] ?)"  # noqa: RUF001
)
_OWN: Final = re.compile(
    f"(?:{_alternatives(_REPLY)}){_COUNT} ?[:：] ?",  # noqa: RUF001
    re.IGNORECASE,
)
_START: Final = 120
"""Characters of a subject that are looked at."""


def is_reply(subject: str) -> bool:
    """Whether a decoded subject begins with a reply prefix, list tags set aside."""
    return _IS_REPLY.match(subject[:_START].casefold().lstrip()) is not None


def is_automatic(subject: str) -> bool:
    """Whether a decoded subject begins as automatic replies do (G2)."""
    return subject[:_START].casefold().lstrip("[<( ").startswith(_AUTOMATIC_FOLDED)


def without_reply_prefixes(subject: str) -> str:
    """``subject`` as it was before it was answered; forward prefixes and list tags stay."""
    for _ in range(20):
        prefix = _OWN.match(subject)
        if prefix is None:
            break
        subject = subject[prefix.end() :].lstrip()
    return subject


def base_subject(subject: str) -> str:
    """``subject`` without its reply and forward prefixes, folded: what a thread shares (H1)."""
    text = " ".join(subject.casefold().split())
    for _ in range(20):
        prefix = _ANY.match(text)
        if prefix is None:
            break
        text = text[prefix.end() :].lstrip()
    return text


_AUTOMATIC_FOLDED: Final = tuple(start.casefold() for start in _AUTOMATIC)
AUTOMATIC_STARTS: Final = frozenset(start[:3] for start in _AUTOMATIC_FOLDED)
"""How a subject that `is_automatic` begins, brackets aside: a quick look before the long one."""
LONGEST_PREFIX: Final = 40
"""Where the colon of a reply prefix stands at the latest, list tags aside."""
