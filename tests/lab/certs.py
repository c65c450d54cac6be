"""A private authority and the certificates the lab's servers show, good and bad."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

NAMES = ("localhost", "127.0.0.1", "mail.lab.test")


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate with its chain, and its key, as PEM files."""

    cert: Path
    key: Path


class Certs:
    """One authority per session; its certificates are written below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ca = trustme.CA()
        self.ca_file = folder / "ca.pem"
        """What a client must trust."""
        self._ca.cert_pem.write_to_path(self.ca_file)
        self.server = self._issue("server", *NAMES)
        """Good for localhost, 127.0.0.1 and mail.lab.test."""

    def expired(self) -> Pair:
        """Right name, right authority, ended yesterday."""
        now = datetime.now(UTC)
        return self._issue(
            "expired", *NAMES, begin=now - timedelta(days=9), end=now - timedelta(days=1)
        )

    def wrong_host(self) -> Pair:
        """Right authority, another server's name."""
        return self._issue("wrong-host", "elsewhere.test")

    def self_signed(self) -> Pair:
        """Signed by nobody but itself."""
        alone = trustme.CA()
        return self._write("self-signed", [alone.cert_pem], alone.private_key_pem)

    def stranger(self) -> Pair:
        """Right name, an authority the client does not trust."""
        leaf = trustme.CA().issue_cert(*NAMES)
        return self._write("stranger", leaf.cert_chain_pems, leaf.private_key_pem)

    def client_context(self) -> ssl.SSLContext:
        """A client's context that trusts this authority."""
        return ssl.create_default_context(cafile=self.ca_file)

    def server_context(self) -> ssl.SSLContext:
        """A server's context with the good certificate, for servers written in Python."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server.cert, self.server.key)
        return context

    def context_for(self, *names: str) -> ssl.SSLContext:
        """A server's context with a good certificate for these names."""
        pair = self._issue("for-" + names[0], *names)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.cert, pair.key)
        return context

    def _issue(
        self, name: str, *hosts: str, begin: datetime | None = None, end: datetime | None = None
    ) -> Pair:
        leaf = self._ca.issue_cert(*hosts, not_before=begin, not_after=end)
        return self._write(name, leaf.cert_chain_pems, leaf.private_key_pem)

    def _write(self, name: str, chain: list[trustme.Blob], key: trustme.Blob) -> Pair:
        pair = Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        pair.cert.write_bytes(b"".join(blob.bytes() for blob in chain))
        key.write_to_path(pair.key)
        return pair
