"""The way out of the in-memory driver: what was sent is in the test's hands, and what went wrong.

Stages, in order: ``connect``, ``mail``, ``rcpt``, ``data``, then the commit, then ``end`` (the
message is whole at the provider, who refuses it) and ``reply`` (the provider has taken it, and the
answer is lost). `MemoryMailbox.fail` breaks any of them; ``connect`` is called ``send_connect``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.parser import BytesHeaderParser

from eisd.driver.interface import BeforeCommit, RemoteId
from eisd.driver.memory_mailbox import MemoryFolder, MemoryMailbox
from eisd.errors import FolderGone, InDoubt, Transient
from eisd.model.folder import FolderRole
from eisd.model.outgoing import Envelope, Receipt, Refusal, SendRefused, Stage
from eisd.wire.smtp_data import without_bcc


class MemorySender:
    """A `Sender` on a `MemoryMailbox`."""

    def __init__(self, mailbox: MemoryMailbox) -> None:
        self._mailbox = mailbox
        self._outlet = mailbox.outlet
        self._line: int | None = None

    async def send(
        self, envelope: Envelope, rfc822: bytes, *, before_commit: BeforeCommit | None = None
    ) -> Receipt:
        if self._line != self._mailbox.line:
            self._mailbox.pass_or_raise("send_connect", self._mailbox.line)
            self._line = self._mailbox.line
            self._outlet.connections += 1
        for stage in ("mail", "rcpt", "data"):
            self._pass(stage)
        recipients, refusals = self._recipients(envelope)
        self._refuse_whole(Stage.MAIL, Stage.DATA)
        if self._outlet.held is not None:
            await self._outlet.held.wait()
        if before_commit is not None:
            await before_commit()
        self._refuse_whole(Stage.END)
        self._pass_last("end")
        self._take(Envelope(envelope.sender, recipients, envelope.utf8), rfc822)
        self._pass_last("reply")
        return Receipt(datetime.now(UTC), "2.0.0 taken", recipients, refusals)

    def _pass(self, stage: str) -> None:
        try:
            self._mailbox.pass_or_raise(stage, self._mailbox.line)
        except Transient:
            self._line = None
            raise

    def _pass_last(self, stage: str) -> None:
        try:
            self._pass(stage)
        except Transient as error:
            raise InDoubt("the line dropped before the answer", code="lost") from error

    def _recipients(self, envelope: Envelope) -> tuple[tuple[str, ...], tuple[Refusal, ...]]:
        refused: Mapping[str, Refusal] = self._outlet.refused
        refusals = tuple(refused[one] for one in envelope.recipients if one in refused)
        accepted = tuple(one for one in envelope.recipients if one not in refused)
        if not accepted:
            raise SendRefused("the provider takes it for nobody", refusals)
        return accepted, refusals

    def _refuse_whole(self, *stages: Stage) -> None:
        refusal = self._outlet.refused.get("")
        if refusal is not None and refusal.stage in stages:
            raise SendRefused(refusal.text, [refusal])

    def _take(self, envelope: Envelope, rfc822: bytes) -> None:
        self._outlet.taken.append((envelope, without_bcc(rfc822)))
        if self._outlet.facts.files_sent:
            name = self._folder(FolderRole.SENT).name
            self._mailbox.deliver(rfc822, name, gate_at=datetime.now(UTC), flags=("\\Seen",))

    # The copy

    async def find_sent(self, message_id: str) -> RemoteId | None:
        self._mailbox.pass_or_raise("find_sent", self._mailbox.line)
        return self._find(FolderRole.SENT, message_id)

    async def append_sent(self, rfc822: bytes) -> RemoteId | None:
        self._mailbox.pass_or_raise("append_sent", self._mailbox.line)
        return self._append(FolderRole.SENT, rfc822, "\\Seen")

    async def find_draft(self, message_id: str) -> RemoteId | None:
        return self._find(FolderRole.DRAFTS, message_id)

    async def append_draft(self, rfc822: bytes) -> RemoteId | None:
        self._mailbox.pass_or_raise("append_draft", self._mailbox.line)
        return self._append(FolderRole.DRAFTS, rfc822, "\\Draft")

    async def remove_draft(self, message_id: str) -> bool:
        self._mailbox.pass_or_raise("remove_draft", self._mailbox.line)
        found = self._find(FolderRole.DRAFTS, message_id)
        if found is not None:
            self._mailbox.expunge(found, self._folder(FolderRole.DRAFTS).name)
        return found is not None

    def _folder(self, role: FolderRole) -> MemoryFolder:
        for folder in self._mailbox.folders():
            if folder.role is role:
                return folder
        raise FolderGone(f"no folder is {role}", code="nonexistent")

    def _find(self, role: FolderRole, message_id: str) -> RemoteId | None:
        for message in self._folder(role).messages.values():
            if _message_id(message.rfc822) == message_id:
                return message.remote_id
        return None

    def _append(self, role: FolderRole, rfc822: bytes, flag: str) -> RemoteId:
        there = self._find(role, _message_id(rfc822))
        name = self._folder(role).name
        now = datetime.now(UTC)
        return there or self._mailbox.deliver(rfc822, name, gate_at=now, flags=(flag,))


def _message_id(rfc822: bytes) -> str:
    return str(BytesHeaderParser().parsebytes(rfc822).get("Message-ID", "")).strip("<> \r\n")
