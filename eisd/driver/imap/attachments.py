"""Attachments as a BODYSTRUCTURE describes them. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from eisd.mime.names import safe_name
from eisd.mime.params import word_and_parameters
from eisd.model.mail import Attachment
from eisd.wire.imap_structure import Part


def describe(part: Part, number: int) -> Attachment:
    """A part that was not fetched, the ``number``-th such of its message."""
    return Attachment(
        filename=_filename(part, number),
        content_type=part.content_type,
        size=part.size * 3 // 4 if part.encoding == "base64" else part.size,
        inline=part.disposition == "inline" or bool(part.content_id and not part.disposition),
        content_id=part.content_id.strip("<> "),
        sha256="",
    )


def _filename(part: Part, number: int) -> str:
    """The name the sender gave, decoded and harmless; a made-up one if there is none."""
    names = (
        _parameters(part.disposition_params).get("filename", ""),
        _parameters(part.params).get("name", ""),
    )
    return safe_name(next((n for n in names if n), ""), part.content_type, number)


def _parameters(params: Mapping[str, str]) -> Mapping[str, str]:
    """The parameters as the header parser reads them: continuations joined, charsets decoded."""
    written = "".join(
        '; {}="{}"'.format(k, v.replace("\\", "\\\\").replace('"', '\\"'))
        for k, v in params.items()
    )
    return word_and_parameters(b"x" + written.encode("utf-8", "surrogateescape"))[1]
