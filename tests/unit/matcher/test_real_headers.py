"""G1 to G9 on headers as programs really write them, names and addresses aside.

The folder of a file under ``headers/`` is the class it must have.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from unit.matcher.world import ME, STAFF, entry, facts, judge, told

from eisd.matcher.create import asked
from eisd.matcher.policy import Policy
from eisd.model.activity import Flag, MessageClass

FILES = sorted((Path(__file__).parent / "headers").glob("*/*.txt"))
CREATING = Policy(create_policy="sent_and_received")
SUBJECTS = {
    "cs": "Automatická odpověď: Nabídka",
    "da": "Automatisk svar: Tilbud",
    "de": "Automatische Antwort: Angebot",
    "de-lotus": "Abwesenheitsnotiz: Angebot",
    "el": "Αυτόματη απάντηση: Προσφορά",
    "en": "Out of Office: Offer",
    "en-gmail": "OOO: Re: Offer",
    "es": "Respuesta automática: Oferta",
    "et": "Automaatvastus: Pakkumine",
    "fi": "Automaattinen vastaus: Tarjous",
    "fr": "Réponse automatique : Offre",
    "fr-absence": "Absence du bureau : Offre",
    "he": "תשובה אוטומטית: הצעה",
    "hu": "Automatikus válasz: Ajánlat",
    "it": "Risposta automatica: Offerta",
    "ja": "自動返信: 見積もり",
    "ko": "자동 회신: 제안",
    "nb": "Automatisk svar: Tilbud",
    "nl": "Automatisch antwoord: Aanbod",
    "pl": "Automatyczna odpowiedź: Oferta",
    "pt": "Resposta automática: Oferta",
    "ro": "Răspuns automat: Ofertă",
    "ru": "Автоматический ответ: Предложение",
    "sk": "Automatická odpoveď: Ponuka",
    "sv": "Autosvar: Erbjudande",
    "tr": "Otomatik Yan\u0131t: Teklif",
    "uk": "Автоматична відповідь: Пропозиція",
    "zh": "自动答复: 报价",
    "zh-tw": "自動回覆: 報價",
}


@pytest.mark.parametrize("file", FILES, ids=[f"{one.parent.name}-{one.stem}" for one in FILES])
def test_g9_each_program_is_known_by_its_headers(file: Path):
    """The class is the folder's; no class but personal asks for a contact."""
    known = facts(file.read_text("utf-8"))
    decision = judge(known, policy=CREATING)
    wanted = asked(known, decision, STAFF, CREATING)

    assert decision.kind is MessageClass(file.parent.name)
    assert bool(wanted.first or wanted.fallback) is (decision.kind is MessageClass.PERSONAL)


@pytest.mark.parametrize("language", SUBJECTS)
def test_g2_an_absence_is_known_by_its_subject(language: str):
    """In the language of whoever is away, as an answer; it matches and is flagged."""
    head = f"From: ann@a.example\nTo: {ME}\nSubject: {SUBJECTS[language]}\n"
    answer = judge(f"{head}In-Reply-To: <offer@ours.example>\n", entry(1, "ann@a.example"))

    assert answer.kind is MessageClass.AUTO_REPLY
    assert answer.hits[0].flags == {Flag.AUTO}
    assert judge(head).kind is MessageClass.PERSONAL


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("list", "skipped:list"), ("bulk", "skipped:bulk"), ("bounce", "skipped:bounce")],
)
def test_g4_what_is_skipped_is_skipped_for_contacts_too(kind: str, expected: str):
    """Mail of a class that is skipped makes no activity, whoever its author is."""
    for file in (one for one in FILES if one.parent.name == kind):
        known = facts(file.read_text("utf-8"))
        author = next(one.address for one in known.participants if one.exact == known.author)

        assert told(judge(known, entry(1, author))) == expected, file.name
