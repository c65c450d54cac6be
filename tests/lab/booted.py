"""A Debian of its own, booted: systemd is PID 1 of its namespaces (`tests/systemd/run`)."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from lab.process import ServerFailed

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build/systemd"
BOOT = ROOT / "tests/systemd/boot"
ENVIRON = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/root"}
PATIENCE = 60.0
"""Seconds that something may take on a machine that is busy."""


def cgroups() -> Path:
    """Where this machine has the unified hierarchy."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(place)
    raise ServerFailed("no cgroup2 is mounted here, and systemd cannot live without")


def _removed(group: str) -> bool:
    """Remove a control group; not while the dead in it are being buried."""
    try:
        Path(group).rmdir()
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        return False
    return True


class Host:
    """One booted system; what it writes vanishes with it."""

    def __init__(self, suite: str) -> None:
        self.suite = suite
        self.package = next((BUILD / f"{suite}-deb").glob("eisd_*.deb"))
        self._folder = Path(tempfile.mkdtemp(prefix="eisd-host-"))
        self._name = self._folder.name
        self._cgroup = cgroups()
        self._process: subprocess.Popen[bytes] | None = None
        self._init = 0

    # Its life

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self) -> None:
        # Ends with this process, however that ends.
        leash = ("setpriv", "--pdeathsig", "KILL")
        argv = [*leash, BOOT, BUILD / self.suite, self._folder, self._name, self._cgroup]
        self._process = subprocess.Popen(
            [str(part) for part in argv],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self.until(self._has_booted)
        self.ok("systemctl", "is-system-running", "--wait", codes=(0, 1))

    def _has_booted(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            assert self._process.stderr is not None
            raise ServerFailed(f"no boot: {self._process.stderr.read().decode()}")
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        pids = children.read_text().split()
        if not pids or Path(f"/proc/{pids[0]}/comm").read_text() != "systemd\n":
            return False
        self._init = int(pids[0])
        return self.file("/run/systemd/private").is_socket()

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.stderr is not None:
            self._process.stderr.close()
            self._process.kill()  # unshare --kill-child takes PID 1 along, and that everything else
            self._process.wait()
        self._leave_no_cgroup()
        self._folder.rmdir()

    def _leave_no_cgroup(self) -> None:
        own = self._cgroup / self._name
        for group, _, _ in os.walk(own, topdown=False):
            self.until(lambda group=group: _removed(group))

    # Commands

    def run(
        self, *argv: str | Path, given: str = "", env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on the host as root, to its end."""
        enter = ["nsenter", "--target", str(self._init), "-m", "-u", "-i", "-p", "-C", "-r", "-w"]
        shown = [f"{key}={value}" for key, value in (ENVIRON | dict(env or {})).items()]
        return subprocess.run(
            [*enter, "env", "-i", *shown, *map(str, argv)],
            input=given,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            start_new_session=True,
        )

    def ok(self, *argv: str | Path, given: str = "", codes: tuple[int, ...] = (0,)) -> str:
        """Run a command that must end with one of ``codes``; its output."""
        done = self.run(*argv, given=given)
        assert done.returncode in codes, f"{argv}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def eisd(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run `eisd` as the daemon's user, as an administrator of its group may."""
        return self.run("runuser", "-u", "eisd", "--", "eisd", *argv)

    def file(self, path: str) -> Path:
        """A file of the host, seen from here."""
        return Path(f"/proc/{self._init}/root{path}")

    def write(self, path: str, text: str, *, mode: int = 0o644) -> None:
        """Write a file of the host, as root."""
        file = self.file(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def until(self, holds: Callable[[], bool], *, seconds: float = PATIENCE) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, self.journal_text() if self._init else "no boot"
            time.sleep(0.1)

    # systemd

    def show(self, unit: str = "eisd.service") -> dict[str, str]:
        """The properties of a unit."""
        lines = self.ok("systemctl", "show", unit).splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def mark(self) -> int:
        """The present end of the journal, in microseconds.

        (A cursor would not do: with a match, `--after-cursor` skips the first that matches.)
        """
        self.ok("journalctl", "--sync")
        last = json.loads(self.ok("journalctl", "-n", "1", "-o", "json"))
        return int(last["__REALTIME_TIMESTAMP"])

    def journal(self, *match: str, after: int = 0) -> list[dict[str, Any]]:
        """Entries of the journal that match, those after a mark if one is given."""
        out = self.ok("journalctl", "-o", "json", "--all", *match, codes=(0, 1))
        entries = [json.loads(line) for line in out.splitlines()]
        return [one for one in entries if int(one["__REALTIME_TIMESTAMP"]) > after]

    def journal_text(self) -> str:
        """The end of the service's log, for a failure's message."""
        return self.run("journalctl", "-u", "eisd", "-n", "60", "--no-pager").stdout

    def events(self, name: str, after: int = 0) -> list[dict[str, Any]]:
        """The journal's entries of one event of eisd."""
        return self.journal("-u", "eisd", f"EISD_EVENT={name}", after=after)

    def restart(self) -> None:
        """Start the service anew; the limit of starts is for a host that nobody tests."""
        self.ok("systemctl", "reset-failed", "eisd.service", codes=(0, 1))
        self.ok("systemctl", "restart", "eisd.service")

    def drop_in(self, text: str, unit: str = "eisd.service") -> None:
        """What an operator would type into `systemctl edit`."""
        self.write(f"/etc/systemd/system/{unit}.d/test.conf", text)
        self.ok("systemctl", "daemon-reload")

    def no_drop_in(self, unit: str = "eisd.service") -> None:
        """Take it back."""
        self.file(f"/etc/systemd/system/{unit}.d/test.conf").unlink()
        self.ok("systemctl", "daemon-reload")
