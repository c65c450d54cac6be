"""Signing in to providers by OAuth: status, the steps of a sign-in, signing out."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field

from eisd.api import signing
from eisd.api.answers import Answer
from eisd.api.request import Body, The
from eisd.auth.signin import Who

routes = APIRouter()


class Person(Body):
    """Who is to sign in; ``app`` and ``address`` describe a mailbox that is not configured yet."""

    app: str = ""
    address: str = Field(default="", max_length=320)
    accept: str = Field(default="", max_length=320)
    """Another address that may sign in for the mailbox."""


class BeginBody(Person):
    """The loopback address that the browser is sent back to."""

    redirect_uri: str = Field(max_length=200)


class FinishBody(Person):
    """The ticket of `begin`, and the address that the browser was sent to."""

    ticket: str = Field(max_length=100_000)
    redirect: str = Field(max_length=10_000)


class TicketBody(Person):
    """The ticket of the step before."""

    ticket: str = Field(max_length=100_000)


class SecretBody(Body):
    """An application's client secret."""

    client_secret: str = Field(min_length=1, max_length=16_384)


@routes.get("/auth", tags=["auth"])
async def list_auth(core: The) -> Answer:
    """What each mailbox that signs in by OAuth holds, and when that ends."""
    return {"mailboxes": await signing.status(core)}


@routes.get("/auth/{name}", tags=["auth"])
async def show_auth(core: The, name: str) -> Answer:
    """The same of one mailbox."""
    return {"mailboxes": await signing.status(core, name)}


@routes.post("/auth/{name}/begin", tags=["auth"])
async def begin(core: The, name: str, body: BeginBody) -> Answer:
    """The address to open in a browser."""
    return await signing.begin(core, _who(core, name, body), body.redirect_uri)


@routes.post("/auth/{name}/finish", tags=["auth"])
async def finish(core: The, name: str, body: FinishBody) -> Answer:
    """Take what the browser was sent back with."""
    return await signing.finish(core, _who(core, name, body), body.ticket, body.redirect)


@routes.post("/auth/{name}/device", tags=["auth"])
async def device(core: The, name: str, body: Person) -> Answer:
    """A code to type on another device."""
    return await signing.device(core, _who(core, name, body))


@routes.post("/auth/{name}/poll", tags=["auth"])
async def poll(core: The, name: str, body: TicketBody) -> Answer:
    """Whether the code was typed; not oftener than every `interval` seconds."""
    return await signing.poll(core, _who(core, name, body), body.ticket)


@routes.post("/auth/{name}/confirm", tags=["auth"])
async def confirm(core: The, name: str, body: TicketBody) -> Answer:
    """Keep the sign-in of somebody else than the mailbox's own user."""
    return await signing.confirm(core, _who(core, name, body), body.ticket)


@routes.post("/auth/{name}/own", tags=["auth"])
async def own(core: The, name: str, body: Person) -> Answer:
    """Obtain a token by the application's own right."""
    return await signing.own(core, _who(core, name, body))


@routes.delete("/auth/{name}", tags=["auth"])
async def logout(core: The, name: str) -> Answer:
    """Erase the tokens, and revoke them where the provider can."""
    return await signing.logout(core, name)


@routes.post("/oauth-apps/{app}/secret", tags=["auth"])
async def keep_secret(core: The, app: str, body: SecretBody) -> Answer:
    """Seal an application's client secret, where it is { store = true }."""
    return await signing.keep_client_secret(core, app, body.client_secret)


def _who(core: The, name: str, body: Person) -> Who:
    return signing.who(core, name, app=body.app, address=body.address, accept=body.accept)
