"""From a configuration to the ways out of its mailboxes, with the limits that each must keep."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from hashlib import sha256

from eisd.config.schema import Settings
from eisd.model.outgoing import Outlet
from eisd.outbox.pace import DAY, Limit
from eisd.outbox.station import Station
from eisd.sync.mailbox import Plan, tell_created
from eisd.sync.rules import Rules
from eisd.sync.sent import Recording
from eisd.sync.settle import Settled

MINUTE = 60.0


def stations(
    settings: Settings, plans: Mapping[str, Plan], ids: Mapping[str, int]
) -> dict[str, Station]:
    """Every enabled mailbox that can send."""
    found = {}
    for name, plan in plans.items():
        outlet = plan.driver.outlet(plan.options)
        if outlet is not None:
            found[name] = _station(settings, name, plan, ids[name], outlet)
    return found


def recording(rules: Callable[[], Rules], settled: Callable[[Settled], None]) -> Recording:
    """What makes activities of mail that is sent.

    The log is told of contacts that are made of it, and ``settled``, on the loop, of the rest.
    """
    loop = asyncio.get_running_loop()

    def told(done: Settled) -> None:
        tell_created(done)
        with suppress(RuntimeError):  # the loop has ended: nobody waits
            loop.call_soon_threadsafe(settled, done)

    return Recording(rules, told)


def _station(settings: Settings, name: str, plan: Plan, row_id: int, outlet: Outlet) -> Station:
    host = settings.outbound.hosts.get(outlet.host)
    described = plan.fingerprint + settings.outbound.model_dump_json()
    return Station(
        id=row_id,
        name=name,
        driver=plan.driver,
        options=plan.options,
        login=plan.login,
        outlet=outlet,
        retry_for=settings.outbound.retry_for,
        limits=tuple(_limits(settings, name, outlet)),
        host_limits=tuple(
            []
            if host is None
            else [
                *([] if host.rate is None else [Limit(host.rate.count, host.rate.seconds)]),
                *([] if host.per_day is None else [Limit(host.per_day, DAY)]),
            ]
        ),
        fingerprint=sha256(described.encode()).hexdigest(),
    )


def _limits(settings: Settings, name: str, outlet: Outlet) -> Iterator[Limit]:
    """The mailbox's own limits, else those for all, with the provider's known ones as defaults."""
    own, common = settings.mailboxes[name], settings.outbound
    rate = own.send_rate or common.rate
    yield Limit(rate.count, rate.seconds)
    if own.send_rate is None and outlet.per_minute is not None:
        yield Limit(outlet.per_minute, MINUTE)
    per_day = own.send_per_day or common.per_day or outlet.per_day
    if per_day is not None:
        yield Limit(per_day, DAY, recipients=outlet.counts_recipients)
