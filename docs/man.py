#!/usr/bin/env python3
"""Writes the man pages, from the same words as the reference pages (``make man``).

eisd(1) is the page of commands, config.toml(5) that of the configuration. Enough Markdown is
understood for what those pages use, and no more: headings, paragraphs, tables, blocks, emphasis.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from eisd import __version__
from eisd.cli import reference as commands
from eisd.config import generate as configuration

TARGET = Path(__file__).parents[1] / "build/man"

PAGES = {
    "eisd.1": ("email integration service", commands.render),
    "config.toml.5": ("configuration of eisd(1)", configuration.reference),
}

SEE_ALSO = {"eisd.1": "config.toml(5)", "config.toml.5": "eisd(1)"}


def main() -> int:
    """Write every page."""
    TARGET.mkdir(parents=True, exist_ok=True)
    for name, (what, text) in PAGES.items():
        (TARGET / name).write_text(page(name, what, text()), encoding="utf-8")
        sys.stdout.write(f"{TARGET / name}\n")
    return 0


def page(name: str, what: str, markdown: str) -> str:
    """A man page of a Markdown page; its first heading becomes the NAME."""
    title, _, section = name.rpartition(".")
    body = markdown.partition("\n")[2]
    head = f'.TH "{title.upper()}" {section} "" "eisd {__version__}"\n'
    head += f".SH NAME\n{_text(title)} \\- {what}\n.SH DESCRIPTION\n"
    tail = f".SH SEE ALSO\n{SEE_ALSO[name]}\n"
    return head + "\n".join(_blocks(body)) + "\n" + tail


def _blocks(markdown: str) -> Iterator[str]:
    fenced = False
    gap = True
    for line in re.sub(r"<!--.*?-->\n", "", markdown, flags=re.DOTALL).splitlines():
        if line.startswith("```"):
            fenced = not fenced
            yield ".PP\n.RS 4\n.nf" if fenced else ".fi\n.RE"
        elif fenced:
            yield _text(line) or "\\&"
        elif heading := re.match(r"(#+) (.*)", line):
            yield f"{'.SH' if len(heading[1]) < 3 else '.SS'} {_quoted(heading[2])}"  # noqa: PLR2004
        elif line.startswith("|"):
            yield from _row(line)
        elif not line.strip():
            gap = True
            continue
        else:
            if gap:
                yield ".PP"
            yield _inline(line.strip())
        gap = False


def _row(line: str) -> Iterator[str]:
    """A row of a table as a tagged paragraph; rules and empty heads are left out."""
    cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    if all(re.fullmatch(r"[-: ]*", cell) for cell in cells):
        return
    yield ".TP"
    yield _inline(cells[0]) or "\\&"
    yield _inline("  ".join(cell for cell in cells[1:] if cell)) or "\\&"


def _inline(text: str) -> str:
    """Code and emphasis in bold, links as their words."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    parts = re.split(r"(`[^`]*`|\*\*[^*]*\*\*)", text)
    shown = "".join(
        f"\\fB{_text(part.strip('`*'))}\\fR" if part[:1] in {"`", "*"} and len(part) > 1
        else _text(part)
        for part in parts
    )  # fmt: skip
    return f"\\&{shown}" if shown[:1] in {".", "'"} else shown


def _text(text: str) -> str:
    """Plain text for roff: nothing in it is a request, and dashes can be copied."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text[:1] in {".", "'"} else text


def _quoted(text: str) -> str:
    return '"' + _text(re.sub(r"`", "", text)).replace('"', "\\(dq") + '"'


if __name__ == "__main__":
    sys.exit(main())
