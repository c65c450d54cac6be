"""The configuration of a private Dovecot 2.3 as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from lab.dovecot import Dovecot

SPECIAL = {name: f"\\{name}" for name in ("Drafts", "Sent", "Trash", "Junk", "Archive")}


@dataclass(frozen=True, slots=True)
class Options:
    """How a Dovecot differs from the usual one."""

    mail_location: Literal["sdbox", "maildir"] = "sdbox"
    separator: str = "/"
    prefix: str = ""
    """What personal folders begin with; ``INBOX.`` is Courier's way."""
    folders: Mapping[str, str | None] = field(default_factory=lambda: dict(SPECIAL))
    """Folders every user has, with their special use (RFC 6154) or None."""
    special_use: bool = True
    """False: the folders are there, the server does not say what they are for."""
    imap_capability: str = ""
    """Replaces the capabilities after login; empty: all that Dovecot has."""
    without: frozenset[str] = frozenset()
    """Capabilities to leave out after login, such as IDLE, NOTIFY, CONDSTORE, QRESYNC."""
    compress: bool = True
    max_userip_connections: int = 50
    idle_notify_interval: str = "2 mins"
    ssl: Literal["yes", "no", "required"] = "yes"
    submission: bool = False
    """Mail is taken on ``port_submission`` and handed to whoever listens on ``port_relay``."""
    extra: str = ""
    """Lines put at the end of the file as they are."""


# What 2.3.19 announces after login, to take words away from.
CAPABILITIES = (
    "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT SORT=DISPLAY THREAD=REFERENCES"
    " THREAD=REFS THREAD=ORDEREDSUBJECT MULTIAPPEND URL-PARTIAL CATENATE UNSELECT CHILDREN"
    " NAMESPACE UIDPLUS LIST-EXTENDED I18NLEVEL=1 CONDSTORE QRESYNC ESEARCH ESORT SEARCHRES"
    " WITHIN CONTEXT=SEARCH LIST-STATUS BINARY MOVE SNIPPET=FUZZY PREVIEW=FUZZY PREVIEW"
    " STATUS=SIZE SAVEDATE LITERAL+ NOTIFY SPECIAL-USE COMPRESS=DEFLATE"
)


def render(server: Dovecot) -> str:
    """The whole configuration file of a server."""
    options = server.options
    return "\n".join(
        (
            _global(server),
            _namespace(options),
            _protocols(options),
            _services(server),
            _submission(server) if options.submission else "",
            options.extra,
        )
    )


def _global(server: Dovecot) -> str:
    root, options = server.root, server.options
    location = {"sdbox": "sdbox:~/sdbox", "maildir": "maildir:~/Maildir"}[options.mail_location]
    return f"""
base_dir = {root}/run
state_dir = {root}/run/state
log_path = {server.log}
instance_name = {root.name}
listen = 127.0.0.1
protocols = imap lmtp
mail_uid = mail
mail_gid = mail
first_valid_uid = 1
mail_home = {server.mail}/%u
mail_location = {location}
mail_fsync = never
auth_mechanisms = plain login
auth_failure_delay = 0 secs
auth_cache_size = 0
auth_verbose = yes
ssl = {options.ssl}
ssl_cert = <{server.pair.cert}
ssl_key = <{server.pair.key}
disable_plaintext_auth = no
lmtp_save_to_detail_mailbox = no
passdb {{
  driver = passwd-file
  mechanisms = plain login
  args = scheme=PLAIN username_format=%u {root}/users/%u
}}
userdb {{
  driver = static
  args = uid=mail gid=mail home={server.mail}/%u allow_all_users=yes
}}
"""


def _namespace(options: Options) -> str:
    folders = "\n".join(_folder(name, use, options) for name, use in options.folders.items())
    return f"""
namespace inbox {{
  inbox = yes
  prefix = {options.prefix}
  separator = {options.separator}
{folders}
}}
"""


def _folder(name: str, use: str | None, options: Options) -> str:
    special = f"    special_use = {use}\n" if use and options.special_use else ""
    return f"  mailbox {name} {{\n    auto = subscribe\n{special}  }}"


def _protocols(options: Options) -> str:
    words = options.imap_capability
    if options.without and not words:
        words = " ".join(w for w in CAPABILITIES.split() if w not in options.without)
    capability = f"imap_capability = {words}" if words else ""
    plugins = "zlib imap_zlib" if options.compress else ""
    return f"""
protocol imap {{
  mail_plugins = {plugins}
  imap_idle_notify_interval = {options.idle_notify_interval}
  mail_max_userip_connections = {options.max_userip_connections}
  {capability}
}}
protocol lmtp {{
  postmaster_address = postmaster@lab.test
}}
"""


def _services(server: Dovecot) -> str:
    return f"""
service imap-login {{
  chroot =
  inet_listener imap {{
    address = 127.0.0.1
    port = {server.port_imap}
  }}
  inet_listener imaps {{
    address = 127.0.0.1
    port = {server.port_imaps}
    ssl = yes
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {server.port_lmtp}
  }}
}}
# Without the penalty socket a refused login does not delay the next one from the same address.
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
"""


def _submission(server: Dovecot) -> str:
    """Password and token logins; tokens are JWTs signed with the server's own secret."""
    return f"""
protocols = imap lmtp submission
auth_mechanisms = plain login xoauth2 oauthbearer
hostname = mail.lab.test
submission_relay_host = 127.0.0.1
submission_relay_port = {server.port_relay}
submission_relay_trusted = yes
submission_max_mail_size = 30M
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {server.root}/oauth2.conf.ext
}}
service submission-login {{
  chroot =
  inet_listener submission {{
    address = 127.0.0.1
    port = {server.port_submission}
  }}
}}
"""


def render_tokens(server: Dovecot) -> str:
    """How tokens are looked at: locally, by the key that `Dovecot.token` signs with."""
    return f"""
introspection_mode = local
local_validation_key_dict = fs:posix:prefix={server.root}/keys/
username_attribute = email
"""
