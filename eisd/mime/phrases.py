"""What mailers of many languages write around quoted text. Data for `eisd.mime.quote`, folded."""

# ruff: noqa: RUF001 - the letters of other languages look like ours

from __future__ import annotations

from typing import Final

WROTE: Final = (
    " wrote", " writes", "schrieb", "a écrit", "a ecrit", "escribió", "escribio", "ha scritto",
    "escreveu", "schreef", "geschreven", "napisał", "pisze:", "napsal", "napísal", "skrev",
    "kirjoitti", "написал", "пишет", "пише:", "написа:", "írta", "yazdı", "yazdi", "a scris",
    "έγραψε", "va escriure", "missatge de", "napisao", "napisal", "написао", "ने लिखा", "kirjutas",
    "rakstīja", "rašė", "menulis",
    "đã viết", "เขียน", "写道", "寫道", "のメッセージ", "書きました", "작성", "님이", "כתב", "كتب",
)  # fmt: skip
"""The verb of an attribution: "On <date>, <someone> wrote:"."""

SAID: Final = (
    " said", " says", " mentioned", " asked", " replied", " quoted", " thought", " suggested",
    " stated", " sagte", " meinte", " a dit", " dijo", " ha detto", " disse", " zei", " sa",
)  # fmt: skip
"""The same where a quote follows at once, so that nothing else need be said."""

OPENINGS: Final = (
    "on ", "am ", "le ", "el ", "il ", "em ", "op ", "w dniu", "dnia ", "dne ", "dňa ", "den ",
    "på ", "a ", "în ", "pe ", "tarihinde", "στις", "vào ", "pada ", "no dia", "il giorno", "no ",
    "kl. ", "at ", "в ", "ср", "пн", "вт", "чт", "пт", "сб", "вс", "> on ",
)  # fmt: skip
"""How an attribution that is broken over lines begins."""

ORIGINAL: Final = (
    "original message", "original appointment", "forwarded message", "forwarded by",
    "reply message", "replied message", "begin forwarded message", "ursprüngliche nachricht",
    "ursprungliche nachricht", "originalnachricht", "weitergeleitete nachricht",
    "anfang der weitergeleiteten", "message d'origine", "message original", "message transféré",
    "mensaje original", "mensaje reenviado", "messaggio originale", "messaggio inoltrato",
    "mensagem original", "mensagem encaminhada", "oorspronkelijk bericht",
    "oorspronkelijk bericht", "doorgestuurd bericht", "wiadomość oryginalna",
    "oryginalna wiadomość", "wiadomość przekazana", "původní zpráva", "přeposlaná zpráva",
    "pôvodná správa", "ursprungligt meddelande", "vidarebefordrat meddelande",
    "oprindelig meddelelse", "videresendt meddelelse", "opprinnelig melding",
    "videresendt melding", "alkuperäinen viesti", "исходное сообщение", "пересылаемое сообщение",
    "оригинальное сообщение", "оригінальне повідомлення", "eredeti üzenet", "orijinal mesaj",
    "özgün ileti", "mesaj original", "αρχικό μήνυμα", "原始邮件", "原始郵件", "转发邮件",
    "元のメッセージ", "転送メッセージ", "원본 메시지", "원본 메일", "הודעה מקורית", "رسالة أصلية",
)  # fmt: skip
"""What stands between dashes above a quoted message."""

FOOTERS: Final = (
    "mailing list", "mailingliste", "mailman", "to unsubscribe", "unsubscribe:", "/listinfo/",
    "liste de diffusion", "lista de correo", "lista de distribu", "mailinglijst", "zum abbestellen",
)  # fmt: skip
"""What a mailing list says of itself below a rule, under everybody's text."""

BANNERS: Final = ("begin forwarded message", "anfang der weitergeleiteten")
"""The same without dashes (Apple Mail)."""

FROM: Final = frozenset(
    {"from", "von", "de", "da", "van", "od", "från", "fra", "lähettäjä", "от", "від", "feladó"}
    | {"kimden", "gönderen", "από", "发件人", "寄件者", "差出人", "보낸 사람", "de la", "מאת"}
    | {"šalje", "pošiljatelj", "من"}
)
"""The label that opens a block of copied headers (Outlook, Gmail's forwards)."""

OTHERS: Final = frozenset(
    {"sent", "date", "to", "cc", "subject", "reply-to", "gesendet", "datum", "an", "betreff"}
    | {"envoyé", "date", "à", "objet", "enviado", "enviado el", "fecha", "para", "asunto"}
    | {"inviato", "data", "a", "oggetto", "assunto", "enviada em", "verzonden", "aan"}
    | {"onderwerp", "wysłano", "do", "dw", "temat", "odesláno", "komu", "předmět", "kopie"}
    | {"odoslané", "predmet", "skickat", "till", "ämne", "sendt", "til", "emne", "lähetetty"}
    | {"vastaanottaja", "aihe", "отправлено", "кому", "тема", "копия", "дата", "надіслано"}
    | {"elküldve", "dátum", "címzett", "tárgy", "kime", "konu", "tarih", "gönderildi"}
    | {"trimis", "către", "subiect", "στάλθηκε", "προς", "θέμα", "发送时间", "收件人", "主题"}
    | {"日期", "抄送", "寄件日期", "收件者", "主旨", "送信日時", "日時", "宛先", "件名"}
    | {
        "보낸 날짜",
        "받는 사람",
        "제목",
        "נשלח",
        "אל",
        "נושא",
        "wysłane",
        "изпратено",
        "до",
        "относно",
    }
    | {"poslano", "prima", "za", "zadeva", "تاريخ الإرسال", "تم الإرسال", "إلى", "الموضوع"}
)
"""The labels that follow it."""

SENT_FROM: Final = (
    "sent from my ", "sent from outlook", "sent from mail for windows", "sent from yahoo",
    "sent with proton", "sent via ", "get outlook for ", "von meinem ", "gesendet von ",
    "gesendet mit ", "envoyé de mon ", "envoyé depuis ", "enviado desde mi ", "enviado do meu ",
    "enviado desde ", "inviato da ", "verzonden vanaf mijn ", "verstuurd vanaf mijn ",
    "skickat från min ", "sendt fra min ", "lähetetty ", "wysłane z ", "odesláno z ",
    "отправлено с ", "отправлено из ", "iphoneから送信", "发自我的", "나의 iphone",
)  # fmt: skip
"""How telephones sign."""
