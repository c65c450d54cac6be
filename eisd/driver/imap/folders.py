"""What each folder of a mailbox is for (rule F1).

In this order: another user's or a shared namespace (RFC 2342), what cannot be selected, INBOX,
special use (RFC 6154, any letter case), what Exchange shows besides mail, localised names. A name
gives a role only where no folder has that role by attribute: a server that says which folder is
Sent needs no guess about a second one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from eisd.driver.imap.names import BY_NAME, EXCHANGE_OUTBOX, EXCHANGE_SYSTEM, plain
from eisd.model.folder import Folder, FolderRole
from eisd.wire.imap_responses import ListEntry

_SPECIAL_USE = {
    "\\all": FolderRole.ALL,
    "\\allmail": FolderRole.ALL,  # XLIST, RFC 6154's forerunner
    "\\archive": FolderRole.ARCHIVE,
    "\\drafts": FolderRole.DRAFTS,
    "\\flagged": FolderRole.FLAGGED,
    "\\starred": FolderRole.FLAGGED,
    "\\important": FolderRole.IMPORTANT,  # RFC 8457
    "\\junk": FolderRole.JUNK,
    "\\spam": FolderRole.JUNK,
    "\\sent": FolderRole.SENT,
    "\\trash": FolderRole.TRASH,
}
_UNSELECTABLE = frozenset({"\\noselect", "\\nonexistent"})
_PROVIDER_ROOTS = ("[gmail]", "[google mail]")
_EXCHANGE_AT_LEAST = 3  # "Notes" alone is somebody's folder; Calendar, Contacts and Tasks are not


@dataclass(frozen=True, slots=True)
class Namespaces:
    """Prefixes of RFC 2342: our own, and those of other users and shared folders together."""

    personal: tuple[str, ...] = ("",)
    foreign: tuple[str, ...] = ()

    def is_foreign(self, name: str) -> bool:
        """The name lies in somebody else's namespace; the longest prefix that fits decides."""
        own = max((len(p) for p in self.personal if _under(name, p)), default=-1)
        return max((len(p) for p in self.foreign if p and _under(name, p)), default=-1) > own

    def local(self, name: str) -> str:
        """The name without the personal prefix: ``Sent`` for ``INBOX.Sent``."""
        prefixes = sorted((p for p in self.personal if p), key=len, reverse=True)
        return next((name[len(p) :] for p in prefixes if name.startswith(p)), name)


def _under(name: str, prefix: str) -> bool:
    """``user.`` holds ``user.ada`` and is the root ``user`` itself."""
    return name.startswith(prefix) or name == prefix[:-1]


def folder_roles(entries: Sequence[ListEntry], namespaces: Namespaces) -> list[Folder]:
    """The folders of a LIST, each with its role, in the server's order, INBOX among them."""
    unique = {e.wire: e for e in entries}.values()
    given = {e.wire: _given(e, namespaces) for e in unique}
    taken = set(given.values())
    exchange = _is_exchange(unique, namespaces)
    folders = [
        Folder(_readable(e), e.wire, given[e.wire] or _guessed(e, namespaces, taken, exchange))
        for e in unique
    ]
    if FolderRole.INBOX not in taken:
        folders.insert(0, Folder("INBOX", "INBOX", FolderRole.INBOX))  # it always exists, 5.1
    return _distinct(folders)


def _given(entry: ListEntry, namespaces: Namespaces) -> FolderRole | None:
    """The role that the server's own words give."""
    if _is_inbox(entry):
        return FolderRole.INBOX
    if namespaces.is_foreign(entry.name):
        return FolderRole.FOREIGN
    attributes = {a.lower() for a in entry.attributes}
    if attributes & _UNSELECTABLE:
        return FolderRole.UNSELECTABLE
    roles = [role for word, role in _SPECIAL_USE.items() if word in attributes]
    return roles[0] if roles else None


def _guessed(
    entry: ListEntry, namespaces: Namespaces, taken: Collection[FolderRole | None], exchange: bool
) -> FolderRole:
    """The role that the name gives."""
    path = _path(entry, namespaces)
    if exchange and path[0] in EXCHANGE_SYSTEM:
        return FolderRole.SYSTEM
    if len(path) > 1:
        return FolderRole.OTHER
    if exchange and path[0] in EXCHANGE_OUTBOX:
        return FolderRole.OUTBOX
    roles = (role for role, names in BY_NAME.items() if path[0] in names and role not in taken)
    return next(roles, FolderRole.OTHER)


def _path(entry: ListEntry, namespaces: Namespaces) -> list[str]:
    """The name's levels as names are compared, without what the namespace or Gmail puts first."""
    local = namespaces.local(entry.name)
    levels = [plain(p) for p in (local.split(entry.delimiter) if entry.delimiter else [local])]
    if len(levels) > 1 and (levels[0] in _PROVIDER_ROOTS or levels[0] == "inbox"):
        return levels[1:]
    return levels


def _is_exchange(entries: Iterable[ListEntry], namespaces: Namespaces) -> bool:
    """The list holds what only Exchange shows over IMAP."""
    tops = {path[0] for e in entries if len(path := _path(e, namespaces)) == 1}
    return len(tops & EXCHANGE_SYSTEM) >= _EXCHANGE_AT_LEAST


def _is_inbox(entry: ListEntry) -> bool:
    return entry.wire.upper() == "INBOX"


def _readable(entry: ListEntry) -> str:
    return "INBOX" if _is_inbox(entry) else entry.name


def _distinct(folders: Iterable[Folder]) -> list[Folder]:
    """Names are unique in a mailbox: of two that read alike the later shows its handle too."""
    seen: set[str] = set()
    distinct: list[Folder] = []
    for folder in folders:
        name = folder.name if folder.name not in seen else f"{folder.name} [{folder.handle}]"
        seen.add(name)
        distinct.append(Folder(name, folder.handle, folder.role))
    return distinct
