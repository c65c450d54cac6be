"""What is known of the place where a mailbox's mail goes out, without asking anybody."""

from __future__ import annotations

from eisd.driver.imap.options import Options
from eisd.driver.presets import by_host
from eisd.driver.smtp.login import same_provider, way_in
from eisd.model.outgoing import Outlet


def outlet_of(options: Options) -> Outlet | None:
    """Its host and its provider's limits; None where the mailbox cannot send.

    A relay of one's own files nothing in the mailbox, whoever provides that.
    """
    if options.smtp is None:
        return None
    host = options.smtp.host
    provider = by_host(host)
    if provider is None:
        return Outlet(host)
    own = options.address.rpartition("@")[2].lower() in provider.domains
    return Outlet(
        host,
        files_sent=provider.saves_sent and same_provider(options.imap.host, host),
        per_minute=provider.per_minute,
        per_day=provider.per_day if own else provider.per_day_organisation or provider.per_day,
        counts_recipients=provider.counts_recipients,
        connections=provider.smtp_connections,
    )


def signs_in_as(options: Options) -> str:
    """The user name at the submission server; empty where nobody signs in."""
    if options.smtp is None or way_in(options, options.smtp) == "none":
        return ""
    return options.smtp.username
