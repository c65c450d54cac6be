"""Attachment names that are safe to show and to save.

A name is only ever a label: nothing of ours makes a path of it. It may still end up in someone's
file dialog, so it has no directory, no control, no bidi trick, no reserved device in it.
"""

from __future__ import annotations

import re
from typing import Final

from eisd.mime.limits import FILENAME
from eisd.mime.text import cut, one_line

_SEPARATOR: Final = re.compile(r"[/\\\u2044\u2215\uff0f\uff3c]|%2f|%5c", re.IGNORECASE)
_FORBIDDEN: Final = re.compile(r'[<>:"|?*\x00-\x1f\u200b-\u200f\u2060-\u2064]')
_DEVICE: Final = re.compile(
    r"(?:con|prn|aux|nul|clock\$|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\.|$)", re.IGNORECASE
)
_EXTENSION_MAX: Final = 20
_READ_MAX: Final = 4_000

_EXTENSIONS: Final = {
    "application/ics": ".ics",
    "application/json": ".json",
    "application/ms-tnef": ".dat",
    "application/msword": ".doc",
    "application/octet-stream": ".bin",
    "application/pdf": ".pdf",
    "application/pgp-encrypted": ".asc",
    "application/pgp-signature": ".asc",
    "application/pkcs7-mime": ".p7m",
    "application/pkcs7-signature": ".p7s",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/x-pkcs7-mime": ".p7m",
    "application/x-pkcs7-signature": ".p7s",
    "application/zip": ".zip",
    "image/gif": ".gif",
    "image/jpeg": ".jpg",
    "image/jpg": ".jpg",
    "image/png": ".png",
    "image/svg+xml": ".svg",
    "image/webp": ".webp",
    "message/rfc822": ".eml",
    "text/calendar": ".ics",
    "text/csv": ".csv",
    "text/html": ".html",
    "text/plain": ".txt",
    "text/vcard": ".vcf",
    "text/x-vcard": ".vcf",
}


def safe_name(name: str, content_type: str = "", number: int = 1) -> str:
    """``name`` without all that could hurt; a made-up one where nothing is left."""
    base = _SEPARATOR.split(name[-_READ_MAX:])[-1]
    base = _FORBIDDEN.sub("_", one_line(base)).strip(" .")
    if not base.strip("_"):
        return f"attachment-{number}{_EXTENSIONS.get(content_type, '')}"
    if _DEVICE.match(base):
        base = "_" + base
    if len(base.encode()) <= FILENAME:
        return base
    stem, dot, extension = base.rpartition(".")
    if not dot or len(extension) > _EXTENSION_MAX:
        return cut(base, FILENAME).rstrip(" .")
    tail = "." + extension
    return cut(stem, FILENAME - len(tail.encode())).rstrip(" .") + tail
