"""The real servers of the lab, for every integration test."""

from __future__ import annotations

from lab.fixtures import certs, courier, cyrus, dovecot, pymap, start_dovecot, submission, user

__all__ = ["certs", "courier", "cyrus", "dovecot", "pymap", "start_dovecot", "submission", "user"]
