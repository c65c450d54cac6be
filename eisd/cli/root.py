"""The root of the command line: the table of commands."""

from __future__ import annotations

import click

from eisd import __version__
from eisd.cli.base import LazyGroup, config_option

COMMANDS = {
    "demo": ("eisd.cli.demo:demo", "Show the whole product with a local mail server."),
    "init": ("eisd.cli.init:init", "Write a commented configuration and create the database."),
    "run": ("eisd.cli.run:run", "Run the daemon in the foreground."),
    "reload": ("eisd.cli.reload:reload", "Check and apply the changed configuration."),
    "status": ("eisd.cli.status:status", "Show the daemon and its mailboxes."),
    "issues": ("eisd.cli.status:issues", "List what needs a person, each with its remedy."),
    "tail": ("eisd.cli.tail:tail", "Follow what happens, as it happens."),
    "sync": ("eisd.cli.sync:sync", "Bring mailboxes up to date now."),
    "explain": ("eisd.cli.explain:explain", "Tell why a message was or was not recorded."),
    "replay": ("eisd.cli.replay:replay", "Decide what is stored again, by today's policy."),
    "verify": ("eisd.cli.verify:verify", "Compare the server's counts with ours."),
    "doctor": ("eisd.cli.doctor:doctor", "Look at host, configuration, secrets and network."),
    "support-bundle": (
        "eisd.cli.support_bundle:support_bundle",
        "Write what somebody who helps needs to see.",
    ),
    "config": ("eisd.cli.config:config", "Check, show and change the configuration."),
    "mailbox": ("eisd.cli.mailbox:mailbox", "Add, list, test, pause and remove mailboxes."),
    "auth": ("eisd.cli.auth:auth", "Sign in to Google and Microsoft by OAuth."),
    "contacts": ("eisd.cli.contacts:contacts", "Import, export and change contacts."),
    "send": ("eisd.cli.send:send", "Send a message through a mailbox."),
    "outbox": ("eisd.cli.outbox:outbox", "List and change what is to be sent."),
    "draft": ("eisd.cli.draft:draft", "Write, file and send drafts."),
    "template": ("eisd.cli.template:template", "Add, try and remove templates."),
    "activities": ("eisd.cli.activities:activities", "List and show activities."),
    "workspace": ("eisd.cli.workspace:workspace", "List workspaces."),
    "db": ("eisd.cli.db:db", "Check, migrate and tidy the database."),
    "backup": ("eisd.cli.backup:backup", "Write a verified copy of the database."),
    "restore": ("eisd.cli.backup:restore", "Put a backup in the database's place."),
    "service": ("eisd.cli.service:service", "Install or show the units for systemd."),
    "schema": ("eisd.cli.schema:schema", "Print the contracts in machine-readable form."),
    "completion": ("eisd.cli.completion:completion", "Print the completion script of a shell."),
}


@click.command(
    cls=LazyGroup,
    table=COMMANDS,
    examples=["eisd demo", "eisd status --json", "eisd mailbox add you@example.org"],
    context_settings={"max_content_width": 100},
    params=[config_option(hidden=False)],
)
@click.version_option(
    __version__, "-V", "--version", prog_name="eisd", message="%(prog)s %(version)s"
)
def root() -> None:
    """Email integration service: mailboxes in, contact-linked activities out."""
