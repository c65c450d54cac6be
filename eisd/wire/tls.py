"""TLS for client connections: one verified context per CA file, and buffers sized for thousands.

A context costs over a megabyte and 28 ms of CPU, so connections share it. The standard library
gives every connection a read buffer of 256 KiB; 64 KiB cost no throughput and make idle
connections three times lighter.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from asyncio import sslproto
from pathlib import Path

from eisd.errors import Misconfigured

READ_BUFFER = 64 * 1024
"""Octets of TLS read buffer per connection."""

_STOCK_READ_BUFFER = 256 * 1024
_contexts: dict[str, tuple[int, ssl.SSLContext]] = {}
_lock = threading.Lock()


def shrink_read_buffer() -> bool:
    """Give asyncio's TLS connections the smaller buffer; False where asyncio is not as known.

    The attribute is private: it is touched only while it has the value it is known by.
    """
    if getattr(sslproto.SSLProtocol, "max_size", None) == _STOCK_READ_BUFFER:
        sslproto.SSLProtocol.max_size = READ_BUFFER
    return getattr(sslproto.SSLProtocol, "max_size", None) == READ_BUFFER


def context(ca_file: str | None = None) -> ssl.SSLContext:
    """The shared context that trusts ``ca_file`` alone, or the system's authorities. Blocks.

    A renewed CA file makes a new context. Raises `Misconfigured` when it cannot be read.
    """
    try:
        stamp = Path(ca_file).stat().st_mtime_ns if ca_file else 0
        with _lock:
            known = _contexts.get(ca_file or "")
            if known is None or known[0] != stamp:
                known = _contexts[ca_file or ""] = (stamp, _make(ca_file))
        return known[1]
    except OSError as exc:  # ssl.SSLError is one
        raise Misconfigured(
            f"the CA file {ca_file} cannot be used: {exc.strerror or exc}",
            code="tls",
            hint="ca_file must name a readable PEM file with the authority's certificate",
        ) from exc


async def client_context(ca_file: str | None = None) -> ssl.SSLContext:
    """`context`, off the event loop."""
    return await asyncio.to_thread(context, ca_file)


def explain(error: OSError, host: str) -> Misconfigured:
    """What a failed handshake means for the operator."""
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = error.verify_message.rstrip(".")
        return Misconfigured(
            f"the certificate of {host} is refused: {reason}", code="tls", hint=_hint(error)
        )
    reason = getattr(error, "reason", None) or str(error)
    hint = (
        "is TLS spoken on this port? IMAP: 993 is tls = implicit, 143 is tls = starttls;"
        " SMTP: 465 is tls = implicit, 587 is tls = starttls"
    )
    return Misconfigured(f"no TLS with {host}: {reason}", code="tls", hint=hint)


def until(transport: asyncio.BaseTransport) -> str:
    """When the peer's certificate ends, as the rest of a sentence; nothing if it does not say."""
    ends = (transport.get_extra_info("peercert") or {}).get("notAfter")
    if not ends:
        return ""
    days = (ssl.cert_time_to_seconds(ends) - time.time()) // 86_400
    return f", certificate expires in {days:.0f} d"


def _make(ca_file: str | None) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=ca_file)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made


_EXPIRED, _SELF_SIGNED, _SELF_SIGNED_CHAIN, _NO_ISSUER, _UNVERIFIED, _HOST = 10, 18, 19, 20, 21, 62


def _hint(error: ssl.SSLCertVerificationError) -> str:
    """The way out, by OpenSSL's verify code."""
    match error.verify_code:
        case code if code == _EXPIRED:
            return "the server's certificate has expired: its operator must renew it"
        case code if code == _HOST:
            return "host must be a name that the certificate is made out for"
        case code if code in {_SELF_SIGNED, _SELF_SIGNED_CHAIN, _NO_ISSUER, _UNVERIFIED}:
            return "for a private authority, name its certificate with ca_file"
        case _:
            return ""
