"""A mistake in the configuration: where it is, what it is, the way out, and how it is shown.

What is shown of a source line never holds a secret: literals of keys that look like secrets are
masked before a `Problem` is made.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

from eisd.config.positions import Positions, Span
from eisd.errors import ConfigError

Severity = Literal["error", "warning"]

MASK: Final = '"***"'
WIDTH: Final = 200
"""Characters of a source line that are shown at most, around the place of the mistake."""

_SECRET_WORDS: Final = ("password", "passphrase", "secret", "token", "client_secret", "api_key")
_SECRET = re.compile(r"pass(?:w|phrase|_|$)|pwd|secret|token|api_?key|private_?key", re.IGNORECASE)
_USERINFO = re.compile(r"//[^/\s\"'@]*@")


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. Lines and columns (in characters) count from 1."""

    file: Path
    line: int
    column: int
    key: str
    """The dotted key, or empty."""
    message: str
    hint: str = ""
    code: str = "value"
    """A short stable word for machines."""
    severity: Severity = "error"
    source_line: str = ""

    def render(self) -> str:
        """As a person reads it: place, sentence, key, source line, caret and hint."""
        key = f"  [{self.key}]" if self.key else ""
        lines = [f"{self.place}: {self.severity}: {self.message}{key}"]
        if self.source_line:
            number = f"{self.line:>6}"
            start = max(0, self.column - WIDTH // 2) if len(self.source_line) > WIDTH else 0
            shown = self.source_line[start : start + WIDTH]
            lines.append(f"{number} | {shown}")
            lines.append(f"{'':>6} | {_pad(shown[: self.column - 1 - start])}^")
        if self.hint:
            lines.append(f"{'':>6} = hint: {self.hint}")
        return "\n".join(lines)

    def gcc(self) -> str:
        """One line as compilers print it, for editors."""
        hint = f" ({self.hint})" if self.hint else ""
        key = f" [{self.key}]" if self.key else ""
        return f"{self.place}: {self.severity}: {self.message}{hint}{key}"

    def json(self) -> str:
        """One JSON object on one line."""
        fields = asdict(self) | {"file": str(self.file)}
        del fields["source_line"]
        return json.dumps(fields, ensure_ascii=False)

    @property
    def place(self) -> str:
        """``file:line:column``."""
        return f"{self.file}:{self.line}:{self.column}"


def _pad(before: str) -> str:
    """White space as wide as what stands before the caret: tabs stay tabs."""
    return "".join("\t" if c == "\t" else " " for c in before)


class ConfigRefused(ConfigError):
    """The configuration is refused; ``problems`` are the errors among what was found."""

    def __init__(self, problems: Sequence[Problem], *, files: int) -> None:
        shown = "\n".join(problem.render() for problem in problems)
        super().__init__(f"{shown}\n{summary(problems, files=files)}")
        self.problems = tuple(problems)


def summary(problems: Iterable[Problem], *, files: int) -> str:
    """``2 errors and 1 warning in 3 files``."""
    found = list(problems)
    errors = sum(problem.severity == "error" for problem in found)
    parts = [plural(errors, "error")] if errors or not found else []
    if warnings := len(found) - errors:
        parts.append(plural(warnings, "warning"))
    return f"{' and '.join(parts)} in {plural(files, 'file')}"


def plural(count: int, noun: str, nouns: str = "") -> str:
    """``1 file``, ``2 files``."""
    return f"{count} {noun}" if count == 1 else f"{count} {nouns or noun + 's'}"


def suggest(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """The known word that was most likely meant, or empty."""
    lower = {k.lower(): k for k in known}
    found = difflib.get_close_matches(word.lower(), lower, 1, cutoff)
    return lower[found[0]] if found else ""


@lru_cache(4_096)
def is_secret_name(name: str) -> bool:
    """Whether a key's name says, even misspelt, that its value is a secret."""
    if name == "same_as" or name.endswith(("_url", "_file")):
        return False
    return bool(_SECRET.search(name)) or bool(
        difflib.get_close_matches(name.lower(), _SECRET_WORDS, 1, 0.75)
    )


def mask_source(source: str, found: Positions) -> str:
    """A valid document's text with every literal secret masked; line numbers stay.

    A literal secret is a string below a key with a secret's name, unless it is the value of one
    of the kinds of reference.
    """
    text = source.replace("\r\n", "\n")
    for span in sorted(_secret_spans(text, found), reverse=True):
        kept = "\n" * text.count("\n", span.start, span.end)
        text = text[: span.start] + MASK + kept + text[span.end :]
    return _USERINFO.sub("//***@", text)


_REFERENCES: Final = frozenset({"file", "credential", "env", "command", "store", "same_as"})


def _secret_spans(text: str, found: Positions) -> Iterable[Span]:
    for path, span in found.spans.items():
        if text[span.start] in "[{":  # its items have spans of their own
            continue
        names = [step for step in path if isinstance(step, str)]
        depth = next((i for i, name in enumerate(names) if is_secret_name(name)), None)
        if depth is not None and not _REFERENCES.intersection(names[depth + 1 : depth + 2]):
            yield span


def mask_line(source: str, line: int) -> str:
    """A line of a document that cannot be parsed, as far as it is safe to show it."""
    lines = [text.removesuffix("\r") for text in source.split("\n")]
    if not 1 <= line <= len(lines):
        return ""
    before = "\n".join(lines[: line - 1])
    if before.count('"""') % 2 or before.count("'''") % 2:
        return ""  # inside a string of several lines, which may be a secret
    row = lines[line - 1]
    for word in re.finditer(r"[\w-]+", row):
        if is_secret_name(word.group()):
            row = f"{row[: word.end()]} = ***"
            break
    return _USERINFO.sub("//***@", row)
