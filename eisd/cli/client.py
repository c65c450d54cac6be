"""The daemon's API as commands use it: over its Unix socket, waiting for the answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from eisd.errors import ExitCode, Transient, UserError
from eisd.wire import local
from eisd.wire.reply import Reply


class Unavailable(UserError):
    """No daemon answers; commands that can do without it catch this."""

    def __init__(self, message: str, *, hint: str = "", absent: bool = False) -> None:
        """Take ``absent``: there is no daemon, rather than one that does not answer us."""
        super().__init__(message, hint=hint, code=ExitCode.UNAVAILABLE)
        self.absent = absent


class Client:
    """Requests to ``/v1``; problems (RFC 9457) become `UserError` with the daemon's words."""

    def __init__(self, socket: Path, *, timeout: float = 30.0) -> None:
        self.socket = socket
        self.timeout = timeout
        self.headers: dict[str, str] = {}
        """Sent with every request."""

    def get(self, path: str, **params: str | int) -> Any:
        """GET a resource."""
        return self._ask("GET", path, params=params)

    def post(self, path: str, body: object = None, **params: str | int) -> Any:
        """POST; ``body`` is sent as JSON."""
        return self._ask("POST", path, body=body, params=params)

    def upload(self, path: str, pieces: Iterable[bytes], **params: str | int) -> Any:
        """POST a file as it is, piece by piece."""
        return self._ask("POST", path, content=pieces, params=params)

    def delete(self, path: str, **params: str | int) -> Any:
        """DELETE a resource."""
        return self._ask("DELETE", path, params=params)

    def text(self, path: str) -> str:
        """GET a page that is no JSON, outside of ``/v1``."""
        try:
            reply = local.request(str(self.socket), "GET", path, timeout=self.timeout)
        except Transient as error:
            raise self._unavailable(error) from error
        if reply.status >= 400:  # noqa: PLR2004 - the line HTTP draws
            raise _problem(reply)
        return reply.body.decode("utf-8", "replace")

    def events(self, after: str | None, **params: str | int) -> Iterator[tuple[str, str, str]]:
        """Follow the events: (id, event, data) of each; ``after`` is the last id that was seen.

        Raises:
            Unavailable: no daemon answers, or the stream broke off.
        """
        headers = {} if after is None else {"Last-Event-ID": after}
        fields: dict[str, str] = {}
        try:
            for line in local.stream(
                str(self.socket), "/v1/events", params=params, headers=headers
            ):
                name, _, value = line.partition(": ")
                if name:
                    fields[name] = value
                elif not line:
                    if "data" in fields:
                        yield fields.get("id", ""), fields.get("event", ""), fields["data"]
                    fields = {}
        except Transient as error:
            raise self._unavailable(error) from error
        except local.Refused as refused:
            raise _problem(refused.reply) from refused

    def _ask(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, str | int],
        body: object = None,
        content: Iterable[bytes] | None = None,
    ) -> Any:
        try:
            reply = local.request(
                str(self.socket),
                method,
                f"/v1{path}",
                body=body,
                content=content,
                params=params or None,
                headers=self.headers,
                timeout=self.timeout,
            )
        except Transient as error:
            raise self._unavailable(error) from error
        if reply.status >= 400:  # noqa: PLR2004 - the line HTTP draws
            raise _problem(reply)
        return reply.json()

    def _unavailable(self, error: Transient) -> Unavailable:
        """Why there is no answer, and what to do about it."""
        if error.code == "forbidden":
            return Unavailable(
                f"{self.socket}: permission denied",
                hint="Run it with sudo, or join the daemon's group: sudo usermod -aG eisd $USER",
            )
        if error.code == "unreachable":
            return Unavailable(
                f"the daemon is not running (nobody answers on {self.socket})",
                hint="Start it: systemctl start eisd, or in the foreground: eisd run",
                absent=True,
            )
        return Unavailable(f"the daemon does not answer: {error}")


def _problem(reply: Reply) -> UserError:
    """The daemon's refusal in its own words; ``exit_code`` and ``hint`` are our extensions."""
    problem = reply.json() if "json" in reply.content_type else {}
    detail = problem.get("detail") or problem.get("title") or f"HTTP status {reply.status}"
    try:
        code = ExitCode(problem.get("exit_code", -1))
    except ValueError:
        code = ExitCode.BUG if reply.status >= 500 else ExitCode.USAGE  # noqa: PLR2004
    return UserError(detail, hint=problem.get("hint", ""), code=code)
