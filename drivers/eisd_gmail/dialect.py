"""Gmail's IMAP as data: its extension X-GM-EXT-1, its labels, its limits, its words.

One entry of All Mail stands for a message whatever number of labels it bears, so All Mail is
synced alone, and the labels say what a folder would. Gmail leaves the label of the folder that is
open out of ``X-GM-LABELS``; All Mail has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from eisd.driver.imap.dialect import Dialect, Told, saying
from eisd.errors import AuthRejected, Misconfigured, Transient
from eisd.model.folder import FolderRole
from eisd.wire.imap_grammar import Token

ROLES = MappingProxyType(
    {
        b"\\trash": FolderRole.TRASH,
        b"\\spam": FolderRole.JUNK,
        b"\\junk": FolderRole.JUNK,
        b"\\draft": FolderRole.DRAFTS,
        b"\\drafts": FolderRole.DRAFTS,
        b"\\chat": FolderRole.SYSTEM,
        b"\\chats": FolderRole.SYSTEM,
        b"[gmail]/chats": FolderRole.SYSTEM,
        b"[google mail]/chats": FolderRole.SYSTEM,
        b"\\sent": FolderRole.SENT,
    }
)
"""What a label makes of a message; of several the first in this order counts."""

_MAX_ID = 20  # digits of 64 bits


def read(items: Mapping[bytes, Token]) -> Told:
    """What ``X-GM-LABELS``, ``X-GM-THRID`` and ``X-GM-MSGID`` say of a copy."""
    labels = items.get(b"X-GM-LABELS")
    given = {w.lower() for w in labels if isinstance(w, bytes)} if isinstance(labels, list) else ()
    role = next((role for label, role in ROLES.items() if label in given), None)
    return Told(role, _number(items.get(b"X-GM-THRID")), _number(items.get(b"X-GM-MSGID")))


def _number(value: Token) -> str:
    """An id as Gmail writes it, an unsigned number of 64 bits; empty if it is none."""
    if isinstance(value, bytes) and value.isdigit() and len(value) <= _MAX_ID:
        return value.decode("ascii")
    return ""


_BROWSER = "log in once with a browser, as the one whose mailbox it is, and confirm that it was you"
_SIGN_IN = "sign in again: eisd auth login; with a password: it must be an app password"

GMAIL = Dialect(
    requires="X-GM-EXT-1",
    items="X-GM-MSGID X-GM-THRID X-GM-LABELS",
    read=read,
    sayings=(
        saying("too many simultaneous connections", Transient, "throttled",
               "Gmail allows 15 connections to one mailbox, all programs together"),
        saying("(command|bandwidth) or (command|bandwidth) limits|overquota", Transient,
               "throttled", "Gmail allows 2,500 MB a day over IMAP; it goes on by itself"),
        saying("web login required|log in via your web browser|webalert", AuthRejected,
               "web_login", _BROWSER),
        saying("application-specific password required", AuthRejected, "app_password",
               "make an app password at https://myaccount.google.com/apppasswords"),
        saying("imap access is disabled|not enabled for imap", Misconfigured, "permission",
               "an admin must allow IMAP: Admin console > Apps > Gmail > End User Access"),
        saying("system error|lookup failed", Transient, "unavailable", ""),
        saying("invalid credentials|authenticationfailed", AuthRejected, "authenticationfailed",
               _SIGN_IN),
    ),
    cut_sizes=frozenset({1000, 2000, 5000, 10_000}),
    cut_note=(
        "{folder} shows exactly {count} messages: Gmail seems to limit the size of folders"
        " (Settings > Forwarding and POP/IMAP > Folder size limits); older mail is not seen"
    ),
    whole_note=(
        "All Mail is hidden from IMAP, so each label is read as a folder; archived mail without a"
        " label is not seen (Gmail > Settings > Labels > All Mail: Show in IMAP)"
    ),
)  # fmt: skip
