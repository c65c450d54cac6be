# ruff: noqa: PTH208, T201 - a stand-alone program: names of files, and its answer on stdout
"""Runs in the unit's place, in its sandbox, and tries what it may and what it may not."""

import ctypes
import json
import mmap
import os
import resource
import shutil
import socket
import sqlite3
import subprocess
import threading
from pathlib import Path

NEW_USER_NAMESPACE = 0x10000000


def write(path):
    """Make a file."""
    Path(path).write_text("x")
    Path(path).unlink()


def wal():
    """Commit to a database with a write-ahead log."""
    file = "/var/lib/eisd/probe.db"
    db = sqlite3.connect(file)
    db.execute("PRAGMA journal_mode=wal")
    db.execute("CREATE TABLE t (x)")
    db.commit()
    db.close()
    Path(file).unlink()


def talk():
    """Connect to ourselves."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()


def thread():
    """Start one."""
    one = threading.Thread(target=list)
    one.start()
    one.join()


def drop_and_run(place="/var/lib/eisd"):
    """Run what we have written."""
    program = shutil.copy("/usr/bin/true", f"{place}/probe-program")
    try:
        Path(program).chmod(0o755)
        subprocess.run([program], check=True)
    finally:
        Path(program).unlink()


def raise_limit():
    """More descriptors than the unit allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most + 1, most + 1))


def unshare():
    """A user namespace of our own."""
    if ctypes.CDLL(None, use_errno=True).unshare(NEW_USER_NAMESPACE):
        raise OSError(ctypes.get_errno(), "unshare")


def special(kind, protocol=0):
    """A socket that mail needs not."""
    socket.socket(kind, socket.SOCK_RAW if kind != socket.AF_VSOCK else 1, protocol).close()


def set_id_bit():
    """A program that runs as its owner."""
    file = Path("/var/lib/eisd/probe-suid")
    file.write_text("")
    try:
        file.chmod(0o4755)
    finally:
        file.unlink()


MAY = {
    "write its state": lambda: write("/var/lib/eisd/probe"),
    "write its runtime directory": lambda: write("/run/probe/probe"),
    "write a private /tmp": lambda: write("/tmp/probe"),
    "read its configuration": lambda: Path("/etc/eisd/config.toml").read_text(),
    "read the time zone and the authorities": lambda: os.listdir("/etc/ssl/certs"),
    "keep a database": wal,
    "speak TCP": talk,
    "start threads": thread,
    "start programs of the system": lambda: subprocess.run(["/usr/bin/true"], check=True),
    "see its credentials": lambda: os.listdir(os.environ["CREDENTIALS_DIRECTORY"]),
}
MAY_NOT = {
    "write its configuration": lambda: write("/etc/eisd/probe"),
    "write /etc": lambda: write("/etc/probe"),
    "write /usr": lambda: write("/usr/probe"),
    "write /var": lambda: write("/var/probe"),
    "write another's runtime directory": lambda: write("/run/eisd/probe"),
    "write a control group": lambda: write("/sys/fs/cgroup/probe"),
    "write a setting of the kernel": lambda: Path("/proc/sys/kernel/panic").write_text("1"),
    "see /home": lambda: os.listdir("/home"),
    "see /root": lambda: os.listdir("/root"),
    "see /srv": lambda: os.listdir("/srv"),
    "see the shadow file": lambda: Path("/etc/shadow").read_text(),
    "see the source of credentials": lambda: os.listdir("/etc/eisd/credentials"),
    "run what it wrote": drop_and_run,
    "have memory that is written and run": lambda: mmap.mmap(
        -1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
    ),
    "become root": lambda: os.setuid(0),
    "make a namespace": unshare,
    "listen to the kernel": lambda: special(socket.AF_NETLINK),
    "see packets": lambda: special(socket.AF_PACKET),
    "set a set-user-id bit": set_id_bit,
    "raise its limits": raise_limit,
    "run what it wrote, in /run": lambda: drop_and_run("/run/probe"),
    "run what it wrote, in /tmp": lambda: drop_and_run("/tmp"),
    "run what it wrote, in /dev/shm": lambda: drop_and_run("/dev/shm"),
    "write another file system": lambda: write("/var/other/probe"),
    "write anybody's directory": lambda: write("/run/lock/probe"),
    "be nicer to itself": lambda: os.nice(-5),
    "reboot": lambda: os.kill(1, 0),
}


def tried(action):
    """What came of it."""
    try:
        action()
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        return type(error).__name__
    return "ok"


status = Path("/proc/self/status").read_text().splitlines()
others = [int(p) for p in os.listdir("/proc") if p.isdigit() and int(p) != os.getpid()]
found = {
    "may": {name: tried(action) for name, action in MAY.items()},
    "may_not": {name: tried(action) for name, action in MAY_NOT.items()},
    "capabilities": [line.split()[1] for line in status if line.startswith("Cap")],
    "others": others,
}
print(json.dumps(found), flush=True)
