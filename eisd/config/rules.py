"""What no single key can know: references between tables, secrets in driver tables, doubles.

Every rule reads the merged TOML values, not the validated settings, so that it also speaks when
other keys are wrong. A rule meets any type and must pass over what it does not expect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final

from pydantic import ValidationError

from eisd.config.explain import Finding, explain
from eisd.config.mailbox import OWN_KEYS, part_driver_tables
from eisd.config.positions import Path
from eisd.config.problems import is_secret_name, suggest
from eisd.config.secrets import INSTEAD, SecretRef
from eisd.config.units import shown

Doc = dict[str, Any]
Rule = Callable[[Doc], Iterator[Finding]]

BUNDLED_TABLES: Final = ("imap", "smtp", "oauth")


def findings(doc: Doc) -> list[Finding]:
    """All findings of all rules."""
    return [finding for rule in RULES for finding in rule(doc)]


def table(value: Any, name: str) -> dict[str, Any]:
    """A table inside a table; an empty one where there is something else or nothing."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def mailboxes(doc: Doc) -> Iterator[tuple[str, Doc]]:
    """The mailboxes that are tables, as all of them should be."""
    for name, mailbox in table(doc, "mailboxes").items():
        if isinstance(mailbox, dict):
            yield name, mailbox


def driver_tables(mailbox: Doc) -> dict[str, dict[str, Any]]:
    """The tables of a mailbox that are its driver's."""
    found: dict[str, dict[str, Any]] = part_driver_tables(mailbox)["driver_tables"]
    return found


def _secrets(doc: Doc) -> Iterator[Finding]:
    """Secrets in driver tables are references, as everywhere."""
    for name, mailbox in mailboxes(doc):
        for kind, options in driver_tables(mailbox).items():
            for key, value in options.items():
                if is_secret_name(key):
                    yield from _secret(("mailboxes", name, kind, key), value, mailbox)


def _secret(path: Path, value: Any, mailbox: Doc) -> Iterator[Finding]:
    if isinstance(value, str):
        hint = INSTEAD.format(name=path[1])
        yield Finding(path, _LITERAL, hint, "literal_secret")
        return
    try:
        ref = SecretRef.model_validate(value)
    except ValidationError as error:
        for found in explain(error.errors(include_url=False), path):
            yield _with_secret_hint(found)
        return
    if ref.same_as is not None:
        yield from _same_as((*path, "same_as"), ref.same_as, mailbox)


_LITERAL: Final = "a secret does not stand in the configuration, only where it lies"


def _with_secret_hint(found: Finding) -> Finding:
    """A finding of a secret's table: the schema does not know it, but its keys are known."""
    if found.code != "unknown_key":
        return found
    meant = suggest(str(found.path[-1]), SecretRef.model_fields)
    return replace(found, hint=f"did you mean '{meant}'?" if meant else "")


def _same_as(path: Path, other: str, mailbox: Doc) -> Iterator[Finding]:
    tables = driver_tables(mailbox)
    key = str(path[-2])
    there = table(tables, other).get(key)
    if other == path[2]:
        yield Finding(path, "a secret cannot be the same as itself", code="secret")
    elif other not in tables:
        meant = suggest(other, tables)
        hint = f"did you mean '{meant}'?" if meant else ""
        message = f"this mailbox has no table {shown(other)}"
        yield Finding(path, message, hint, "missing_secret", needs=other)
    elif there is None:
        yield Finding(
            path, f"table '{other}' of this mailbox gives no {key}", code="missing_secret"
        )
    elif isinstance(there, dict) and "same_as" in there:
        yield Finding(path, f"'{other}' is itself the same as another", code="secret")


def _misspelt_tables(doc: Doc) -> Iterator[Finding]:
    """A table that looks like a bundled driver's, misspelt, and is not the mailbox's driver's."""
    for name, mailbox in mailboxes(doc):
        for kind in driver_tables(mailbox):
            if kind in BUNDLED_TABLES or kind == mailbox.get("driver"):
                continue
            if meant := suggest(kind, [*BUNDLED_TABLES, *OWN_KEYS], cutoff=0.7):
                path = ("mailboxes", name, kind)
                hint = f"did you mean '{meant}'?"
                yield Finding(path, f"unknown table '{kind}'", hint, "unknown_key")


def _doubles(doc: Doc) -> Iterator[Finding]:
    """A mailbox is its address and host (M14): nobody may be connected twice."""
    seen: dict[tuple[str, str], str] = {}
    for name, mailbox in mailboxes(doc):
        address = mailbox.get("address")
        driver = mailbox.get("driver", "imap")
        if not isinstance(address, str) or not isinstance(driver, str):
            continue
        host = table(mailbox, driver).get("host")
        identity = (address.casefold(), host.lower() if isinstance(host, str) else driver)
        if first := seen.setdefault(identity, name):
            if first == name:
                continue
            yield Finding(
                ("mailboxes", name, "address"),
                f"mailbox '{first}' has the same address and host ({{also}})",
                "remove one of them; addresses of one mailbox go into its aliases",
                "duplicate",
                also=("mailboxes", first, "address"),
            )


def _references(doc: Doc) -> Iterator[Finding]:
    """Names of other tables' entries exist."""
    for name, mailbox in mailboxes(doc):
        path: Path = ("mailboxes", name, "oauth", "app")
        yield from _named(path, table(mailbox, "oauth").get("app"), doc, "oauth")
    for name in table(doc, "owners"):
        owner = table(table(doc, "owners"), name)
        yield from _named(("owners", name, "plan"), owner.get("plan"), doc, "plans")
    entries = doc.get("blocklist")
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        if isinstance(entry, dict):
            path = ("blocklist", index, "mailbox")
            yield from _named(path, entry.get("mailbox"), doc, "mailboxes")


