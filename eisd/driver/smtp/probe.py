"""The way out step by step, for `mailbox test`; with a message, to its very end."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

from eisd.driver.interface import Step
from eisd.driver.smtp.sender import Way
from eisd.errors import DriverError
from eisd.model.outgoing import Envelope, SendRefused
from eisd.wire.smtp import Client
from eisd.wire.smtp_words import meaning

_ORDER = {
    "none": ("dns", "tcp", "greeting"),
    "implicit": ("dns", "tcp", "tls", "greeting"),
    "starttls": ("dns", "tcp", "greeting", "tls"),
}
_SHOWN = ("size", "smtputf8", "dsn", "8bitmime")


async def probe(way: Way, user: str, message: tuple[Envelope, bytes] | None) -> AsyncIterator[Step]:
    """Connect, log in, and send the message if one is given; the step that fails is the last."""
    steps: list[Step] = []
    began = time.monotonic()
    client: Client | None = None
    try:
        client = await Client.connect(
            way.endpoint,
            way.timeouts,
            lambda name, detail, ms: steps.append(Step(f"smtp {name}", detail, ms)),
        )
    except DriverError as error:
        done = {step.name for step in steps}
        order = (f"smtp {name}" for name in _ORDER[way.endpoint.tls])
        steps.append(failed(next((n for n in order if n not in done), "smtp ehlo"), error, began))
    for step in steps:
        yield step
    if client is None:
        return
    try:
        async for step in _talk(client, way, user, message):
            yield step
    finally:
        client.abort()


async def _talk(
    client: Client, way: Way, user: str, message: tuple[Envelope, bytes] | None
) -> AsyncIterator[Step]:
    name, began = "smtp auth", time.monotonic()
    try:
        await way.authenticate(client)
        detail = f"login ok as {user}" if user else "no login wanted"
        yield Step(name, detail, _ms(began))
        yield Step("smtp caps", _shown(client), 0.0)
        if message is not None:
            name, began = "smtp send", time.monotonic()
            receipt = await client.send(*message)
            refused = "; ".join(f"{r.recipient}: {r.code} {r.text}" for r in receipt.refusals)
            if refused:
                yield Step(name, refused, _ms(began), ok=False, failure="SendRefused")
            else:
                yield Step(name, receipt.text or "taken", _ms(began))
        await client.quit()
    except DriverError as error:
        yield failed(name, error, began)


def failed(name: str, error: DriverError, began: float) -> Step:
    """A step that went wrong, and the way out."""
    hint = meaning(error.refusals[0]).fix if isinstance(error, SendRefused) else error.hint
    detail = f"{error} ({hint})" if hint else str(error)
    return Step(name, detail, _ms(began), ok=False, failure=type(error).__name__)


def _shown(client: Client) -> str:
    said = [f"{k} {client.extensions[k]}".strip() for k in _SHOWN if k in client.extensions]
    return " · ".join(said) or "nothing beyond RFC 5321"


def _ms(began: float) -> float:
    return (time.monotonic() - began) * 1000
