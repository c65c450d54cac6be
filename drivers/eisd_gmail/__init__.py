"""The driver for Gmail and Google Workspace; `driver` is what the entry point names."""

from __future__ import annotations

from eisd_gmail.driver import GmailDriver

__all__ = ["GmailDriver", "driver"]

driver = GmailDriver()
