"""What folders are called where the server does not say what they are for.

Names as clients and providers create them, by role. A name is compared whole, casefolded and
normalised, after the personal namespace's prefix is taken off (`folders.folder_roles`).
"""

from __future__ import annotations

from types import MappingProxyType
from unicodedata import normalize

from eisd.model.folder import FolderRole

_SENT = """
Sent; Sent Items; Sent Messages; Sent Mail; Sent-Mail; sent_mail; Sent Objects; INBOX Sent
Gesendet; Gesendete Objekte; Gesendete Elemente; Gesendete Nachrichten; Gesendete Mails
Envoyés; Éléments envoyés; Messages envoyés; Mails envoyés; Courrier envoyé; Objets envoyés
Enviados; Elementos enviados; Mensajes enviados; Correo enviado; Enviado
Inviati; Posta inviata; Inviata; Elementi inviati; Messaggi inviati
Itens enviados; Mensagens enviadas; Enviadas; E-mails enviados; Correio enviado
Verzonden; Verzonden items; Verzonden berichten; Verzonden mail; Verstuurd
Wysłane; Elementy wysłane; Wysłane elementy; Wysłane wiadomości
Odeslané; Odeslaná pošta; Odeslané zprávy; Odoslané; Odoslaná pošta
Skickat; Skickade; Skickade objekt; Skickade meddelanden; Skickad e-post
Sendt; Sendte; Sendt post; Sendte elementer; Sendte mails; Sendte e-mails; Sendt e-post
Sende elementer
Lähetetyt; Lähetetyt viestit; Lähetetyt kohteet
Отправленные; Отправленное; Исходящие сообщения
Надіслані; Відправлені; Надіслані елементи; Відправлене
Gönderilmiş Öğeler; Gönderilmiş; Gönderilenler; Gönderilmiş Postalar; Gönderilen
Elküldött elemek; Elküldött üzenetek; Elküldött; Trimise; Elemente trimise; Mesaje trimise
Απεσταλμένα; Σταλμένα; Изпратени; Poslane stavke; Poslano; Poslato; Saadetud; Išsiųsti
Nosūtītie
已发送; 已发送邮件; 已发邮件; 发件箱已发送; 已傳送; 寄件備份; 已傳送的郵件; 寄件匣備份; 已寄出
已送郵件
送信済み; 送信済みメール; 送信済みトレイ; 送信済みアイテム; 送信済
보낸편지함; 보낸 편지함; 보낸 메일함; 보낸메일함; 보낸 메시지
Đã gửi; Thư đã gửi; ส่งแล้ว; จดหมายที่ส่งแล้ว; פריטים שנשלחו; דואר שנשלח; البريد المرسل
المرسلة; Terkirim
"""
_DRAFTS = """
Drafts; Draft; Draft Messages; Unsent; Unsent Messages
Entwürfe; Entwurf; Brouillons; Brouillon; Borradores; Borrador; Bozze; Rascunhos; Rascunho
Concepten; Wersje robocze; Kopie robocze; Robocze; Szkice; Koncepty; Rozepsané
Rozpracované; Utkast; Utkaster; Kladder; Kladde; Luonnokset; Keskeneräiset; Черновики
Чернетки
Taslaklar; Taslak; Piszkozatok; Ciorne; Schițe; Πρόχειρα; Чернови; Skice; Nacrti; Osnutki
Mustandid
Juodraščiai; Melnraksti; 草稿; 草稿箱; 草稿夹; 草稿匣; 下書き; 下書; 임시보관함; 임시 보관함
임시보관
Thư nháp; Bản nháp; ฉบับร่าง; แบบร่าง; טיוטות; المسودات; مسودات; Draf; Konsep
"""
_JUNK = """
Junk; Junk E-mail; Junk Email; Junk Mail; Spam; Bulk; Bulk Mail; Probable Spam; Spambox
Spamverdacht; Unerwünscht; Unerwünschte Werbung; Junk-E-Mail; Spam-Verdacht
Courrier indésirable; Indésirables; Pourriel; Pourriels; Spams
Correo no deseado; Correo basura; No deseado; Posta indesiderata; Indesiderata; Spazzatura
Lixo eletrônico; Lixo eletrónico; Lixo electrónico; Correio eletrônico não solicitado
Correio não solicitado
Ongewenste e-mail; Ongewenst; Ongewenste reclame; Wiadomości-śmieci; Niechciane; Śmieci
Nevyžádaná pošta; Nevyžádané; Nevyžiadaná pošta; Skräppost; Uønsket mail; Uønsket post
Uønsket e-mail
Søppelpost; Uønsket e-post; Søppel-e-post; Roskaposti; Спам; Нежелательная почта
Небажана пошта
Gereksiz; Gereksiz E-posta; Önemsiz; Önemsiz E-posta; İstenmeyen; Levélszemét; Ανεπιθύμητα
Нежелана поща; Neželjena pošta; Neželena pošta; Vsiljena pošta; Mesaje nedorite
垃圾邮件; 垃圾箱邮件; 垃圾郵件; 垃圾邮件箱; 垃圾信件; 廣告郵件; 迷惑メール; 스팸; 스팸메일함
스팸 메일함; 정크 메일; 스팸편지함
Thư rác; Thư Spam; จดหมายขยะ; อีเมลขยะ; דואר זבל; דואר לא רצוי; البريد العشوائي
البريد غير الهام
"""
_TRASH = """
Trash; Deleted; Deleted Items; Deleted Messages; Deleted Mail; Bin; Wastebasket; Trash Can
Papierkorb; Gelöscht; Gelöschte Objekte; Gelöschte Elemente; Gelöschte Nachrichten
Corbeille; Poubelle; Éléments supprimés; Messages supprimés; Supprimés
Papelera; Papelera de reciclaje; Elementos eliminados; Eliminados; Mensajes eliminados
Cestino; Posta eliminata; Eliminati; Elementi eliminati
Lixo; Lixeira; Itens excluídos; Itens eliminados; Excluídos; Mensagens excluídas
Prullenbak; Prullenmand; Verwijderd; Verwijderde items; Verwijderde berichten
Kosz; Elementy usunięte; Usunięte; Koš; Odstraněná pošta; Odstraněné; Smazané; Kôš
Odstránená pošta
Papperskorg; Papperskorgen; Borttaget; Borttagna objekt; Borttagna
Papirkurv; Slettet; Slettet post; Slettede elementer; Papirkurven; Slettede mails; Søppel
Søppelkasse
Roskakori; Poistetut; Poistetut viestit; Poistetut kohteet
Корзина; Удалённые; Удаленные; Удалённое; Кошик; Видалені; Видалене; Смітник
Çöp Kutusu; Çöp; Silinmiş Öğeler; Silinenler; Silinmiş; Törölt elemek; Törölt; Coș
Elemente șterse
Κάδος; Απορρίμματα; Διαγραμμένα; Кошче; Изтрити; Smeće; Koš za smeće; Obrisane stavke; Prügi
Šiukšlinė; Ištrinti; Miskaste; 垃圾箱; 已删除; 已删除邮件; 废件箱; 已刪除; 刪除的郵件; 垃圾桶
回收桶
ゴミ箱; ごみ箱; 削除済みアイテム; 削除済み; 휴지통; 지운 편지함; 지운편지함; 삭제된 메시지
Thùng rác; Thư đã xóa; ถังขยะ; ขยะ; אשפה; פריטים שנמחקו; المهملات; سلة المهملات
العناصر المحذوفة; Sampah
"""
_ARCHIVE = """
Archive; Archives; Archived; Archiv; Archivio; Archivo; Archivados; Archivé; Archivées
Arquivo; Arquivos
Arquivo Morto; Archief; Archiwum; Archivace; Archív; Arkiv; Arkiverat; Arkisto; Архив; Архів
Arşiv
Archívum; Arhivă; Αρχείο; Arhiva; Arhiv; Arhiiv; Archyvas; Arhīvs; 归档; 存档; 封存; 已封存
存檔
アーカイブ; 保管; 보관함; 보관; Lưu trữ; ที่เก็บถาวร; ארכיון; الأرشيف; Arsip
"""
_SYSTEM = """
Calendar; Contacts; Journal; Notes; Tasks; Sync Issues; Suggested Contacts
Conversation History
Conversation Action Settings; Quick Step Settings; RSS Feeds; RSS Subscriptions; News Feed
Yammer Root
Files; Working Set; ExternalContacts; PersonMetadata; Detected Items; Birthdays
Recoverable Items
Kalender; Kontakte; Notizen; Aufgaben; Synchronisierungsprobleme; Vorgeschlagene Kontakte
RSS-Feeds
Aufgezeichnete Unterhaltungen; Calendrier; Tâches; Problèmes de synchronisation; Flux RSS
Contacts suggérés
Historique des conversations; Calendario; Contactos; Notas; Tareas; Diario
Problemas de sincronización
Contatti; Note; Attività; Problemi di sincronizzazione; Calendário; Contatos; Tarefas
Anotações; Histórico
Problemas de Sincronização; Agenda; Contactpersonen; Notities; Taken; Logboek
Synchronisatieproblemen
Kalendarz; Kontakty; Notatki; Zadania; Dziennik; Problemy z synchronizacją; Kalendář; Poznámky
Úkoly; Deník
Kontakter; Anteckningar; Uppgifter; Journaler; Kalenteri; Yhteystiedot; Muistiinpanot
Tehtävät
Opgaver; Noter; Oppgaver; Notater; Календарь; Контакты; Заметки; Задачи; Дневник; Календар
Контакти; Нотатки
Завдання; Takvim; Kişiler; Notlar; Görevler; 日历; 联系人; 便笺; 任务; 日记; 行事曆; 連絡人
記事; 工作
予定表; 連絡先; メモ; タスク; 仕事; 履歴; 일정; 연락처; 메모; 작업; 저널
"""
_OUTBOX = """
Outbox; Postausgang; Boîte d'envoi; Bandeja de salida; Posta in uscita; Caixa de saída
Postvak UIT; Skrzynka nadawcza; K odeslání; Pošta k odeslání; Utkorg; Utkorgen; Udbakke
Utboks; Lähtevät
Исходящие; Вихідні; Giden Kutusu; 发件箱; 寄件匣; 送信トレイ; 보낼 편지함
"""


def plain(name: str) -> str:
    """A folder name as names are compared: NFKC, casefolded, one kind of apostrophe."""
    return (
        normalize("NFKC", name).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").casefold().strip()
    )


def _names(text: str) -> frozenset[str]:
    return frozenset(plain(n) for line in text.splitlines() for n in line.split(";") if n.strip())


BY_NAME = MappingProxyType(
    {
        FolderRole.SENT: _names(_SENT),
        FolderRole.DRAFTS: _names(_DRAFTS),
        FolderRole.JUNK: _names(_JUNK),
        FolderRole.TRASH: _names(_TRASH),
        FolderRole.ARCHIVE: _names(_ARCHIVE),
    }
)
"""The roles that a name alone may give."""

EXCHANGE_SYSTEM = _names(_SYSTEM)
"""What Exchange shows over IMAP besides mail; on other servers such names are people's own."""

EXCHANGE_OUTBOX = _names(_OUTBOX)