def _named(path: Path, name: Any, doc: Doc, where: str) -> Iterator[Finding]:
    known = table(doc, where)
    if isinstance(name, str) and name not in known:
        meant = suggest(name, known)
        hint = f"did you mean '{meant}'?" if meant else f"declare it: [{where}.{name}]"
        yield Finding(path, f"there is no [{where}.{name}]", hint, "reference", needs=name)


_FLOWS: Final = {"service_account": "google", "client_credentials": "microsoft"}


def _oauth(doc: Doc) -> Iterator[Finding]:
    """Flows and tenants that the provider does not have."""
    for name in table(doc, "oauth"):
        app = table(table(doc, "oauth"), name)
        flow, provider = app.get("flow"), app.get("provider")
        if not isinstance(flow, str) or not isinstance(provider, str):
            flow = ""
        if flow in _FLOWS and provider != _FLOWS[flow]:
            message = f"flow '{flow}' is {_FLOWS[flow].title()}'s alone"
            yield Finding(("oauth", name, "flow"), message, code="conflict")
        if "tenant" in app and provider == "google":
            yield Finding(("oauth", name, "tenant"), "Google has no tenants", code="conflict")
        yield from _oauth_needs(name, app)


def _oauth_needs(name: str, app: Doc) -> Iterator[Finding]:
    """What an application that signs in by its own right cannot do without."""
    if app.get("flow") not in _FLOWS or _FLOWS[app["flow"]] != app.get("provider"):
        return
    path: Path = ("oauth", name, "flow")
    if "client_secret" not in app:
        what = "the JSON file of its key" if app["flow"] == "service_account" else "its secret"
        hint = f"write client_secret = {{ file = ... }}, which holds {what}"
        message = f"flow '{app['flow']}' needs a client_secret"
        yield Finding(path, message, hint, "missing_secret", needs="client_secret")
    if app["flow"] == "client_credentials" and app.get("tenant", "common") == "common":
        message = "flow 'client_credentials' needs a tenant of its own"
        hint = 'write tenant = "contoso.onmicrosoft.com", or the directory\'s id'
        if "token_url" not in app:
            yield Finding(path, message, hint, "missing", needs="tenant")


_APPS_OF: Final = {"gmail": "google", "microsoft": "microsoft"}


def _fitting_apps(doc: Doc) -> Iterator[Finding]:
    """A driver of one provider signs in with an application that is registered there."""
    for name, mailbox in mailboxes(doc):
        wanted = _APPS_OF.get(str(mailbox.get("driver")))
        app = table(mailbox, "oauth").get("app")
        provider = table(table(doc, "oauth"), app).get("provider") if isinstance(app, str) else None
        if wanted and isinstance(provider, str) and provider != wanted:
            message = f"[oauth.{app}] is {provider.title()}'s, the mailbox is not"
            hint = f"name one with provider = {shown(wanted)}"
            path: Path = ("mailboxes", name, "oauth", "app")
            yield Finding(path, message, hint, "conflict")


def _idle_keys(doc: Doc) -> Iterator[Finding]:
    """Keys that have no effect beside others: warnings."""
    for name, mailbox in mailboxes(doc):
        if mailbox.get("shared_with") and mailbox.get("access", "personal") != "shared":
            path: Path = ("mailboxes", name, "shared_with")
            hint = 'write access = "shared"'
            yield _warning(path, "without effect: this mailbox is personal", hint)
    internal = table(doc, "internal")
    if internal.get("domains") and internal.get("scope") != "domains":
        path = ("internal", "domains")
        yield _warning(path, "without effect", 'write scope = "domains"')
    if internal.get("scope") == "domains" and not internal.get("domains"):
        yield _warning(("internal", "scope"), "no domains are listed", "add domains = [...]")
    new_address = table(doc, "match").get("new_address")
    if new_address in ("window", "all") and table(doc, "store").get("unmatched") == "none":
        hint = 'with store.unmatched = "none" there is no index to look in'
        yield _warning(("match", "new_address"), "has little effect", hint)
    kept = table(doc, "retention").get("attachments", "all")
    if kept != "all" and table(doc, "store").get("attachments", "list") == "list":
        hint = 'content is kept with store.attachments = "matched" only'
        yield _warning(("retention", "attachments"), "concerns only what was kept before", hint)


NOT_YET: Final[tuple[tuple[Path, Any], ...]] = (
    (("calendar", "create"), "none"),
    (("capture",), {}),
    (("webhooks",), {}),
)
"""Keys whose feature this version does not have, each with the value that asks for nothing."""


def _keys_of_later_versions(doc: Doc) -> Iterator[Finding]:
    """Keys that are understood and do nothing yet: nobody should wait for their effect."""
    for path, nothing in NOT_YET:
        value: Any = doc
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        if value is not None and value != nothing:
            message = "has no effect yet: this version of eisd does not have it"
            yield Finding(path, message, code="not_yet", severity="warning")


def _warning(path: Path, message: str, hint: str) -> Finding:
    return Finding(path, message, hint, "no_effect", severity="warning")


RULES: Final[tuple[Rule, ...]] = (
    _secrets,
    _misspelt_tables,
    _doubles,
    _references,
    _oauth,
    _fitting_apps,
    _idle_keys,
    _keys_of_later_versions,
)
