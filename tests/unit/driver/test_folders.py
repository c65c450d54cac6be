"""Which folder is for what (rule F1)."""

from __future__ import annotations

import pytest

from eisd.driver.imap.folders import Namespaces, folder_roles
from eisd.driver.imap.names import BY_NAME
from eisd.model.folder import FolderRole
from eisd.wire.imap_grammar import encode_name
from eisd.wire.imap_responses import ListEntry


def entry(name: str, *attributes: str, delimiter: str | None = "/") -> ListEntry:
    """A LIST response."""
    return ListEntry(name, encode_name(name), delimiter, frozenset(attributes))


def roles(*entries: ListEntry, namespaces: Namespaces | None = None) -> dict[str, str]:
    """Role by name."""
    return {f.name: f.role.value for f in folder_roles(entries, namespaces or Namespaces())}


@pytest.mark.parametrize("spelling", ["\\Sent", "\\sent", "\\SENT"])
def test_special_use_in_any_letter_case(spelling: str):
    """Cyrus writes \\Sent, others \\sent (RFC 6154 does not care)."""
    assert roles(entry("INBOX"), entry("Out there", spelling))["Out there"] == "sent"


def test_all_special_uses():
    """Every attribute of RFC 6154 and RFC 8457 has its role."""
    words = ("All", "Archive", "Drafts", "Flagged", "Junk", "Sent", "Trash", "Important")
    found = roles(*(entry(w.swapcase(), f"\\{w.lower()}") for w in words))
    assert {found[w.swapcase()] for w in words} == {w.lower() for w in words}


def test_a_name_counts_only_where_no_attribute_does():
    """A server that says which folder is Sent needs no guess about a second one."""
    said = roles(entry("Gesendet", "\\sent"), entry("Sent"), entry("Spam"))
    assert (said["Gesendet"], said["Sent"], said["Spam"]) == ("sent", "other", "junk")


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("Sent Items", "sent"), ("Gesendete Objekte", "sent"), ("Éléments envoyés", "sent"),
        ("Enviados", "sent"), ("Posta inviata", "sent"), ("Itens enviados", "sent"),
        ("Verzonden items", "sent"), ("Wysłane", "sent"), ("Odeslaná pošta", "sent"),
        ("Skickat", "sent"), ("Sendt", "sent"), ("Sendte elementer", "sent"),
        ("Lähetetyt", "sent"), ("Отправленные", "sent"), ("Надіслані", "sent"),
        ("Gönderilmiş Öğeler", "sent"), ("已发送", "sent"), ("寄件備份", "sent"),
        ("送信済みメール", "sent"), ("보낸편지함", "sent"),
        ("Entwürfe", "drafts"), ("Brouillons", "drafts"), ("草稿箱", "drafts"),
        ("Utkast", "drafts"), ("Черновики", "drafts"), ("下書き", "drafts"),
        ("Courrier indésirable", "junk"), ("Skräppost", "junk"), ("Спам", "junk"),
        ("迷惑メール", "junk"), ("스팸메일함", "junk"), ("垃圾邮件", "junk"),
        ("Papierkorb", "trash"), ("Corbeille", "trash"), ("Papelera", "trash"),
        ("Kosz", "trash"), ("Корзина", "trash"), ("ゴミ箱", "trash"), ("휴지통", "trash"),
        ("Archiv", "archive"), ("Arkiv", "archive"), ("归档", "archive"),
        ("SENT", "sent"), ("Projekte", "other"), ("Sent to print", "other"),
    ],
)  # fmt: skip
def test_localised_names(name: str, role: str):
    """Without attributes the name tells, in any of the languages."""
    assert roles(entry("INBOX"), entry(name))[name] == role


def test_no_name_means_two_things():
    """A name stands for one role; where two languages disagree it stands for none."""
    every = [n for role in (FolderRole.SENT, FolderRole.ARCHIVE) for n in BY_NAME[role]]
    excluded = [
        n for role in (FolderRole.DRAFTS, FolderRole.JUNK, FolderRole.TRASH) for n in BY_NAME[role]
    ]
    assert not set(every) & set(excluded)
    assert not BY_NAME[FolderRole.SENT] & BY_NAME[FolderRole.ARCHIVE]


def test_names_below_the_personal_prefix():
    """Courier and Cyrus put everything below INBOX."""
    courier = Namespaces(personal=("INBOX.",), foreign=("#shared.", "shared."))
    found = roles(
        entry("INBOX", delimiter="."),
        entry("INBOX.Sent", delimiter="."),
        entry("INBOX.Trash", delimiter="."),
        entry("INBOX.Clients.Sent", delimiter="."),
        entry("shared.office", delimiter="."),
        namespaces=courier,
    )
    assert found["INBOX.Sent"] == "sent"
    assert found["INBOX.Trash"] == "trash"
    assert found["INBOX.Clients.Sent"] == "other"
    assert found["shared.office"] == "foreign"


def test_gmails_names_without_attributes():
    """Gmail's folders stand below a root of its own, which holds no mail."""
    found = roles(
        entry("INBOX"),
        entry("[Gmail]", "\\noselect"),
        entry("[Gmail]/Gesendet"),
        entry("[Gmail]/Papierkorb"),
    )
    assert found["[Gmail]"] == "unselectable"
    assert (found["[Gmail]/Gesendet"], found["[Gmail]/Papierkorb"]) == ("sent", "trash")


def test_other_peoples_folders_are_foreign_whatever_they_are_for():
    """Another user's Sent is not ours (RFC 2342)."""
    names = Namespaces(personal=("",), foreign=("user/", "Shared Folders/"))
    found = roles(
        entry("user/ada/Sent", "\\sent"), entry("user"), entry("username"), namespaces=names
    )
    assert (found["user/ada/Sent"], found["user"]) == ("foreign", "foreign")
    assert found["username"] == "other"


def test_an_empty_foreign_prefix_takes_nothing():
    """A server that claims the whole tree as shared still has our folders."""
    found = roles(entry("INBOX"), entry("Sent"), namespaces=Namespaces(("",), ("",)))
    assert found["Sent"] == "sent"


def test_exchange_folders_are_no_mail():
    """Calendar, Contacts and their like are told from people's own by coming together."""
    exchange = roles(*(entry(n) for n in ("Calendar", "Contacts", "Tasks", "Notes", "Outbox")))
    assert set(exchange.values()) == {"system", "outbox", "inbox"}
    assert roles(entry("INBOX"), entry("Notes"))["Notes"] == "other"
    german = ("Kalender", "Kontakte", "Aufgaben", "Synchronisierungsprobleme/Konflikte")
    assert roles(*(entry(n) for n in german))[german[-1]] == "system"


@pytest.mark.parametrize("attribute", ["\\noselect", "\\nonexistent", "\\NoSelect"])
def test_what_cannot_be_opened(attribute: str):
    """A folder that only holds others is never opened."""
    assert roles(entry("INBOX"), entry("Tree", attribute))["Tree"] == "unselectable"


def test_inbox_in_any_letter_case_and_always():
    """INBOX is the same in any letter case, and exists though LIST forgets it."""
    assert roles(entry("Inbox"))["INBOX"] == "inbox"
    assert roles(entry("Sent"))["INBOX"] == "inbox"


def test_two_folders_that_read_alike_stay_two():
    """Readable names are unique; handles tell the server which."""
    odd = ListEntry("a&b", "a&b", "/", frozenset())
    folders = folder_roles([entry("a&b"), odd, odd], Namespaces())
    assert len({f.name for f in folders}) == len({f.handle for f in folders}) == 3
