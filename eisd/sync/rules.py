"""What recording goes by: the configuration's policies, made ready once for each reload."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from eisd.matcher.blocklist import Blocklist
from eisd.matcher.keys import Hasher
from eisd.matcher.policy import Policy
from eisd.mime.addresses import LocalCase
from eisd.model.facts import KeyHash
from eisd.model.mailbox import SyncMode

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class MailboxRules:
    """What is particular to one mailbox."""

    key: KeyHash
    """Exact key of its own address."""
    aliases: frozenset[KeyHash] = frozenset()
    """Exact and relaxed keys of its other addresses."""
    mode: SyncMode = SyncMode.TWO_WAY
    visibility: str = "metadata"
    """metadata, subject or full (V1)."""
    blocklist: Blocklist | None = None
    on_remote_delete: str = "retain"
    """retain, mark or remove (F3)."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Policies and keys, the same for every mailbox, and what is particular by row id."""

    hasher: Hasher
    policy: Policy
    mailboxes: Mapping[int, MailboxRules]
    trusted_authserv: frozenset[str] = frozenset()
    local_case: LocalCase = "fold"
    index: bool = True
    """Whether hashes of mail that concerns nobody are kept (`store.unmatched`)."""
    attachments: bool = False
    """Whether the bytes of attachments are kept (`store.attachments`)."""
    keep_days: int | None = None
    """For how many days mail is on record (`retention.activities`); None: for ever."""

    def kept_from(self, now: int) -> int | None:
        """Mail received before then (ms) is not listed, and none of it is on record for long."""
        return None if self.keep_days is None else now - self.keep_days * DAY_MS

    def of(self, mailbox: int) -> MailboxRules:
        """The rules of one mailbox; of one that is no longer configured, the plainest."""
        return self.mailboxes.get(mailbox) or MailboxRules(key=0)
