"""Secrets: resolved from where they lie, refused where they stand, never shown."""

from __future__ import annotations

import copy
import pickle
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from eisd.config.load import ConfigRefused, check, load
from eisd.config.secrets import Secret, SecretRef, resolve
from eisd.errors import UserError

CANARY = "hunter2-canary"
WHERE = "mailboxes.sales.imap.password"


def ask(base: Path, environ: dict | None = None, **ref) -> str:
    """Resolve a reference and reveal it."""
    return resolve(
        SecretRef.model_validate(ref), where=WHERE, base_dir=base, environ=environ or {}
    ).reveal()


def put(path: Path, text: str, mode: int = 0o600) -> Path:
    """A file of that mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("text", [CANARY, f"{CANARY}\n", f"{CANARY}\r\n"])
def test_a_files_last_newline_is_dropped(tmp_path, text):
    """Editors end a file with a newline; the secret does not have it."""
    put(tmp_path / "pw", text)

    assert ask(tmp_path, file="pw") == CANARY


def test_only_one_newline_is_dropped(tmp_path):
    """White space that belongs to a secret stays."""
    put(tmp_path / "pw", f" {CANARY} \n\n")

    assert ask(tmp_path, file="pw") == f" {CANARY} \n"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620])
def test_a_file_open_to_others_is_refused(tmp_path, mode):
    """A secret that group or others can touch is no secret; the way out is one command."""
    path = put(tmp_path / "pw", CANARY, mode)

    with pytest.raises(UserError, match="open to others") as refused:
        ask(tmp_path, file=str(path))
    assert refused.value.code == 78
    assert refused.value.hint == f"chmod 600 {path}"


def test_a_missing_file_names_mailbox_and_key(tmp_path):
    """Who must mend what is said: the mailbox, the key, the file."""
    with pytest.raises(
        UserError, match=r"mailbox sales, imap\.password: .*pw does not exist"
    ) as gone:
        ask(tmp_path, file="pw")
    assert gone.value.code == 66


@pytest.mark.parametrize(
    ("content", "words"), [("", "empty"), ("\n", "empty"), ("x" * 70_000, "64 KiB")]
)
def test_useless_files_are_refused(tmp_path, content, words):
    """An empty or absurdly large secret is a mistake."""
    put(tmp_path / "pw", content)

    with pytest.raises(UserError, match=words):
        ask(tmp_path, file="pw")


def test_a_directory_is_no_secret(tmp_path):
    """Only a regular file is read."""
    with pytest.raises(UserError, match="cannot read"):
        ask(tmp_path, file=".")


def test_a_credential_comes_from_systemd_first(tmp_path):
    """The loaded credential counts before the file it was loaded from, whatever its mode."""
    put(tmp_path / "run/eisd.secret_sales", "loaded", 0o440)
    put(tmp_path / "credentials/sales", "source")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path / "run")}

    assert ask(tmp_path, environ, credential="sales") == "loaded"
    assert ask(tmp_path, credential="sales") == "source"


def test_a_credentials_source_file_is_checked(tmp_path):
    """Outside systemd the file's mode counts as for any secret file."""
    put(tmp_path / "credentials/sales", "source", 0o644)

    with pytest.raises(UserError, match="open to others"):
        ask(tmp_path, credential="sales")


def test_a_missing_credential_says_where_to_put_it(tmp_path):
    """The way out names the file."""
    with pytest.raises(UserError, match="no credential 'sales'") as missing:
        ask(tmp_path, credential="sales")
    assert str(tmp_path / "credentials/sales") in missing.value.hint


def test_an_environment_variable(tmp_path):
    """A variable that is set is the secret; one that is not, or is empty, is missing."""
    assert ask(tmp_path, {"PW": CANARY}, env="PW") == CANARY
    with pytest.raises(UserError, match="PW is not set"):
        ask(tmp_path, {"PW": ""}, env="PW")


def test_a_command_runs_without_a_shell(tmp_path):
    """What a program prints is the secret; its arguments reach it as they are."""
    code = "import sys; print(sys.argv[1])"

    assert ask(tmp_path, command=[sys.executable, "-c", code, "$HOME;x"]) == "$HOME;x"


def test_a_failed_command_does_not_tell_its_output(tmp_path):
    """A program may print the secret and fail: neither stream is passed on."""
    code = f"import sys; print('{CANARY}'); sys.stderr.write('{CANARY}'); sys.exit(3)"

    with pytest.raises(UserError, match="ended with status 3") as failed:
        ask(tmp_path, command=[sys.executable, "-c", code])
    assert CANARY not in str(failed.value) + failed.value.hint


def test_a_command_has_a_limit_of_time(tmp_path, monkeypatch):
    """A program that asks somebody something is ended."""
    monkeypatch.setattr("eisd.config.secrets.COMMAND_SECONDS", 0.2)

    with pytest.raises(UserError, match="took longer"):
        ask(tmp_path, command=[sys.executable, "-c", "import time; time.sleep(20)"])


def test_a_command_that_is_not_there(tmp_path):
    """The program's name is said, and that it is missing."""
    with pytest.raises(UserError, match="no command 'no-such-program'") as missing:
        ask(tmp_path, command=["no-such-program"])
    assert missing.value.code == 66


