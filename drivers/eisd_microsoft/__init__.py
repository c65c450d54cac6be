"""The driver for Microsoft 365 and Outlook.com; `driver` is what the entry point names."""

from __future__ import annotations

from eisd_microsoft.driver import MicrosoftDriver

__all__ = ["MicrosoftDriver", "driver"]

driver = MicrosoftDriver()
