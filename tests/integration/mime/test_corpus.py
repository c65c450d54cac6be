"""Real messages: those that CPython tests its own parser with, where the interpreter has them."""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from eisd.mime.headers import author, decode_text, extract, identity
from eisd.mime.parse import parse
from eisd.mime.text import clean, one_line

ROOT = Path(__file__).parents[3]


def _corpus() -> list[Path]:
    """The messages of `test.test_email`; some distributions leave them out."""
    spec = importlib.util.find_spec("test")
    roots = spec.submodule_search_locations if spec is not None else None
    return sorted(
        path for root in roots or () for path in Path(root).glob("test_email/data/msg_*.txt")
    )


CORPUS = _corpus()
RECORD = """
import hashlib, pathlib, sys
sys.path.append(sys.argv[1])
from eisd.mime.headers import extract
from eisd.mime.parse import parse
digest = hashlib.sha256()
for path in sys.argv[2:]:
    raw = pathlib.Path(path).read_bytes()
    digest.update(repr((extract(raw), parse(raw))).encode())
print(digest.hexdigest())
"""

pytestmark = pytest.mark.skipif(not CORPUS, reason="this Python has no test.test_email")


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_message_is_read(path: Path) -> None:
    """Every message gives facts and clean text."""
    raw = path.read_bytes()
    facts, parsed = extract(raw), parse(raw)

    assert identity(facts)
    assert facts.from_ == () or author(facts) is not None
    subject = decode_text(facts.subject_raw)
    assert one_line(subject) == subject
    for text in (parsed.text, parsed.text_reply, parsed.snippet, parsed.html):
        assert clean(text) == text
    assert parsed.sha256 == hashlib.sha256(raw).hexdigest()


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_line_ends_give_one_record(path: Path) -> None:
    """CRLF, LF and CR give the same facts, the same text and the same attachments (RR15)."""
    raw = path.read_bytes().replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    facts, parsed = extract(raw), parse(raw)

    for ends in (b"\r\n", b"\r"):
        other = raw.replace(b"\n", ends)
        again = parse(other)
        assert extract(other) == facts
        assert (again.text, again.html) == (parsed.text, parsed.html)
        assert again.attachments == parsed.attachments


def test_records_do_not_depend_on_the_process() -> None:
    """Two processes with different hash seeds agree on every record."""
    paths = [str(path) for path in CORPUS]

    def record(seed: str) -> str:
        command = [sys.executable, "-c", RECORD, str(ROOT), *paths]
        environment = {"PYTHONHASHSEED": seed}
        return subprocess.run(
            command, env=environment, check=True, capture_output=True, text=True, timeout=60
        ).stdout

    assert record("1") == record("2") != ""
