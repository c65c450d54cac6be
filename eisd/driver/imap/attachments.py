"""Attachments as a BODYSTRUCTURE describes them. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from eisd.mime.params import word_and_parameters
from eisd.mime.text import cut, one_line
from eisd.model.mail import Attachment
from eisd.wire.imap_structure import Part

_LONGEST_NAME = 200  # octets of UTF-8


def describe(part: Part) -> Attachment:
    """A part that was not fetched."""
    return Attachment(
        filename=_filename(part),
        content_type=part.content_type,
        size=part.size * 3 // 4 if part.encoding == "base64" else part.size,
        inline=part.disposition == "inline" or bool(part.content_id and not part.disposition),
        content_id=part.content_id.strip("<> "),
        sha256="",
    )


def _filename(part: Part) -> str:
    """The name the sender gave: RFC 2231 or RFC 2047 decoded, without path or controls."""
    names = (
        _parameters(part.disposition_params).get("filename", ""),
        _parameters(part.params).get("name", ""),
    )
    name = one_line(next((n for n in names if n), ""))
    return cut(name.replace("\\", "/").rpartition("/")[2].strip(), _LONGEST_NAME)


def _parameters(params: Mapping[str, str]) -> Mapping[str, str]:
    """The parameters as the header parser reads them: continuations joined, charsets decoded."""
    written = "".join(
        '; {}="{}"'.format(k, v.replace("\\", "\\\\").replace('"', '\\"'))
        for k, v in params.items()
    )
    return word_and_parameters(b"x" + written.encode("utf-8", "surrogateescape"))[1]
