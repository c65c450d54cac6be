"""MIME parts of outgoing mail as chunks of bytes: their headers, an empty line, their body.

Nothing has a line of more than 998 octets, and but for attached messages nothing needs 8BITMIME.
"""

from __future__ import annotations

import mimetypes
import re
from base64 import encodebytes
from binascii import b2a_qp
from hashlib import sha256
from typing import Final

from eisd.model.outgoing import File
from eisd.outbox import header
from eisd.wire.smtp_data import crlf

Chunks = list[bytes]

_TEXTUAL: Final = re.compile(r"[\t\n\x20-\x7e]*")
_LONG: Final = 78
_LONGEST: Final = 998
_CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f]")
_TYPE: Final = re.compile(
    r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}"
    r'(?:; ?[a-z0-9_-]{1,40}=(?:[a-z0-9_.+:/-]{1,100}|"[^"\\\x00-\x1f\x7f-\xff]{0,100}"))*',
    re.IGNORECASE,
)


def is_type(content_type: str) -> bool:
    """Whether that is a content type, perhaps with parameters."""
    return content_type.isascii() and _TYPE.fullmatch(content_type) is not None


def text_part(text: str, subtype: str) -> Chunks:
    """Text: as it is if plain and narrow, else quoted-printable, or base64 where that is shorter.

    Controls but tab and line feed are left out.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _CONTROLS.sub("", text)
    if not text.endswith("\n"):
        text += "\n"
    head = f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: "
    data = text.encode("utf-8", "replace").replace(b"\n", b"\r\n")
    if _is_simple(text):
        return [head.encode() + b"7bit\r\n\r\n", data]
    if sum(byte > 0x7F for byte in data) * 4 > len(data):  # noqa: PLR2004 - ASCII's end
        return [head.encode() + b"base64\r\n\r\n", _base64(data)]
    quoted = b2a_qp(data, istext=True)
    if quoted.startswith(b"From "):
        quoted = b"=46" + quoted[1:]
    return [
        head.encode() + b"quoted-printable\r\n\r\n",
        quoted.replace(b"\r\nFrom ", b"\r\n=46rom "),
    ]


def _is_simple(text: str) -> bool:
    if not text.isascii() or not _TEXTUAL.fullmatch(text):
        return False
    return all(len(line) <= _LONG and not line.startswith("From ") for line in text.split("\n"))


def _base64(data: bytes) -> bytes:
    return encodebytes(data).replace(b"\n", b"\r\n")


def file_part(file: File) -> Chunks:
    """An attachment, or an inline image."""
    content_type = file.content_type or guess_type(file.filename)
    data = file.data
    whole = content_type.partition(";")[0].lower()
    if whole == "message/rfc822" and _fits_as_message(data):
        body, coding = crlf(data), "7bit" if data.isascii() else "8bit"
    else:
        if whole.startswith(("message/", "multipart/")):
            content_type = "application/octet-stream"
        body, coding = _base64(data), "base64"
    disposition = "inline" if file.content_id else "attachment"
    lines = [
        header.field("Content-Type", _with_name(content_type, "name", file.filename)),
        header.field("Content-Disposition", _with_name(disposition, "filename", file.filename)),
        f"Content-Transfer-Encoding: {coding}\r\n".encode(),
    ]
    if file.content_id:
        lines.append(f"Content-ID: <{file.content_id}>\r\n".encode())
    return [b"".join(lines) + b"\r\n", body]


def guess_type(filename: str) -> str:
    """The content type that a file name tells."""
    guessed, coding = mimetypes.guess_type(filename, strict=False)
    return guessed if guessed and not coding else "application/octet-stream"


def _fits_as_message(data: bytes) -> bool:
    return b"\0" not in data and all(len(line) <= _LONGEST for line in data.splitlines())


def _with_name(value: str, key: str, filename: str) -> list[str]:
    if not filename:
        return [value]
    return [f"{value};", header.parameter(key, filename)]


def multipart(subtype: str, parts: list[Chunks], seed: str) -> Chunks:
    """Several parts as one; ``seed`` makes the boundary, which none of them contains."""
    mark = _boundary(subtype, parts, seed)
    kind = f'multipart/{subtype}; boundary="{mark}"'
    chunks = [f"Content-Type: {kind}\r\n\r\n".encode()]
    for part in parts:
        chunks += [f"--{mark}\r\n".encode(), *part]
        if not part[-1].endswith(b"\r\n"):
            chunks.append(b"\r\n")
    chunks.append(f"--{mark}--\r\n".encode())
    return chunks


def _boundary(subtype: str, parts: list[Chunks], seed: str) -> str:
    """``=_`` is in no base64 and in no quoted-printable; elsewhere it is looked for."""
    for attempt in range(100):
        digest = sha256(f"{subtype} {attempt} {seed}".encode()).hexdigest()[:24]
        mark = f"=_{digest}"
        if not any(mark.encode() in chunk for part in parts for chunk in part):
            return mark
    raise AssertionError("no boundary is free")
