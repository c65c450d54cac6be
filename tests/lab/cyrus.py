"""A private Cyrus IMAP 3.6: OBJECTID, special uses in lower case, another mind than Dovecot's."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Self

from lab import client
from lab.certs import Certs
from lab.process import Service, free_ports
from lab.unpacked import root_of

PASSWORD = "secret"
SPECIAL = ("Sent", "Drafts", "Trash", "Junk", "Archive")


class Cyrus(Service):
    """One server with its own folder, ports and users; passwords only, no XOAUTH2."""

    def __init__(self, certs: Certs) -> None:
        super().__init__("Cyrus")
        self.certs = certs
        # A copy: its own user may not enter the folder of this checkout, /root for one.
        self._unpacked = self.root / "root"
        shutil.copytree(root_of("cyrus") / "usr", self._unpacked / "usr", symlinks=True)
        self._passwords: dict[str, str] = {}
        self.port_imap, self.port_imaps, self.port_lmtp = free_ports(3)

    def start(self) -> Self:
        """Start and return once IMAP answers."""
        self._write()
        master = self._unpacked / "usr/lib/cyrus/bin/master"
        pid = self.root / "master.pid"
        self._run(
            [str(master), "-C", self._imapd, "-M", self._conf, "-p", str(pid)],
            (self.port_imap, self.port_imaps, self.port_lmtp),
            env=self._env,
        )
        return self

    def add_user(self, address: str, password: str = PASSWORD) -> str:
        """Let a user log in, at once; returns the address. The first login makes the folders."""
        name, _, domain = address.partition("@")
        tool = self._unpacked / "usr/sbin/saslpasswd2"
        database = self.root / "sasldb2"
        subprocess.run(
            [str(tool), "-p", "-c", "-f", str(database), "-u", domain, name],
            input=password.encode(),
            env={**os.environ, **self._env},
            check=True,
        )
        shutil.chown(database, "mail", "mail")
        self._passwords[address] = password
        return address

    def password(self, address: str) -> str:
        """The password a user was given."""
        return self._passwords[address]

    def deliver(self, user: str, rfc822: bytes, folder: str = "INBOX") -> None:
        """File a message now."""
        client.append(self, user, folder, rfc822)

    def uids(self, user: str, folder: str = "INBOX") -> list[int]:
        """The UIDs a folder holds, ascending."""
        return client.uids(self, user, folder)

    @property
    def _imapd(self) -> str:
        return str(self.root / "imapd.conf")

    @property
    def _conf(self) -> str:
        return str(self.root / "cyrus.conf")

    @property
    def _env(self) -> dict[str, str]:
        libraries = self._unpacked / "usr/lib/x86_64-linux-gnu"
        return {"LD_LIBRARY_PATH": str(libraries), "CYRUS_USER": "mail"}

    def _write(self) -> None:
        # Without a socket folder IDLE silently becomes a poll of 60 seconds.
        for name in ("db", "socket", "user", "quota", "log", "msg", "proc", "lock", "sieve"):
            (self.root / "var" / name).mkdir(parents=True, exist_ok=True)
        (self.root / "spool").mkdir(exist_ok=True)
        for source, name in ((self.certs.server.cert, "cert"), (self.certs.server.key, "key")):
            shutil.copy(source, self.root / name)
        Path(self._imapd).write_text(self._settings())
        Path(self._conf).write_text(self._services())
        subprocess.run(["chown", "-R", "mail:mail", str(self.root)], check=True)

    def _settings(self) -> str:
        home, special = self.root, "|".join(SPECIAL)
        uses = "\n".join(f"xlist-{name.lower()}: {name}" for name in SPECIAL)
        # defaultdomain must not be the tests' domain, else users are looked up without it;
        # autocreate_quota 0 means "create, without a limit".
        return f"""
cyrus_user: mail
cyrus_group: mail
configdirectory: {home}/var
defaultpartition: default
partition-default: {home}/spool
sievedir: {home}/var/sieve
idlesocket: {home}/var/socket/idle
lmtpsocket: {home}/var/socket/lmtp
notifysocket: {home}/var/socket/notify
mboxname_lockpath: {home}/var/lock
proc_path: {home}/var/proc
virtdomains: userid
defaultdomain: internal.invalid
unixhierarchysep: yes
altnamespace: yes
conversations: yes
autocreate_quota: 0
autocreate_inbox_folders: {special}
autocreate_subscribe_folders: {special}
{uses}
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {home}/sasldb2
sasl_mech_list: PLAIN LOGIN SCRAM-SHA-256
sasl_minimum_layer: 0
failedloginpause: 0
allowplaintext: yes
tls_server_cert: {home}/cert
tls_server_key: {home}/key
"""

    def _services(self) -> str:
        tools = self._unpacked / "usr/lib/cyrus/bin"
        imapd = f"{tools}/imapd -C {self._imapd} -U 30"
        secure = imapd.replace("imapd -C", "imapd -s -C", 1)
        return f"""
START {{
  recover cmd="{tools}/ctl_cyrusdb -C {self._imapd} -r"
}}
SERVICES {{
  imap cmd="{imapd}" listen="127.0.0.1:{self.port_imap}" prefork=0
  imaps cmd="{secure}" listen="127.0.0.1:{self.port_imaps}" prefork=0
  lmtp cmd="{tools}/lmtpd -a -C {self._imapd}" listen="127.0.0.1:{self.port_lmtp}" prefork=0
}}
DAEMON {{
  idled cmd="{tools}/idled -C {self._imapd}"
}}
EVENTS {{
}}
"""
