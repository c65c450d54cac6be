"""Which folders are synced (rule F1): pure, from what the server lists and the policy."""

from __future__ import annotations

from collections.abc import Sequence

from eisd.model.folder import Folder, FolderRole
from eisd.model.mailbox import SyncMode

NEVER = {
    FolderRole.DRAFTS: "drafts",
    FolderRole.JUNK: "junk",
    FolderRole.TRASH: "trash",
    FolderRole.OUTBOX: "outbox",
    FolderRole.FLAGGED: "a view of other folders",
    FolderRole.IMPORTANT: "a view of other folders",
    FolderRole.SYSTEM: "not for mail",
    FolderRole.FOREIGN: "another user's or shared",
    FolderRole.UNSELECTABLE: "cannot be opened",
}
"""Roles that are never listed, with the reason for people."""

_ORDER = {FolderRole.INBOX: 0, FolderRole.SENT: 1, FolderRole.ALL: 2, FolderRole.ARCHIVE: 4}


def select(
    folders: Sequence[Folder],
    *,
    chosen: Sequence[str] | None,
    mode: SyncMode,
    labels: bool,
) -> list[tuple[Folder, str]]:
    """Each folder with "" if it is synced, else why not; the most important first.

    ``chosen`` are the names and special-use flags of a `selected` mailbox, None for all;
    ``labels`` says that one folder holds everything (Gmail's All Mail).
    """
    whole = next((f for f in folders if f.role is FolderRole.ALL), None)
    found = []
    for folder in sorted(folders, key=lambda f: (_ORDER.get(f.role, 3), f.name)):
        why = NEVER.get(folder.role, "")
        if not why and mode is SyncMode.ONE_WAY:
            why = 'nothing is read with sync = "one_way"'
        if not why and labels and whole is not None:
            why = "" if folder is whole else "All Mail holds its messages"
        elif not why and folder is whole and not _named(folder, chosen or ()):
            why = "a view of other folders"
        if not why and chosen is not None:
            why = _unchosen(folder, chosen, mode)
        found.append((folder, why))
    return found


def _unchosen(folder: Folder, chosen: Sequence[str], mode: SyncMode) -> str:
    """Why a folder that could be synced is not wanted, or ""."""
    if _named(folder, [name[1:] for name in chosen if name.startswith("-")]):
        return "left out by the configuration"
    wanted = [name for name in chosen if not name.startswith("-")]
    if not wanted or _named(folder, wanted):
        return ""
    if folder.role is FolderRole.SENT and mode is not SyncMode.INCOMING:
        return ""
    return "not among the folders chosen"


def _named(folder: Folder, names: Sequence[str]) -> bool:
    """Whether one of the names is the folder's, or the flag of its role, in any letter case."""
    lowered = {name.lower() for name in names}
    return folder.name.lower() in lowered or f"\\{folder.role}" in lowered
