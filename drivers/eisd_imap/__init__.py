"""The driver for any IMAP server; `driver` is what the entry point names."""

from __future__ import annotations

from eisd_imap.driver import ImapDriver

__all__ = ["ImapDriver", "driver"]

driver = ImapDriver()
