"""Exchange Online's IMAP as data: what its words mean.

A token that Exchange knows and that opens no mailbox is accepted at first; only the next command
is refused. So a login is proved by one, and since the same words are said of a mailbox that moves
or of too many connections, a person is asked only when they come again.
"""

from __future__ import annotations

from eisd.driver.imap.dialect import Dialect, saying
from eisd.errors import AuthRejected, Misconfigured, Transient

_NOT_CONNECTED = (
    "check that IMAP is enabled for the mailbox, that whoever signed in may open it (FullAccess for"
    " a shared one), and that the application has IMAP.AccessAsUser.All, or IMAP.AccessAsApp and a"
    " service principal made with the Enterprise application's object id"
)

MICROSOFT = Dialect(
    proves=True,
    sayings=(
        saying("authenticated but not connected", Transient, "not_connected", _NOT_CONNECTED,
               if_lasting="permission"),
        saying("request is throttled|suggested backoff", Transient, "throttled",
               "Exchange says how long to wait; it goes on by itself"),
        saying("accesstokenexpired|session invalidated", Transient, "expired", ""),
        saying("imap.{0,20}(is )?disabled|protocol.{0,10}disabled", Misconfigured, "permission",
               "enable IMAP for the mailbox: Set-CASMailbox BOX -ImapEnabled $true"),
        saying("authenticate failed|authentication unsuccessful", AuthRejected, "refused",
               "sign in again: eisd auth login; the user name must be the mailbox's address, and"
               " whoever signs in must be allowed to open it"),
        saying("login failed", AuthRejected, "basic_auth",
               "Microsoft takes no password over IMAP: sign in with OAuth"),
    ),
)  # fmt: skip
