"""What a command is given: the configuration it works with, and the way to the daemon."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from eisd.errors import ConfigError

if TYPE_CHECKING:  # slow to import; a command that needs them does it
    from eisd.cli.client import Client
    from eisd.config.load import Loaded


@dataclass(frozen=True)
class Context:
    """The ``ctx.obj`` of every command."""

    given: Path | None = None
    """The file named by ``-c``."""

    @cached_property
    def config_path(self) -> Path:
        """The configuration file in force, whether it is there or not."""
        from eisd.config.paths import default_path  # noqa: PLC0415

        return self.given if self.given is not None else default_path()

    @property
    def start(self) -> str:
        """The command that starts the daemon of this configuration: a service for the system's."""
        from eisd.config.paths import SYSTEM_CONFIG  # noqa: PLC0415

        if self.config_path == SYSTEM_CONFIG:
            return "systemctl start eisd"
        return f"eisd run -c {self.given}" if self.given is not None else "eisd run"

    @cached_property
    def loaded(self) -> Loaded:
        """The configuration, checked; raises `ConfigError` with every problem."""
        from eisd.config.load import load  # noqa: PLC0415

        return load(self.config_path)

    def client(self, *, timeout: float = 30.0) -> Client:
        """The daemon's API; ``timeout`` in seconds.

        A configuration that is refused for something else does not stand in the way.
        """
        from eisd.cli.client import Client  # noqa: PLC0415
        from eisd.config.socket import find_socket  # noqa: PLC0415

        socket = find_socket(self.config_path)
        if socket is None:
            raise ConfigError(
                f"{self.config_path}: api.listen names no Unix socket, and commands need one",
                hint='Add one, for example: listen = ["unix:/run/eisd/api.sock"]',
            )
        return Client(socket, timeout=timeout)
