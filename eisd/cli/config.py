"""``eisd config``: check, show, change and describe the configuration."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import click

from eisd.cli import config_upkeep, output
from eisd.cli.base import Group
from eisd.cli.context import Context
from eisd.config import show as showing
from eisd.config.load import Loaded, check, load
from eisd.config.problems import Problem, plural, summary
from eisd.config.secrets import resolve
from eisd.errors import EisdError, ExitCode, UserError

if TYPE_CHECKING:
    from eisd.driver.registry import Registry


def installed() -> Registry:
    """The installed drivers, who judge their own tables of a mailbox."""
    from eisd.driver.registry import discover  # noqa: PLC0415 - imports every driver

    return discover()


def load_config(context: Context) -> Loaded:
    """Load the configuration of this command, its drivers' tables judged too."""
    return load(context.config_path, check_driver=installed().check)


@click.group(cls=Group, examples=["eisd config check", "eisd config show --origin"])
def config() -> None:
    """Check, show and change the configuration."""


config_upkeep.register(config)


@config.command("check", examples=["eisd config check", "eisd config check --strict --format gcc"])
@click.option("--strict", is_flag=True, help="Take warnings for errors.")
@click.option("--online", is_flag=True, help="Also connect to every mailbox and log in.")
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "json", "gcc"]),
    default="text",
    show_default=True,
    help="How mistakes are printed; json is one object a line.",
)
@click.pass_obj
def check_command(context: Context, *, strict: bool, online: bool, style: str) -> ExitCode:
    """Name every mistake of every file; 78 when there are any."""
    path = context.config_path
    problems = check(path, check_driver=installed().check)
    for problem in problems:
        output.line(output.safe(_printed(problem, style), lines=True))
    if any(strict or problem.severity == "error" for problem in problems):
        output.say(summary(problems, files=len({problem.file for problem in problems})))
        return ExitCode.CONFIG
    loaded = load_config(context)
    mailboxes = plural(len(loaded.settings.mailboxes), "mailbox", "mailboxes")
    output.say(f"{path}: ok, {plural(len(loaded.files), 'file')}, {mailboxes}")
    return ExitCode.NO if online and not _all_connect(loaded) else ExitCode.OK


def _printed(problem: Problem, style: str) -> str:
    by_style = {"text": problem.render, "gcc": problem.gcc, "json": problem.json}
    return by_style[style]()


def _all_connect(loaded: Loaded) -> bool:
    """Log in to every enabled mailbox and print the steps; False when one failed."""
    import anyio  # noqa: PLC0415 - only here

    async def probe_all() -> bool:
        good = True
        for name, mailbox in loaded.settings.mailboxes.items():
            if mailbox.enabled:
                good &= await _probe(loaded, name)
        return good

    return anyio.run(probe_all)


async def _probe(loaded: Loaded, name: str) -> bool:
    good = True
    try:
        async for step in _steps(loaded, name):
            mark = "" if step.ok else "  FAILED"
            output.line(
                output.safe(f"{name}  {step.name:<13} {step.detail}  {step.ms:.0f} ms{mark}")
            )
            good &= step.ok
    except EisdError as error:
        hint = getattr(error, "hint", "")
        output.line(output.safe(f"{name}  {error}" + (f" ({hint})" if hint else "")))
        return False
    return good


async def _steps(loaded: Loaded, name: str) -> AsyncIterator[Any]:
    mailbox = loaded.settings.mailboxes[name]
    driver = installed().get(mailbox.driver)
    options = driver.options(mailbox.driver_tables, address=mailbox.address)
    secrets = _GivenSecrets(loaded, name)
    async for step in driver.probe(options, secrets):
        yield step
        if not step.ok:
            return
    if driver.outlet(options) is not None:
        async for step in driver.probe_sender(options, secrets):
            yield step


class _GivenSecrets:
    """A `Login` from what the configuration gives; earned tokens need the daemon's store."""

    def __init__(self, loaded: Loaded, name: str) -> None:
        self._loaded = loaded
        self._name = name

    async def password(self, table: str = "") -> str:
        import anyio.to_thread  # noqa: PLC0415

        return await anyio.to_thread.run_sync(self._password, table)

    async def access_token(self, *, refused: str = "") -> str:
        del refused
        raise UserError(
            "this mailbox signs in with a token", hint=f"eisd mailbox test {self._name}"
        )

    def _password(self, table: str) -> str:
        mailbox = self._loaded.settings.mailboxes[self._name]
        table = mailbox.secret_table(table or mailbox.driver)
        where = f"mailboxes.{self._name}.{table}.password"
        ref = mailbox.secret(table)
        if ref is None:
            raise UserError(f"{where}: no password is given", code=ExitCode.CONFIG)
        return resolve(ref, where=where, base_dir=self._loaded.base_dir).reveal()


@config.command("show", examples=["eisd config show", "eisd config show --all --origin"])
@click.option("--all", "everything", is_flag=True, help="Defaults too.")
@click.option("--defaults", is_flag=True, help="Only what is built in.")
@click.option("--origin", is_flag=True, help="Say where each value comes from.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_obj
def show_command(
    context: Context, *, everything: bool, defaults: bool, origin: bool, as_json: bool
) -> None:
    """Print the configuration as TOML.

    Secrets appear as the references they are.
    """
    if defaults:
        doc, origins = showing.defaults(), {}
    else:
        loaded = load_config(context)
        doc = showing.tables(loaded.settings) if everything else showing.given(loaded)
        origins = loaded.origins
    if as_json:
        output.print_json(showing.origins_of(doc, origins) if origin else doc)
        return
    comment = (lambda path: showing.origin_of(path, origins)) if origin else None
    output.line(showing.render(doc, comment).rstrip("\n"))


@config.command(
    "set",
    examples=["eisd config set log.level debug", "eisd config set mailboxes.sales.window 3m"],
)
@click.argument("key")
@click.argument("value")
@click.pass_obj
def set_command(context: Context, key: str, value: str) -> None:
    """Set one KEY in a drop-in of its own.

    VALUE is TOML (true, 5, ["a"]) or a text. Nothing is written when the whole configuration
    would be refused.
    """
    from eisd.config.write import set_value  # noqa: PLC0415

    written = set_value(context.config_path, key, value, check_driver=installed().check)
    _changed(f"{key} is set in {written}")


@config.command("unset", examples=["eisd config unset log.level"])
@click.argument("key")
@click.pass_obj
def unset_command(context: Context, key: str) -> ExitCode:
    """Take back what `config set` set."""
    from eisd.config.write import unset_value  # noqa: PLC0415

    if not unset_value(context.config_path, key, check_driver=installed().check):
        output.say(f"{key} was not set by: eisd config set")
        return ExitCode.NO
    _changed(f"{key} is no longer set")
    return ExitCode.OK


def _changed(sentence: str) -> None:
    output.say(sentence)
    output.say("A running daemon takes it up with: eisd reload")


@config.command("schema", examples=["eisd config schema > eisd.schema.json"])
def schema_command() -> None:
    """Print the JSON Schema of the configuration, for editors."""
    from eisd.config.jsonschema import json_schema  # noqa: PLC0415

    output.line(json.dumps(json_schema(), indent=2))
