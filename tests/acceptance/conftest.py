"""The real servers of the lab, for the installed daemon to speak to."""

from __future__ import annotations

from lab.fixtures import certs, dovecot, start_dovecot, user

__all__ = ["certs", "dovecot", "start_dovecot", "user"]
