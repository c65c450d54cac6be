"""The shared IMAP session: what every driver that speaks IMAP builds on.

`session` is the door (`eisd.driver.interface.Session`); the other modules are its parts:
`folders` (roles), `position` (cursors), `listing` (enumerating UIDs, fetching header blocks),
`scan` (live and backfill), `skeleton` and `bodies` (message bytes), `watch` (IDLE, NOTIFY, polls).

RFC 9051 says mailbox; we say folder.
"""
