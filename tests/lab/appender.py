"""APPEND many messages in one command (RFC 3502), their literals unasked (RFC 7888).

The standard library's imaplib waits a round trip for each message; a lab mailbox wants thousands.
"""

from __future__ import annotations

import base64
import imaplib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

BATCH = 500
_APPENDUID = re.compile(rb"\[APPENDUID \d+ ([\d:,]+)\]")
_FOREIGN = re.compile(r"[^\x20-\x7e]+")


@dataclass(frozen=True, slots=True)
class Item:
    """One message to append, with its internal date and flags."""

    rfc822: bytes
    when: datetime | None = None
    flags: tuple[str, ...] = ()


def append(port: int, user: str, password: str, folder: str, items: Iterable[Item]) -> list[int]:
    """Log in on a plain loopback port, append everything, return the UIDs in order."""
    uids: list[int] = []
    waiting = iter(items)
    with _login(port, user, password) as client:
        while batch := list(islice(waiting, BATCH)):
            uids += _append(client, folder, batch)
    return uids


@contextmanager
def _login(port: int, user: str, password: str) -> Iterator[imaplib.IMAP4]:
    client = imaplib.IMAP4("127.0.0.1", port)
    try:
        client.login(user, password)
        yield client
    finally:
        client.shutdown()


def _append(client: imaplib.IMAP4, folder: str, batch: list[Item]) -> list[int]:
    client.send(b"lab APPEND " + quoted(folder) + b"".join(map(_item, batch)) + b"\r\n")
    while not (line := client.readline()).startswith(b"lab "):
        if not line:
            raise ConnectionError("the server closed during APPEND")
    answer = _APPENDUID.search(line)
    if not answer:
        raise AssertionError(f"APPEND: {line!r}")
    return list(uid_set(answer[1].decode()))


def _item(item: Item) -> bytes:
    flags = f" ({' '.join(item.flags)})" if item.flags else ""
    when = f" {imaplib.Time2Internaldate(item.when)}" if item.when else ""
    return f"{flags}{when} {{{len(item.rfc822)}+}}\r\n".encode() + item.rfc822


def uid_set(text: str) -> Iterator[int]:
    """The numbers of ``1:3,7``."""
    for part in text.split(","):
        first, _, last = part.partition(":")
        yield from range(int(first), int(last or first) + 1)


def quoted(folder: str) -> bytes:
    """A folder's name as a quoted string in modified UTF-7 (RFC 3501 5.1.3)."""
    plain = _FOREIGN.sub(lambda run: f"&{_base64(run[0])}-", folder.replace("&", "&-"))
    return b'"' + plain.replace("\\", "\\\\").replace('"', '\\"').encode("ascii") + b'"'


def _base64(run: str) -> str:
    encoded = base64.b64encode(run.encode("utf-16-be"), altchars=b"+,")
    return encoded.rstrip(b"=").decode()
