"""The reference of the HTTP API, made from its routes: ``python -m eisd.api.reference``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Final, cast

from eisd.api.app import describe
from eisd.api.problems import STATUS

HEAD: Final = """\
# HTTP API

<!-- Made by `python -m eisd.api.reference`; do not edit. -->

The daemon serves HTTP on the Unix sockets of `api.listen`; whoever may write to a socket (mode
0660) may do everything. TCP is refused until tokens are there.

```console
$ curl --unix-socket /run/eisd/api.sock http://eisd/v1/activities?limit=5
```

The commands use nothing else: `--json` shows what the API says. `GET /openapi.json` describes it to
programs, `GET /docs` to people.

Lists are paged by cursor: `next` of one page is `before` (activities) or `after` (contacts) of the
next, and null on the last. A body has at most 1 MB, contacts 256 MB, a message in base64 96 MB; an
answer has a minute, `sync`, `verify` and `db/backup` two hours.

## Errors

Errors are problems of RFC 9457 (`application/problem+json`) with three members of ours: `exit_code`
is what a command would exit with ([commands](cli.md)), `code` its name, `hint` the way out.

| Exit code | Status |
|---|---|
"""

GUIDE: Final = """
## Importing contacts

`POST /v1/contacts` takes `{"contacts": [...]}` with contacts as in JSON Lines: `id`, `name`,
`workspace`, `kind`, `company` and `addresses` (`address`, `primary`, `added_at`, `ended_at`), or
`emails` with plain addresses. Beside it: `workspace` (of contacts that name none), `replace` (also
remove whom the list lacks), `dry_run`, `skip_bad`. It is an update: a missing address ends, a
missing contact stays. A bad contact refuses the whole (65). The past of addresses that are always
known is looked up at once; `to_fetch` says how many messages are then fetched.
"""


def render() -> str:
    """The whole page."""
    parts = [HEAD]
    parts += [
        f"| {int(code)} {code.name.lower()} | {status} |\n" for code, status in STATUS.items()
    ]
    parts += ["| 70 bug | 500 |\n", "\n## Endpoints\n\n| | |\n|---|---|\n"]
    parts += [f"| `{method} {path}` | {told} |\n" for method, path, told in _routes()]
    parts.append(GUIDE)
    return "".join(parts)


def _routes() -> Iterator[tuple[str, str, str]]:
    schema = describe()
    for path, methods in cast("dict[str, dict[str, Any]]", schema["paths"]).items():
        for method, one in methods.items():
            query = [p["name"] for p in one.get("parameters", ()) if p["in"] == "query"]
            told = " ".join(one["description"].split("\n\n")[0].split()).replace("``", "`")
            extra = f" Takes {', '.join(f'`{name}`' for name in query)}." if query else ""
            yield method.upper(), path, told + extra


if __name__ == "__main__":
    sys.stdout.write(render())
