"""The life of a package on a real system: shells, upgrade, removal, and an installation without."""

from __future__ import annotations

import pytest
from lab.booted import BUILD, Host

COMPLETE = {
    "bash": """
        . /usr/share/bash-completion/bash_completion
        _completion_loader eisd
        COMP_WORDS=(eisd mailb) COMP_CWORD=1
        "$(complete -p eisd | sed 's/.*-F \\([^ ]*\\).*/\\1/')" eisd mailb eisd
        printf '%s\\n' "${COMPREPLY[@]}"
    """,
    "zsh": """
        autoload -Uz compinit && compinit -D -u
        _describe() { print -rl -- "${(@P)3}" }
        words=(eisd mailb) CURRENT=2
        "${_comps[eisd]}"
    """,
    "fish": "complete -C 'eisd mailb'",
}


@pytest.mark.parametrize("shell", COMPLETE)
def test_the_shells_complete_its_commands(host, shell):
    """The installed completion is found by the shell and offers the command."""
    options = {"bash": ["-c"], "zsh": ["-fc"], "fish": ["-c"]}[shell]

    shown = host.run(shell, *options, COMPLETE[shell])

    assert "mailbox" in shown.stdout, shown


@pytest.mark.usefixtures("sales")
def test_an_upgrade_keeps_everything(host):
    """A newer package: the daemon runs anew, with its mailbox, contacts, settings and drop-ins."""
    host.drop_in("[Service]\nMemoryMax=900M\n")
    host.ok("eisd", "config", "set", "log.repeat_window", "90s")
    assert host.eisd("contacts", "add", "kept", "--email", "kept@clients.test").returncode == 0
    before = host.show()["MainPID"]
    newer = _repacked(host, "99.0")
    try:
        host.ok("dpkg", "--install", newer)

        assert host.ok("dpkg-query", "-W", "-f", "${Version}", "eisd") == "99.0"
        shown = host.show()
        assert (shown["ActiveState"], shown["UnitFileState"]) == ("active", "enabled")
        assert shown["MainPID"] != before
        assert shown["MemoryMax"] == str(900 * 2**20)
        host.until(lambda: host.show()["StatusText"] == "1/1 mailboxes healthy")
        assert "kept@clients.test" in host.eisd("contacts", "list").stdout
        assert "1m30s" in host.eisd("config", "show").stdout
    finally:
        host.no_drop_in()


@pytest.mark.usefixtures("sales")
def test_an_upgrade_starts_nothing_that_was_stopped(host):
    """An operator's stop is kept over an upgrade."""
    host.ok("systemctl", "stop", "eisd")

    host.ok("dpkg", "--install", _repacked(host, "99.1"))

    assert host.show()["ActiveState"] == "inactive"


def test_removed_it_leaves_the_data_and_purged_the_backups(host):
    """Removal stops the service and keeps configuration and state; purging keeps the backups."""
    host.restart()
    host.ok("eisd", "backup", "--keep", "2", "/var/backups/eisd")

    host.ok("dpkg", "--remove", "eisd")
    assert host.show()["LoadState"] == "not-found"
    assert host.run("pgrep", "-u", "eisd").returncode == 1
    assert host.file("/var/lib/eisd/eisd.db").exists()
    assert host.file("/etc/eisd/config.toml").exists()

    host.ok("dpkg", "--purge", "eisd")
    assert not host.file("/var/lib/eisd").exists()
    assert not host.file("/etc/eisd").exists()
    assert list(host.file("/var/backups/eisd").glob("eisd-*.db"))
    assert host.ok("systemctl", "--failed", "--no-legend").count("eisd") == 0


def test_a_pip_installation_runs_as_a_service(host):
    """The steps of docs/install.md without the package: venv, `service install`, `init`, start."""
    version = host.ok("python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])").strip()
    for folder, wheels in (
        ("wheels", BUILD / f"wheels-{version}"),
        ("own", BUILD.parent / "wheel"),
    ):
        for wheel in wheels.glob("*.whl"):
            host.write(f"/{folder}/{wheel.name}", "")
            host.file(f"/{folder}/{wheel.name}").write_bytes(wheel.read_bytes())
    host.ok("python3", "-m", "venv", "/opt/venvs/eisd")
    offline = ("--quiet", "--no-index", "--find-links", "/wheels", "--find-links", "/own", "eisd")
    host.ok("/opt/venvs/eisd/bin/pip", "install", *offline)
    host.ok("ln", "-s", "/opt/venvs/eisd/bin/eisd", "/usr/local/bin/eisd")
    host.ok("sh", "-c", "PATH=/usr/local/bin:$PATH eisd service install && "
            "PATH=/usr/local/bin:$PATH eisd init")  # fmt: skip

    host.ok("systemctl", "enable", "--now", "eisd", "eisd-backup.timer")

    assert host.show()["ActiveState"] == "active"
    assert "/opt/venvs/eisd/bin/eisd" in host.show()["ExecStart"]
    host.ok("systemctl", "reload", "eisd")
    host.ok("systemctl", "start", "eisd-backup.service")
    assert "The database cannot be written" in host.ok("journalctl", "--list-catalog")


def _repacked(host: Host, version: str) -> str:
    """The package once more, under another version."""
    script = (
        "dpkg-deb --raw-extract /package/eisd.deb /package/$0 && "
        'sed -i "s/^Version: .*/Version: $0/" /package/$0/DEBIAN/control && '
        "dpkg-deb --root-owner-group -Znone --build /package/$0 /package/$0.deb"
    )
    host.ok("sh", "-c", script, version)
    return f"/package/{version}.deb"
