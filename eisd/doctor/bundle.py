"""The support bundle: what somebody who helps needs to see, without anybody's mail or secrets.

Everything passes through `masked`: a second sieve after the one that each part has of its own.
"""

from __future__ import annotations

import io
import json
import tarfile
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final
from urllib.parse import urlsplit

from eisd.events import CATALOGUE
from eisd.logs import hash_address
from eisd.logs.redact import MASK, is_secret, scrub

SHORTEST: Final = 4
"""A shorter name of a folder may be part of any word, and tells little."""
MAX_PART: Final = 8 << 20
"""Octets of one part; the end of a longer one is kept."""
_HIDDEN: Final = frozenset({"sender_name", "subject", "snippet", "text_reply", "contact_name"})
_NAMED: Final = {"folder": "folder", "message_id": "message", "contact_id": "contact"}
"""Fields whose value says who somebody is or deals with: a hash tells them apart."""
_REFERENCES: Final = ("file", "credential", "env", "command", "store", "same_as")


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the bundle."""

    name: str
    holds: str
    data: bytes


def masked(value: Any, key: str = "") -> Any:
    """A value of JSON with nothing in it that is anybody's: the shape and the numbers stay."""
    if isinstance(value, Mapping):
        if value and set(value) <= set(_REFERENCES):  # where a secret lies: the kind is enough
            return dict.fromkeys(value, MASK)
        found = {str(k): masked(v, str(k)) for k, v in value.items()}
        if "msg" in found and found.get("event") in CATALOGUE:  # its fields are masked, it is made
            found["msg"] = CATALOGUE[found["event"]].msg  # of them as they were
        return found
    if isinstance(value, (list, tuple)):
        return [masked(one, key) for one in value]
    if not isinstance(value, str) or not value:
        return value
    return _text(value, key)


def _text(value: str, key: str) -> str:
    if key in _HIDDEN or (is_secret(key) and key != "code"):
        return MASK
    if key in _NAMED:
        return f"{_NAMED[key]}:{_hash(value)}"
    if key == "entry":  # of the block list: an address, or a domain
        return hash_address(value)
    if key == "url" or key.endswith("_url"):
        parts = urlsplit(value)
        return f"{parts.scheme}://{parts.hostname}/{MASK}"
    return scrub(value, limit=MAX_PART)


def _hash(value: str) -> str:
    return blake2b(value.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()


def mailbox(told: Mapping[str, Any]) -> dict[str, Any]:
    """A mailbox in depth with its folders' names hashed; their roles tell enough."""
    folders = [
        {**one, "name": f"folder:{_hash(one['name'])}", "position": one.get("position")}
        for one in told.get("folders", ())
    ]
    found: dict[str, Any] = masked({**told, "folders": folders})
    return found


def as_json(name: str, holds: str, value: Any) -> Part:
    """A part of one JSON value, masked."""
    text = json.dumps(masked(value), indent=1, ensure_ascii=False, default=str)
    return Part(name, holds, text.encode("utf-8", "backslashreplace"))


def as_lines(name: str, holds: str, values: Iterable[Any]) -> Part:
    """A part of JSON Lines, masked."""
    lines = (json.dumps(masked(one), ensure_ascii=False, default=str) for one in values)
    return Part(name, holds, "".join(f"{line}\n" for line in lines).encode(errors="replace"))


def as_text(name: str, holds: str, text: str) -> Part:
    """A part of plain lines, each scrubbed."""
    lines = (scrub(line, limit=MAX_PART) for line in text.splitlines())
    return Part(name, holds, "".join(f"{line}\n" for line in lines).encode(errors="replace"))


def unit_text(text: str) -> str:
    """A unit without what its environment holds."""
    return "\n".join(
        f"{line.partition('=')[0]}={MASK}"
        if line.lstrip().startswith(("Environment", "SetCredential", "PassEnvironment"))
        else line
        for line in text.splitlines()
    )


def pack(parts: Iterable[Part], *, known: Collection[str]) -> tuple[bytes, list[Part]]:
    """The archive, and what is in it, the README first.

    ``known``: addresses and names of folders, looked for once more in every part.
    """
    words = sorted((one for one in known if len(one) >= SHORTEST), key=len, reverse=True)
    held = [_without(part, words) for part in parts]
    listed = "".join(f"{part.name:<16} {part.holds}\n" for part in held)
    readme = Part("README.txt", "this list", (_README + listed).encode())
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for part in (readme, *held):
            info = tarfile.TarInfo(f"eisd-support/{part.name}")
            info.size, info.mode, info.mtime = len(part.data), 0o600, int(time.time())
            archive.addfile(info, io.BytesIO(part.data))
    return packed.getvalue(), [readme, *held]


_README: Final = """\
A support bundle of eisd, for whoever helps. It holds no mail, no secret and no readable address:
addresses are keyed hashes (addr:...), folders, contacts and messages are hashes, references to
secrets show only their kind. Hosts, domains of servers, paths and names of mailboxes are readable.
Look through it before you hand it on.

"""


def _without(part: Part, words: Iterable[str]) -> Part:
    data = part.data[-MAX_PART:]
    for word in words:
        instead = hash_address(word) if "@" in word else f"folder:{_hash(word)}"
        data = data.replace(word.encode(), instead.encode())
    return Part(part.name, part.holds, data)