def test_the_store_is_asked_by_its_own_function(tmp_path):
    """Whoever knows the sealed store hands in how to ask it."""
    ref = SecretRef.model_validate({"store": True})

    assert resolve(ref, where=WHERE, base_dir=tmp_path, store=lambda: CANARY).reveal() == CANARY
    with pytest.raises(UserError, match="holds no secret"):
        resolve(ref, where=WHERE, base_dir=tmp_path, store=lambda: None)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"file": "/a", "env": "B"},
        {"store": False},
        {"command": []},
        {"command": "pass show x"},
        {"credential": "../x"},
        {"file": 1},
    ],
)
def test_a_reference_is_exactly_one_kind(wrong):
    """None, two, or a kind that says nothing is refused."""
    with pytest.raises(ValidationError):
        SecretRef.model_validate(wrong)


def test_a_secret_shows_itself_nowhere():
    """No way of printing, copying or pickling a secret gives its text."""
    secret = Secret(CANARY)
    shown = f"{secret} {secret!r} {secret!s:>9} {[secret]} {copy.copy(secret)}"

    assert CANARY not in shown
    assert CANARY.encode() not in pickle.dumps(secret)
    assert secret == Secret(CANARY)
    assert secret != Secret("other")


LITERALS = [
    f'[mailboxes.a]\naddress = "a@x.org"\nimap = {{ host = 5, password = "{CANARY}" }}',
    f'[mailboxes.a]\naddress = "a@x.org"\nimap.pasword = "{CANARY}"\nimap.port = "x"',
    f'[mailboxes.a]\naddress = "a@x.org"\nimap.password = {{ value = "{CANARY}" }}',
    f'[mailboxes.a]\naddress = "a@x.org"\nimap.password = """\n{CANARY}\n"""',
    f'[mailboxes.a]\naddress = "a@x.org"\nimap.password = ["{CANARY}"]',
    f'[mailboxes.a]\npassword = "{CANARY}"',
    f'[webhooks.a]\nurl = "https://x.org"\nevents = ["a"]\nsecret = "{CANARY}"',
    f'[webhooks.a]\nurl = "https://u:{CANARY}@x.org"\nevents = ["a"]\nsecret = {{ env = "E" }}',
    f'[oauth.a]\nprovider = "google"\nclient_id = "i"\nclient_secret = "{CANARY}"',
    f'[oauth.a]\nprovider = "google"\nclient_id = "i"\nclient_secrte = "{CANARY}"',
    f"[mailboxes.a]\npassword = {CANARY}",
    f'[mailboxes.a]\npassword = "{CANARY}',
    f'[mailboxes.a]\npassword = """\n{CANARY}\x01\n"""',
    f'[mailboxes.a]\nimap = {{ password = "{CANARY}", host = }}',
    f'password: "{CANARY}"',
    f"[mailboxes.a]\nimap.pasword = {CANARY}",
    f"[mailboxes.a]\nimap = {{ passphrase = {CANARY} }}",
]


@pytest.mark.parametrize("text", LITERALS)
def test_a_literal_secret_is_refused_and_never_shown(write, text):
    """Whatever else is wrong on its line or in its file, no output holds a literal secret."""
    path = write(text)

    problems = check(path)
    shown = "".join(p.render() + p.gcc() + p.json() for p in problems)
    assert problems
    assert CANARY not in shown
    with pytest.raises(ConfigRefused) as refused:
        load(path)
    assert CANARY not in str(refused.value)


def test_no_message_quotes_what_stands_in_a_secrets_place(write):
    """A value of the wrong type is not quoted where it may be a secret."""
    mailbox = '[mailboxes.a]\naddress = "a@x.org"\n'
    problem = check(write(mailbox + f'imap.password = {{ command = "{CANARY}" }}'))[0]

    assert problem.message == "want a list"
    assert CANARY not in problem.hint


def test_a_refused_literal_comes_with_the_line_to_write_instead(write):
    """The hint is a reference the operator can copy."""
    problem = check(write(LITERALS[0]))[-1]

    assert problem.code == "literal_secret"
    assert '{ file = "/etc/eisd/secrets/a" }' in problem.hint
    assert problem.source_line == 'imap = { host = 5, password = "***" }'


def test_the_same_secret_for_two_tables(write):
    """same_as is followed to the table it names."""
    text = '[mailboxes.a]\naddress = "a@x.org"\nimap.password = { file = "/p" }\n'
    mailbox = load(write(text + 'smtp.password = { same_as = "imap" }')).settings.mailboxes["a"]

    assert str(mailbox.secret("smtp")) == "file /p"
    assert mailbox.secret("gmail") is None


@pytest.mark.parametrize(
    ("smtp", "words"),
    [
        ('smtp.password = { same_as = "smtp" }', "the same as itself"),
        ('smtp.password = { same_as = "imap" }', "itself the same as another"),
        ('smtp.password = { same_as = "oauth" }', "has no table"),
        ('smtp.password = { same_as = "other" }\nother.x = 1', "gives no password"),
    ],
)
def test_same_as_leads_somewhere(write, smtp, words):
    """A reference in a circle, or to nothing, is a mistake."""
    text = '[mailboxes.a]\naddress = "a@x.org"\nimap.password = { same_as = "smtp" }\n'

    assert any(words in problem.message for problem in check(write(text + smtp)))
