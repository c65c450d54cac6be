"""Keeping mailboxes in step: what a pass over a folder does, and a mailbox's life around it."""
