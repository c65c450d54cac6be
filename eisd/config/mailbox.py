"""One mailbox's table, and the driver tables inside it that only its driver understands."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, SerializerFunctionWrapHandler, model_serializer, model_validator

from eisd.config.policy import OnRemoteDelete
from eisd.config.secrets import SecretRef
from eisd.config.types import (
    Address,
    Duration,
    Lax,
    Name,
    RateValue,
    Size,
    Table,
    Window,
    key,
)
from eisd.model.mailbox import SyncMode


def _open_schema(schema: dict[str, Any]) -> None:
    """In JSON Schema too, every other table is the driver's."""
    del schema["properties"]["driver_tables"]
    schema["additionalProperties"] = {"type": "object"}


class MailboxSettings(Table):
    """A connected email account; the table's name is its name everywhere."""

    model_config = ConfigDict(json_schema_extra=_open_schema)

    address: Address = key(doc="The mailbox's own address.", examples=["sales@example.org"])
    aliases: Annotated[tuple[Address, ...], Lax] = key(
        [], "Its other addresses.", examples=[["hello@example.org"]]
    )
    driver: Name = key("imap", "Which driver speaks to it: imap, or another that is installed.")
    enabled: bool = key(default=True, doc="Whether it is connected at all.")
    owner: Name | None = key(
        None, "Who owns it; need not stand under [owners].", examples=["alice"]
    )
    access: Literal["personal", "shared"] = key(
        "personal", "Whether it is one person's or a team's."
    )
    shared_with: Annotated[tuple[Name, ...], Lax] = key(
        [], 'Who shares it, with access = "shared".', examples=[["bob"]]
    )
    sender_name: str | None = key(
        None, "The name that mail sent through it shows.", examples=["Example Sales"]
    )
    workspaces: Annotated[tuple[Name, ...], Lax] = key(
        ["default"], "The workspaces it feeds; an empty list means it only sends."
    )
    sync: Annotated[SyncMode, Lax] = key(
        "two_way",
        "What is recorded: mail of both directions, incoming, outgoing, or (one_way) only what "
        "eisd itself sends and captures.",
    )
    window: Window | None = key(None, "Overrides sync.window.", examples=["3m"])
    interval: Duration | None = key(None, "Overrides sync.interval.", examples=["10m"])
    max_message_size: Size | None = key(None, "Overrides sync.max_message_size.", examples=["25MB"])
    on_remote_delete: OnRemoteDelete | None = key(
        None, "Overrides sync.on_remote_delete.", examples=["mark"]
    )
    folders: Annotated[tuple[str, ...], Lax] | None = key(
        None,
        "The folders to sync, by name or special-use flag; a leading - leaves one out. Sent is "
        'added unless sync = "incoming".',
        examples=[["INBOX", "\\Sent"]],
    )
    send_rate: RateValue | None = key(None, "Overrides outbound.rate.", examples=["10/m"])
    send_per_day: int | None = key(None, "Overrides outbound.per_day.", ge=1, examples=[200])
    driver_tables: dict[str, dict[str, Any]] = key(
        {},
        "Every other table: the driver's own options, as TOML gives them.",
    )

    @model_validator(mode="before")
    @classmethod
    def _part_driver_tables(cls, value: Any) -> Any:
        """Tables that are no key of ours are the driver's: ``imap``, ``smtp``, ``oauth``..."""
        return part_driver_tables(value) if isinstance(value, dict) else value

    @model_serializer(mode="wrap")
    def _join_driver_tables(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        table: dict[str, Any] = handler(self)
        own = {k: v for k, v in table.items() if k != "driver_tables"}
        return {**own, **table.get("driver_tables", {})}

    def secret(self, table: str, name: str = "password") -> SecretRef | None:
        """The reference to a driver table's secret, ``same_as`` followed; None when not given."""
        ref = self.driver_tables.get(table, {}).get(name)
        if ref is None:
            return None
        parsed = SecretRef.model_validate(ref)
        return self.secret(parsed.same_as, name) if parsed.same_as else parsed

    def secret_table(self, table: str, name: str = "password") -> str:
        """The table that gives another one's secret: itself, or what its ``same_as`` names."""
        ref = self.driver_tables.get(table, {}).get(name)
        same_as = ref.get("same_as") if isinstance(ref, dict) else None
        return same_as if isinstance(same_as, str) else table

    @property
    def oauth_app(self) -> str | None:
        """The application of [oauth] that it signs in with; None: it has a password."""
        app = self.driver_tables.get("oauth", {}).get("app")
        return app if isinstance(app, str) else None

    def host(self) -> str:
        """The host that, with the address, makes this mailbox itself (M14); the driver if none."""
        found = self.driver_tables.get(self.driver, {}).get("host")
        return found.lower() if isinstance(found, str) else self.driver

    def with_tables(self, tables: dict[str, dict[str, Any]]) -> Self:
        """The same mailbox with other driver tables."""
        return self.model_copy(update={"driver_tables": tables})


OWN_KEYS = frozenset(MailboxSettings.model_fields) - {"driver_tables"}


def part_driver_tables(table: dict[str, Any]) -> dict[str, Any]:
    """Move a mailbox's unknown tables below ``driver_tables``; leave everything else alone."""
    own = {k: v for k, v in table.items() if k in OWN_KEYS or not isinstance(v, dict)}
    rest = {k: v for k, v in table.items() if k not in own}
    return {**own, "driver_tables": rest}
