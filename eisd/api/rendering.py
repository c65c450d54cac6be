"""Templates with what they are given: a contact, the mailbox and its owner, and fields of the call.

A template lies in the database, or in the folder `outbound.templates` as ``NAME.txt`` (headers, an
empty line, the text) with ``NAME.html`` beside it. The database wins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from eisd.api.answers import contact_show
from eisd.api.core import Core
from eisd.errors import ExitCode, UserError
from eisd.outbox.template import (
    SOURCE,
    Rendered,
    Template,
    check_template,
    is_template_name,
    read_template,
    render,
)
from eisd.store import templates
from eisd.store.sql import Connection

Answer = dict[str, Any]
_OCTETS: Final = SOURCE * 4


async def rendered(
    core: Core,
    name: str,
    *,
    version: int | None,
    mailbox: str,
    contact: str | None,
    workspace: str | None,
    fields: Mapping[str, Any],
) -> Rendered:
    """What a template says. Raises UserError: no such template (67), or a missing value (65)."""
    template = (await find(core, name, version))[0]
    context: dict[str, Any] = {**fields, "fields": dict(fields)}
    box = core.settings.mailboxes.get(mailbox)
    if box is not None:
        context["mailbox"] = {
            "name": mailbox,
            "address": box.address,
            "sender_name": box.sender_name,
        }
        context["owner"] = {"name": box.owner}
    if contact is not None:
        context["contact"] = await core.store.read(lambda db: _contact(db, contact, workspace))
    return await asyncio.to_thread(render, template, context)


def _contact(db: Connection, contact: str, workspace: str | None) -> Answer:
    """A contact as templates see it."""
    one = contact_show(db, contact, workspace=workspace)[0]
    name = str(one["name"])
    return {
        "id": contact,
        "name": name,
        "first_name": name.split(" ", maxsplit=1)[0],
        "address": one["primary_address"],
        "company": one["company"],
        "kind": one["kind"],
        "workspace": one["workspace"],
    }


async def find(core: Core, name: str, version: int | None = None) -> tuple[Template, Answer]:
    """A template and what is told of it. Raises UserError (67)."""
    row = await core.store.read(lambda db: templates.get(db, name, version))
    if row is not None:
        made = Template(row.subject, row.text, row.html, tuple(row.headers.items()))
        return made, _told(made, name, row.version, "database", row.created_at)
    if version is None and is_template_name(name):
        made_of_file = await asyncio.to_thread(_of_file, folder(core), name)
        if made_of_file is not None:
            return made_of_file, _told(made_of_file, name, None, "file", None)
    raise UserError(
        f"there is no template {name!r}" + (f" of version {version}" if version else ""),
        hint="eisd template list",
        code=ExitCode.UNKNOWN,
    )


def folder(core: Core) -> Path | None:
    """Where templates lie as files, if anywhere."""
    chosen = core.settings.outbound.templates
    return None if chosen is None else core.loaded.base_dir / chosen


def _of_file(where: Path | None, name: str) -> Template | None:
    if where is None:
        return None
    text, html = where / f"{name}.txt", where / f"{name}.html"
    if not text.is_file():
        return None
    try:
        return read_template(_read(text), _read(html) if html.is_file() else None)
    except OSError as error:
        raise UserError(f"{error.filename}: {error.strerror}", code=ExitCode.NO_INPUT) from error


def _read(file: Path) -> str:
    with file.open("rb") as stream:
        return stream.read(_OCTETS).decode("utf-8", "replace")


def _told(
    template: Template, name: str, version: int | None, source: str, created: str | None
) -> Answer:
    """A template and what it asks for. Raises `TemplateProblem`."""
    described = _described(template, name, version, source, created)
    return described | {"variables": list(check_template(template))}


def _described(
    template: Template, name: str, version: int | None, source: str, created: str | None
) -> Answer:
    return {
        "name": name,
        "version": version,
        "source": source,
        "subject": template.subject,
        "text": template.text,
        "html": template.html,
        "headers": dict(template.headers),
        "created_at": created,
    }


async def listing(core: Core) -> list[Answer]:
    """Every template, by name; one that cannot be used has a ``problem`` and no words."""
    rows = await core.store.read(templates.listing)
    names = {row.name for row in rows}
    names |= set(await asyncio.to_thread(_names, folder(core)))
    return [await _listed(core, name) for name in sorted(names)]


async def _listed(core: Core, name: str) -> Answer:
    try:
        return (await find(core, name))[1] | {"problem": None}
    except UserError as error:
        nothing = _described(Template(), name, None, "file", None)
        return nothing | {"variables": [], "problem": str(error)}


def _names(where: Path | None) -> list[str]:
    if where is None or not where.is_dir():
        return []
    return [one.stem for one in where.glob("*.txt") if is_template_name(one.stem)][:1000]


async def add(core: Core, name: str, source: str, html: str | None) -> Answer:
    """Add a version of a template to the database; unchanged, it stays as it is.

    Raises:
        UserError: (65) it cannot be read, or may not be called so.
    """
    if not is_template_name(name):
        raise UserError(
            f"a template cannot be called {name!r}",
            hint="letters a-z, digits, and . _ - between them; at most 64",
            code=ExitCode.DATA,
        )
    template = read_template(source, html)
    check_template(template)
    row = await core.store.write(
        lambda tx: templates.add(
            tx.db, name, template.subject, template.text, template.html, dict(template.headers)
        )
    )
    return _told(template, name, row.version, "database", row.created_at)


async def remove(core: Core, name: str) -> Answer:
    """Remove a template from the database; its versions are kept for the record."""
    if not await core.store.write(lambda tx: templates.remove(tx.db, name)):
        raise UserError(
            f"there is no template {name!r} in the database",
            hint="one in outbound.templates is a file: delete that",
            code=ExitCode.UNKNOWN,
        )
    return {"name": name}


async def preview(
    core: Core,
    name: str,
    *,
    version: int | None = None,
    mailbox: str = "",
    contact: str | None = None,
    workspace: str | None = None,
    fields: Mapping[str, Any],
) -> Answer:
    """What a template says; nothing is sent. Raises UserError as `rendered` does."""
    made = await rendered(
        core,
        name,
        version=version,
        mailbox=mailbox,
        contact=contact,
        workspace=workspace,
        fields=fields,
    )
    return {
        "subject": made.subject,
        "text": made.text,
        "html": made.html,
        "headers": dict(made.headers),
    }
