"""Loading: files over files, presets under them, what is filled in, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from eisd.config.load import ConfigRefused, Problem, check, load
from eisd.config.paths import MAX_FILE_BYTES, default_path
from eisd.config.schema import Settings, effective
from eisd.config.units import WindowSpan
from eisd.errors import UserError
from eisd.model.mailbox import SyncMode

SALES = '[mailboxes.sales]\naddress = "sales@example.org"\n'


def only(path: Path) -> Problem:
    """The one problem of a configuration."""
    problems = check(path)
    assert len(problems) == 1, problems
    return problems[0]


def test_an_empty_file_is_a_configuration(write):
    """Everything has a default."""
    loaded = load(write(""))

    assert loaded.settings.log == Settings().log
    assert loaded.settings.mailboxes == {}
    assert loaded.warnings == ()


def test_drop_ins_count_in_byte_order_after_the_file(write):
    """Tables merge, arrays replace, the later one wins."""
    path = write(
        'log.level = "debug"\n[internal]\naddresses = ["a@x.org", "b@x.org"]\nmode = "any_staff"',
        b='[log]\nlevel = "error"',
        Z='[log]\nlevel = "warning"\nformat = "json"',
        a='[internal]\naddresses = ["c@x.org"]',
    )
    loaded = load(path)

    assert loaded.settings.log.level == "error"
    assert loaded.settings.log.format == "json"
    assert loaded.settings.internal.addresses == ("c@x.org",)
    assert loaded.settings.internal.mode == "any_staff"
    assert [file.name for file in loaded.files] == ["config.toml", "Z.toml", "a.toml", "b.toml"]
    assert str(loaded.origins["log", "level"]) == f"{path.parent}/conf.d/b.toml:2"
    assert str(loaded.origins["internal", "addresses", 0]).endswith("a.toml:2")
    assert ("internal", "addresses", 1) not in loaded.origins


def test_files_that_are_no_drop_ins_are_passed_over(write, tmp_path):
    """Only *.toml counts, and not a file that is just being written."""
    path = write("", good='log.level = "error"')
    (tmp_path / "conf.d/README").write_text("not TOML")
    (tmp_path / "conf.d/.half.toml").write_text("[log")
    (tmp_path / "conf.d/old.toml.bak").write_text("[log")

    assert len(load(path).files) == 2


def test_a_secrets_reference_is_replaced_whole(write):
    """A later reference to a secret does not add a second kind to the first."""
    mailbox = SALES + 'imap = { host = "i.x.org", password = { file = "/a" } }'
    path = write(mailbox, b='[mailboxes.sales.imap]\npassword = { env = "P" }')
    sales = load(path).settings.mailboxes["sales"]

    assert sales.driver_tables["imap"]["host"] == "i.x.org"
    assert str(sales.secret("imap")) == "env P"


def test_a_preset_lies_under_explicit_keys(write):
    """Order: built in, preset, explicit key, wherever that stands."""
    path = write('preset = "close"', b='[match]\nnew_address = "window"')
    loaded = load(path)

    assert loaded.settings.match.new_address == "window"
    assert loaded.settings.match.thread_inherit == "single_contact"
    assert loaded.settings.match.addresses == "all"
    assert str(loaded.origins["match", "thread_inherit"]) == "preset 'close'"


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ("relate", {"match.new_address": "window"}),
        (
            "realpad",
            {
                "match.addresses": "primary",
                "internal.mode": "any_staff",
                "sync.window": WindowSpan(30),
            },
        ),
        ("freshsales", {"create.policy": "sent_and_received", "calendar.create": "both"}),
        ("affinitylive", {"sync.interval": 1800.0, "internal.share_staff": True}),
        ("uspacy", {"sync.window": WindowSpan(30), "folders.policy": "selected"}),
        (
            "close",
            {
                "match.new_address": "all",
                "match.thread_inherit": "single_contact",
                "internal.scope": "mailbox_domains",
            },
        ),
        (
            "twenty",
            {
                "create.policy": "sent",
                "create.freemail": False,
                "group.list": "skip",
                "internal.scope": "mailbox_domains",
                "visibility.level": "full",
            },
        ),
    ],
)
def test_presets_set_what_they_are_said_to_set(write, preset, expected):
    """Each preset has its policies and changes nothing else."""
    settings = load(write(f'preset = "{preset}"')).settings
    built_in = Settings()

    for key, value in expected.items():
        table, name = key.split(".")
        assert getattr(getattr(settings, table), name) == value
    for table in ("match", "create", "internal", "sync", "group", "visibility", "calendar"):
        for name in type(getattr(built_in, table)).model_fields:
            if f"{table}.{name}" not in expected:
                assert getattr(getattr(settings, table), name) == getattr(
                    getattr(built_in, table), name
                )


def test_a_mailbox_overrides_sync_by_the_same_key(write):
    """What a mailbox says wins over [sync]; what it does not say comes from there."""
    path = write(f'[sync]\nwindow = "1y"\ninterval = "1m"\n{SALES}window = "3m"\nsync = "incoming"')
    settings = load(path).settings

    assert effective(settings, "sales").window == WindowSpan(90)
    assert effective(settings, "sales").interval == 60.0
    assert effective(settings, "sales").max_message_size == 50_000_000
    assert settings.mailboxes["sales"].sync is SyncMode.INCOMING


def test_a_mailbox_says_what_others_see(write):
    """Without a level a personal mailbox shows subjects, a shared one everything."""
    path = write(SALES + '[mailboxes.team]\naddress = "team@example.org"\naccess = "shared"')
    settings = load(path).settings

    assert settings.visibility_of("sales") == "subject"
    assert settings.visibility_of("team") == "full"


def test_driver_tables_are_kept_as_they_are(write):
    """Tables that are no key of ours go to the driver; files in them become absolute."""
    path = write(
        SALES + 'driver = "jmap"\n[mailboxes.sales.jmap]\nurl = "https://x"\nca_file = "ca.pem"'
    )
    tables = load(path).settings.mailboxes["sales"].driver_tables

    assert tables == {"jmap": {"url": "https://x", "ca_file": str(path.parent / "ca.pem")}}


def test_a_drivers_problems_have_places(write):
    """A driver names paths and sentences; the loader adds file, line and column."""
    path = write(SALES + 'imap = { host = "i.x.org", prot = 1 }')
    asked = []

    def driver(name, tables, address):
        asked.append((name, tables, address))
        return [(("imap", "prot"), "unknown key 'prot'", "did you mean 'port'?")]

    with pytest.raises(ConfigRefused) as refused:
        load(path, check_driver=driver)

    problem = refused.value.problems[0]
    assert (problem.line, problem.column, problem.key) == (3, 28, "mailboxes.sales.imap.prot")
    assert asked == [("imap", {"imap": {"host": "i.x.org", "prot": 1}}, "sales@example.org")]


def test_a_misspelt_address_does_not_hide_the_drivers_problems(write):
    """All mistakes of a mailbox are named in one run, and its tables are judged by its address."""
    path = write('[mailboxes.sales]\nadress = "sales@x.org"\nimap = { prot = 1 }')

    def driver(_name, _tables, address):
        return [(("imap", "prot"), f"unknown key 'prot' of {address}", "")]

    with pytest.raises(ConfigRefused) as refused:
        load(path, check_driver=driver)

    assert [one.message for one in refused.value.problems] == [
        "unknown key 'adress'",
        "unknown key 'prot' of sales@x.org",
    ]


def test_relative_paths_start_from_the_configuration(write):
    """State, contacts and sockets are absolute once loaded."""
    path = write('[daemon]\nstate_dir = "state"\n[contacts]\nsource = "people.csv"')
    settings = load(path).settings

    assert settings.contacts.source == path.parent / "people.csv"
    assert settings.paths.state_dir == path.parent / "state"
    assert settings.paths.database == path.parent / "state/eisd.db"
    assert settings.paths.secrets_db == path.parent / "state/secrets.db"
    assert settings.paths.socket == path.parent / "state/api.sock"


def test_systemds_directories_are_the_defaults(write):
    """Under systemd state and socket lie where the unit says."""
    environ = {"STATE_DIRECTORY": "/var/lib/eisd:/more", "RUNTIME_DIRECTORY": "/run/eisd"}
    paths = load(write(""), environ=environ).settings.paths

    assert paths.state_dir == Path("/var/lib/eisd")
    assert paths.socket == Path("/run/eisd/api.sock")


def test_a_socket_path_that_no_kernel_takes_is_refused(write):
    """A path too long for a Unix socket is said before anything is started."""
    problem = only(write(f'[api]\nlisten = ["unix:/run/a.sock", "unix:/{"x" * 120}"]'))

    assert problem.code == "socket_path"
    assert (problem.line, problem.column) == (2, 31)


def test_a_listener_that_no_daemon_would_open_is_refused(write):
    """The API is not served over TCP: the check says so, as the start would."""
    problem = only(write('[api]\nlisten = ["unix:/run/a.sock", "127.0.0.1:8425"]'))

    assert (problem.code, problem.severity) == ("not_yet", "error")
    assert (problem.line, problem.column) == (2, 31)


def test_the_default_configuration_is_searched_in_order(tmp_path, monkeypatch):
    """$EISD_CONFIG, else the system's, else the user's own."""
    monkeypatch.setattr("eisd.config.paths.SYSTEM_CONFIG", tmp_path / "etc.toml")

    assert default_path({"EISD_CONFIG": "/x.toml"}) == Path("/x.toml")
    assert default_path({"HOME": "/home/a"}) == Path("/home/a/.config/eisd/config.toml")
    (tmp_path / "etc.toml").touch()
    assert default_path({"HOME": "/home/a"}) == tmp_path / "etc.toml"


def test_a_missing_configuration_is_answered_with_the_command_that_makes_one(tmp_path):
    """No file: exit code 66, and eisd init as the way out."""
    with pytest.raises(UserError, match="there is no configuration") as missing:
        load(tmp_path / "config.toml")

    assert missing.value.code == 66
    assert "eisd init" in missing.value.hint


def test_a_directory_is_no_configuration(tmp_path):
    """What cannot be read is said with its reason."""
    with pytest.raises(UserError, match="directory") as refused:
        load(tmp_path)

    assert refused.value.code == 66


def test_a_file_without_end_is_not_read_to_its_end(tmp_path):
    """What is larger than a configuration can be is refused before it is taken in."""
    file = tmp_path / "config.toml"
    with file.open("wb") as sparse:
        sparse.truncate(MAX_FILE_BYTES + 1)

    with pytest.raises(UserError, match="larger than") as refused:
        load(file)

    assert refused.value.code == 66


def test_of_a_long_line_only_what_is_around_the_mistake_is_shown(write):
    """A line of a megabyte does not fill the terminal; the caret is under its place."""
    lines = (
        check(write(f"[log]\n{' ' * 500_000}colour = 1 #{'x' * 500_000}"))[0].render().split("\n")
    )

    assert max(map(len, lines)) < 300
    assert lines[1][lines[2].index("^") :].startswith("colour = 1")


def test_a_drop_in_that_cannot_be_read_is_a_problem(write, tmp_path):
    """One unreadable drop-in does not hide the mistakes of the others."""
    path = write('log.level = "infoo"')
    (tmp_path / "conf.d/x.toml").mkdir(parents=True)

    assert [p.code for p in check(path)] == ["choice", "unreadable"]


@pytest.mark.parametrize(
    ("data", "place", "words"),
    [
        (b"[log]\nlevel =\n", (2, 8), "invalid value"),
        (b"[log\n", (1, 5), "expected ']'"),
        (b'[log]\nlevel = "info', (2, 14), ""),
        (b'a = 1\r\n[log]\r\n level = "info"\r\nlevel = "error"\r\n', (4, 1), "there already"),
        (b"k = [1,\n", (2, 1), ""),
        (b"# gr\xfc\xdfe\n", (1, 5), "UTF-8"),
        (b"\xff\xfev\x00", (1, 1), "UTF-8"),
        ("version = 1\n# é ".encode() + b"\x80", (2, 5), "UTF-8"),
        (b"k = " + b"[" * 50_000, (1, 1), "nested too deeply"),
        (b"k = " + b"9" * 5_000, (1, 1), "too large"),
    ],
)
def test_what_is_no_toml_is_named_at_its_place(tmp_path, data, place, words):
    """Syntax and encoding errors have line and column, whatever the bytes are."""
    path = tmp_path / "config.toml"
    path.write_bytes(data)
    problem = next(p for p in check(path) if p.code in ("syntax", "encoding"))

    assert (problem.line, problem.column) == place
    assert words in problem.message


def test_byte_order_mark_and_crlf_are_no_mistakes(tmp_path):
    """Files of Windows editors are read, and columns count as the editor counts."""
    path = tmp_path / "config.toml"
    path.write_bytes(b'\xef\xbb\xbfcolour = 1\r\nversion = 1\r\n[log]\r\nlevel = "x"\r\n')

    assert [(p.line, p.column) for p in check(path)] == [(1, 1), (4, 1)]


def test_a_broken_line_does_not_make_its_key_missing(write):
    """What stands in a line that could not be read is not reported as missing too."""
    problem = only(write("[mailboxes.sales]\naddress = sales@example.org\n"))

    assert problem.code == "syntax"
    assert problem.hint == 'a text needs quotes: address = "sales@example.org"'


def test_a_newer_version_is_one_clear_error(write):
    """Of a newer format nothing else can be judged."""
    problem = only(write("version = 2\nfuture = true\n"))

    assert problem.message == "this configuration is of version 2; this eisd reads version 1"


def test_duplicates_in_two_files_name_both_places(write):
    """The same address and host twice: the second is refused and names the first."""
    path = write(
        SALES + 'imap = { host = "i.x.org" }',
        b='[mailboxes.other]\naddress = "Sales@Example.org"\nimap = { host = "I.x.org" }',
    )
    problem = only(path)

    assert problem.file.name == "b.toml"
    assert problem.line == 2
    assert f"({path}:2)" in problem.message


def test_the_same_address_at_another_host_is_another_mailbox(write):
    """A mailbox is its address and its host."""
    other = '[mailboxes.b]\naddress = "sales@example.org"\nimap = { host = "other.org" }'

    assert check(write(SALES + 'imap = { host = "i.x.org" }\n' + other)) == []


def test_strict_takes_warnings_for_errors(write):
    """A key without effect is a warning, and with strict an error."""
    path = write(SALES + 'shared_with = ["bob"]')

    assert [w.severity for w in load(path).warnings] == ["warning"]
    with pytest.raises(ConfigRefused, match="without effect"):
        load(path, strict=True)


def test_a_misspelt_driver_table_is_a_mistake(write):
    """A table that looks like imap or smtp is not taken for an unknown driver's."""
    problem = only(write(SALES + 'imao = { host = "i.x.org" }'))

    assert problem.hint == "did you mean 'imap'?"


def test_a_problem_is_one_object_for_machines(write):
    """JSON has every field and nothing of the source line."""
    problem = only(write('log.level = "infoo"'))

    assert '"line": 1, "column": 5, "key": "log.level"' in problem.json()
    assert '"severity": "error"' in problem.json()
    assert "source_line" not in problem.json()
    assert problem.gcc() == (
        f"{problem.file}:1:5: error: want one of 'debug', 'info', 'warning', 'error', got 'infoo'"
        " (did you mean 'info'?) [log.level]"
    )


def test_a_key_of_a_later_version_is_a_warning(write):
    """What is understood and does nothing yet is said, and refuses nothing."""
    path = write('version = 1\n[calendar]\ncreate = "both"\n')

    loaded = load(path)

    assert [(p.key, p.severity) for p in loaded.warnings] == [("calendar.create", "warning")]
