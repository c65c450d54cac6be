"""What stands in for a message that was not parsed."""

from __future__ import annotations

from collections.abc import Sequence

from eisd.model.mail import Attachment, Parsed, ParseStatus


def limited(reason: str, sha256: str, omitted: Sequence[Attachment] = ()) -> Parsed:
    """What stands in for a message that cannot be read within the limits (O3)."""
    return Parsed(
        status=ParseStatus.LIMITED,
        text="",
        text_reply="",
        snippet="",
        html="",
        attachments=tuple(omitted),
        defects=(f"limited:{reason}",),
        sha256=sha256,
    )
