"""eisd: the piece between people's mailboxes and a CRM."""

__version__ = "0.1.0"
