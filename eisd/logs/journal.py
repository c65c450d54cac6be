"""The native protocol of systemd-journald: fields over a datagram socket.

https://systemd.io/JOURNAL_NATIVE_PROTOCOL/: ``KEY=value`` lines; a value that holds a line end is
framed with its length instead. An entry too large for a datagram travels as a sealed memfd.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
from collections.abc import Mapping
from typing import Final

from eisd.errors import ConfigError

SOCKET: Final = "/run/systemd/journal/socket"
_TOO_LARGE: Final = (errno.EMSGSIZE, errno.ENOBUFS)
_ALL_SEALS: Final = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


def is_journal(fd: int) -> bool:
    """Whether this descriptor is the one systemd connected to the journal (systemd.exec(5))."""
    stream = os.environ.get("JOURNAL_STREAM", "")
    if not stream:
        return False
    try:
        status = os.fstat(fd)
    except OSError:
        return False
    return stream == f"{status.st_dev}:{status.st_ino}"


def encode(fields: Mapping[str, str]) -> bytes:
    """One entry in the wire's form. Keys must be upper case letters, digits and underscores."""
    out = bytearray()
    for key, value in fields.items():
        data = value.encode("utf-8", "backslashreplace")
        if b"\n" in data:
            out += b"%b\n%b%b\n" % (key.encode("ascii"), struct.pack("<Q", len(data)), data)
        else:
            out += b"%b=%b\n" % (key.encode("ascii"), data)
    return bytes(out)


class JournalSink:
    """Sends entries to journald; connects again when journald was restarted."""

    def __init__(self, path: str = SOCKET) -> None:
        self._path = path
        self._socket = self._connect()

    def _connect(self) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            sock.connect(self._path)
        except OSError:
            sock.close()
            raise
        return sock

    def write(self, data: bytes) -> None:
        """Send one entry, or raise `OSError`."""
        try:
            self._send(data)
        except (ConnectionError, BrokenPipeError):
            self._socket.close()
            self._socket = self._connect()
            self._send(data)

    def _send(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError as error:
            if error.errno not in _TOO_LARGE:
                raise
            self._send_large(data)

    def _send_large(self, data: bytes) -> None:
        """Hand over a sealed memfd, which journald reads in its own time."""
        fd = os.memfd_create("eisd-log", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            with open(fd, "wb", closefd=False) as file:
                file.write(data)
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _ALL_SEALS)
            socket.send_fds(self._socket, [b""], [fd])
        finally:
            os.close(fd)

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()


def reach() -> JournalSink:
    """The journal of this machine. Raises ConfigError: there is none, though it was asked for."""
    try:
        return JournalSink()
    except OSError as error:
        raise ConfigError(
            f'log.format = "journald": no journal is reached at {SOCKET}: {error.strerror}',
            hint='write "auto", which is the journal where there is one',
        ) from error
