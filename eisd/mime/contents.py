"""The bytes of a message's attachments, by what the parser said of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256

from eisd.mime.structure import Part, read_structure
from eisd.model.mail import Attachment


def contents(rfc822: bytes, attachments: Sequence[Attachment]) -> dict[str, bytes]:
    """The decoded bytes of those attachments that are in the message, by SHA-256 in hex.

    Linear in the message's size and bounded as `read_structure` is; not for the event loop.
    """
    wanted = {one.sha256 for one in attachments if one.sha256}
    if not wanted:
        return {}
    root, _ = read_structure(rfc822.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
    found = ((sha256(body).hexdigest(), body) for body in _leaves(root))
    return {digest: body for digest, body in found if digest in wanted}


def _leaves(part: Part) -> Iterator[bytes]:
    if not part.is_multipart:
        yield part.body()
    for child in part.children:
        yield from _leaves(child)
