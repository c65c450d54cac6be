"""What `--json` prints is what `eisd schema commands` says, command by command."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from lab import mail

from eisd.cli.main import run
from eisd.cli.printed import COMMANDS, schema_of
from tests.acceptance.conftest import Site
from tests.acceptance.test_sending import serving

OPEN = {"tail"}
"""Events have further fields, each its own."""
UNASKED = {"demo", "outbox settle"}
"""One has tests of its own; the other wants a message in doubt, and tells it as its neighbours."""

Answers = list[dict[str, Any]]


class Asked:
    """Commands with `--json`, run in this process, and what they printed."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.answers: dict[str, Answers] = {}

    def __call__(self, command: str, *more: object, code: int = 0) -> Answers:
        """Run a command that must end with ``code``; its lines."""
        out, err = io.StringIO(), io.StringIO()
        argv = [*command.split(), *map(str, more), "-c", str(self.site.config), "--json"]
        with redirect_stdout(out), redirect_stderr(err):
            ended = run(argv)
        assert ended == code, (argv, err.getvalue())
        found = [json.loads(line) for line in out.getvalue().splitlines()]
        self.answers.setdefault(command, []).extend(found)
        return found


def contacts(ask: Asked) -> None:
    """Everything about contacts; they have mail by then."""
    for one in ("c8", "c9"):
        ask("contacts add", one, "--email", f"{one}@x.test")
    ask("contacts list")
    ask("contacts show", "c1")
    ask("contacts backfill", "c1")
    ask("contacts merge", "c8", "c9")
    ask("contacts remove", "c9")
    ask("contacts restore", "c9")
    ask("contacts remove", "c9", "--purge", "--yes")
    ask("workspace list")


def activities(ask: Asked) -> None:
    """Activities, and why they are there."""
    [one] = ask("activities list")
    ask("activities show", one["activity_id"])
    for word in ("share", "private", "default"):
        ask(f"activities {word}", one["activity_id"], "--as", "alice")
    ask("explain", one["message_id"])
    ask("explain", "<nobody@x.test>", code=1)
    ask("explain", ask.site.dir / "letter.eml")
    ask("replay", "--dry-run")


def outbox(ask: Asked) -> None:
    """Mail that goes out: now, later, as a draft, by a template."""
    body = ask.site.dir / "body"
    body.write_text("Hello.\n")
    words = ("--from", "sales", "--to", "ada@x.test", "--subject", "x", "--body-file", body)
    ask("send", *words, "--wait")
    ask("send", *words, "--draft")
    [later] = ask("send", *words, "--at", "2h")
    for word in ("hold", "release", "retry", "cancel", "show"):
        ask(f"outbox {word}", later["id"])
    ask("outbox list")
    [draft] = ask("draft create", *words)
    for word in ("show", "edit", "send"):
        ask(f"draft {word}", draft["id"])
    ask("draft delete", ask("draft create", *words)[0]["id"])
    ask("draft list")
    body.write_text("Subject: Hi\n\nDear {{ contact.name }}!\n")
    ask("template add", "hi", body)
    ask("template list")
    ask("template show", "hi")
    ask("template preview", "hi", "--contact", "c1", "--from", "sales")
    ask("template remove", "hi")


def operations(ask: Asked) -> None:
    """What an operator looks at; at the end with a changed configuration."""
    for command in ("status", "issues", "verify", "mailbox list", "config show", "doctor"):
        ask(command)
    for command in ("status", "mailbox show", "mailbox test", "sync now"):
        ask(command, "sales")
    ask("config show", "--origin")
    ask("mailbox invite", "bob")
    ask("db prune", "--dry-run")
    ask("tail", "--no-follow")
    (ask.site.dir / "conf.d/more.toml").write_text(
        '[mailboxes.more]\naddress = "more@x.test"\ndriver = "gmail"\noauth = { app = "corp" }\n'
        "enabled = false\n"
    )
    ask("issues", code=1)
    ask("status", code=1)
    ask("config diff")
    ask("reload")
    ask("auth status", code=1)


def closed(schema: Any) -> Any:
    """A schema that takes no key it does not know: one that is printed has to be published."""
    for inner in schema.values() if isinstance(schema, dict) else schema:
        if isinstance(inner, (dict, list)):
            closed(inner)
    if isinstance(schema, dict) and "properties" in schema:
        schema.setdefault("additionalProperties", False)
    return schema


def mistakes(command: str, answers: Answers) -> list[str]:
    """What a command printed that its schema does not have."""
    schema = schema_of(command) if command in OPEN else closed(schema_of(command))
    checker = Draft202012Validator(schema)
    return [
        f"{command} {error.json_path}: {error.message}"
        for answer in answers
        for error in checker.iter_errors(answer)
    ]


@pytest.fixture
def asked(site: Site, dovecot: Any, user: str) -> Callable[[Any], Asked]:
    """A site with mail, whose daemon runs."""

    def make(sink: Any) -> Asked:
        smtp = f'[mailboxes.sales.smtp]\nhost = "127.0.0.1"\nport = {sink.port}\ntls = "none"\n'
        app = 'provider = "google"\nclient_id = "x"\nclient_secret = { file = "secret" }\n'
        table = f'{site.mailbox(dovecot, user)}{smtp}password = {{ same_as = "imap" }}\n'
        site.write(f"{table}[oauth.corp]\n{app}")
        (site.dir / "conf.d").mkdir()
        (site.dir / "conf.d/owner.toml").write_text('[mailboxes.sales]\nowner = "alice"\n')
        letter = mail.make(from_="ada@x.test", to=user)
        (site.dir / "letter.eml").write_bytes(letter)
        strange = mail.make(from_="who@strange.test", to=user)
        dovecot.bulk(user, "INBOX", [(one, datetime.now(UTC)) for one in (letter, strange)])
        ask = Asked(site)
        ask("contacts import", site.contacts("c1,Ada,ada@x.test"))
        site.start()
        ask("sync now", "--wait")
        return ask

    return make


def test_what_is_printed_is_what_is_published(asked, user):
    """Each command's `--json` holds by its schema, and has no key that the schema does not name."""
    with serving(logins={user: "secret"}) as sink:
        ask = asked(sink)
        for part in (activities, contacts, outbox, operations):
            part(ask)

        assert ask.answers.keys() | UNASKED == COMMANDS.keys()
        assert [line for one, found in ask.answers.items() for line in mistakes(one, found)] == []
        assert {one for one, found in ask.answers.items() if not found} == set()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_schema_is_one(command):
    """Each is a valid JSON Schema that asks for something."""
    schema = schema_of(command)

    Draft202012Validator.check_schema(schema)
    assert command == "config show" or list(Draft202012Validator(schema).iter_errors({}))
