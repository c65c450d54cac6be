"""One task for each mailbox, started, stopped and started anew as the configuration says.

A task that dies of a mistake of ours is started again after a pause; no mailbox can take the
daemon, or another mailbox, down with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from eisd import events, metrics
from eisd.logs import bind, emit
from eisd.store import mailboxes
from eisd.sync.loop import Life
from eisd.sync.mailbox import Mailbox, Plan, Services

RESTART = 10.0
STOP = 10.0
"""Seconds a mailbox has to end before it is let go."""


@dataclass(slots=True)
class _Running:
    mailbox: Mailbox
    task: asyncio.Task[None]


class Supervisor:
    """The mailboxes at work, by name."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._running: dict[str, _Running] = {}

    @property
    def mailboxes(self) -> dict[str, Mailbox]:
        """Every mailbox that has a task."""
        return {name: running.mailbox for name, running in self._running.items()}

    @property
    def alive(self) -> bool:
        """Whether every task is running; none ever ends by itself."""
        return not any(running.task.done() for running in self._running.values())

    async def apply(self, plans: Mapping[str, Plan], ids: Mapping[str, int]) -> list[str]:
        """Make what runs be what is planned; return a line for each change.

        A mailbox whose plan did not change is not touched; one with another interval alone keeps
        its connection.
        """
        changes: list[str] = []
        for name in list(self._running):
            running = self._running[name]
            plan = plans.get(name)
            if plan is not None and plan.fingerprint == running.mailbox.plan.fingerprint:
                if plan.interval != running.mailbox.plan.interval:
                    running.mailbox.plan = plan
                    running.mailbox.bell.ring()
                    changes.append(f"{name} changed")
                continue
            await self._stop([self._running.pop(name)])
            if plan is None:
                metrics.forget_mailbox(name)
            changes.append(f"{name} {'removed' if plan is None else 'changed'}")
        for name, plan in plans.items():
            if name not in self._running:
                await self._start(plan, ids[name])
                if f"{name} changed" not in changes:
                    changes.append(f"{name} added")
        return changes

    async def close(self) -> None:
        """Stop every mailbox; none may take longer than ten seconds."""
        running = list(self._running.values())
        self._running.clear()
        await self._stop(running)

    async def _start(self, plan: Plan, mailbox_id: int) -> None:
        row = await self._services.store.read(lambda db: mailboxes.by_id(db, mailbox_id))
        mailbox = Mailbox(mailbox_id, plan, self._services, paused=row.paused)
        mailbox.begin_at = row.begin_at
        mailbox.synced_at = None if row.last_sync_at is None else row.last_sync_at / 1000
        task = asyncio.create_task(self._keep(mailbox), name=f"mailbox {plan.name}")
        self._running[plan.name] = _Running(mailbox, task)

    async def _keep(self, mailbox: Mailbox) -> None:
        bind(mailbox=mailbox.name)
        while True:
            try:
                await Life(mailbox).live()
            except asyncio.CancelledError:
                raise
            except BaseException as exc:  # noqa: BLE001  whatever it was, the mailbox lives on
                emit(events.TASK_CRASHED, task=mailbox.name, restart_in_s=RESTART, error=exc)
            await asyncio.sleep(RESTART)

    async def _stop(self, running: list[_Running]) -> None:
        for one in running:
            one.task.cancel()
        if running:
            with suppress(asyncio.CancelledError):
                await asyncio.wait([one.task for one in running], timeout=STOP)
