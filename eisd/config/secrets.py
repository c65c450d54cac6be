"""Secrets by reference: where a secret lies, never the secret itself.

A reference names exactly one place. `resolve` fetches it and blocks (files, a command of up to ten
seconds): on the event loop call it in a thread. What comes back is a `Secret`, which shows itself
as ``***`` in every text; `Secret.reveal` is the only way in.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import model_validator

from eisd.config.types import Lax, Table, key, refuse
from eisd.errors import ExitCode, UserError

KINDS: Final = ("file", "credential", "env", "command", "store", "same_as")

COMMAND_SECONDS: Final = 10.0
MAX_BYTES: Final = 64 * 1024

_CREDENTIAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)

INSTEAD: Final = 'write {{ file = "/etc/eisd/secrets/{name}" }} and put the secret there, mode 0600'


class Secret:
    """A secret in memory. Prints, formats and pickles as ``***``; compares by value."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself: for the one call that needs it, never for a variable that stays."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> str | tuple[Any, ...]:
        return Secret, ("***",)


class SecretRef(Table):
    """Where a secret lies: exactly one of these keys."""

    file: str | None = key(
        None, "A file that only its owner can read; one newline at its end is dropped."
    )
    credential: str | None = key(
        None,
        "A systemd credential: eisd.secret_NAME, else credentials/NAME beside the configuration.",
    )
    env: str | None = key(None, "An environment variable.")
    command: Annotated[tuple[str, ...], Lax] | None = key(
        None, "A program and its arguments, run without a shell; it has ten seconds."
    )
    store: Literal[True] | None = key(
        None, "eisd's own sealed store, written by `eisd mailbox add` and `eisd auth login`."
    )
    same_as: str | None = key(None, "The same secret as that of another table of this mailbox.")

    @model_validator(mode="before")
    @classmethod
    def _is_reference(cls, value: Any) -> Any:
        if isinstance(value, str):
            raise refuse(
                "a secret does not stand in the configuration, only where it lies",
                hint=INSTEAD.format(name="NAME"),
                code="literal_secret",
            )
        return value

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise refuse(
                f"a secret names exactly one of {', '.join(KINDS)}; "
                + (f"here are {' and '.join(given)}" if given else "here is none"),
                code="secret",
            )
        if self.credential is not None and not _CREDENTIAL.fullmatch(self.credential):
            raise refuse("a credential's name is letters, digits, '.', '_' and '-'", code="secret")
        if self.command is not None and not self.command:
            raise refuse('want a command such as ["pass", "show", "mail"]', code="secret")
        return self

    @property
    def kind(self) -> str:
        """Which of the keys is given."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    def __str__(self) -> str:
        """The reference as a person reads it: ``file /etc/eisd/secrets/sales``."""
        value = getattr(self, self.kind)
        detail = value[0] if isinstance(value, tuple) else value
        return self.kind if detail is True else f"{self.kind} {detail}"


def resolve(
    ref: SecretRef,
    *,
    where: str,
    base_dir: Path,
    environ: Mapping[str, str] | None = None,
    store: Callable[[], str | None] | None = None,
) -> Secret:
    """The secret a reference names. Blocks.

    ``where`` is the dotted key that errors name, such as ``mailboxes.sales.imap.password``;
    ``base_dir`` is the configuration's directory, from which relative files are taken; ``store``
    asks the sealed store for this very key. ``same_as`` is followed by the caller
    (`MailboxSettings.secret`), which knows the other tables.

    Raises:
        UserError: with code 66 when the secret is not there, 78 when it may not be used.
    """
    env = os.environ if environ is None else environ
    match ref.kind:
        case "file":
            value = _read(base_dir / Path(str(ref.file)).expanduser(), where, private=True)
        case "credential":
            value = _credential(str(ref.credential), where, base_dir, env)
        case "env":
            value = env.get(str(ref.env), "")
            if not value:
                raise _missing(where, f"the environment variable {ref.env} is not set")
        case "command":
            value = _run(list(ref.command or ()), where)
        case "store":
            value = (store() if store else None) or ""
            if not value:
                raise _missing(
                    where,
                    "the store holds no secret for it",
                    hint="store one with: eisd mailbox add, or eisd auth login",
                )
        case other:
            raise _refused(where, f"{other} was not followed to the secret it means")
    if not value:
        raise _refused(where, f"the secret is empty ({ref})")
    return Secret(value)


def _credential(name: str, where: str, base_dir: Path, env: Mapping[str, str]) -> str:
    """A systemd credential (systemd.exec(5), LoadCredential=), else the file it is loaded from."""
    if directory := env.get("CREDENTIALS_DIRECTORY"):
        loaded = Path(directory) / f"eisd.secret_{name}"
        if loaded.exists():
            return _read(loaded, where, private=False)  # systemd guards that directory itself
    source = base_dir / "credentials" / name
    try:
        given = source.exists()
    except PermissionError:  # the directory is root's; systemd reads it for the service
        raise _missing(
            where,
            f"only root and the service may see the credential {name!r}",
            hint="ask as root; the running service has what systemd gave it at its start",
        ) from None
    if given:
        return _read(source, where, private=True)
    raise _missing(
        where,
        f"there is no credential {name!r}",
        hint=f"put it into {source} (mode 0600) and restart the service: systemd reads it at start",
    )


def _read(path: Path, where: str, *, private: bool) -> str:
    """A secret file's text without its last newline. The open file is checked, not its name."""
    try:
        with path.open("rb") as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise _refused(where, f"{path} is no regular file")
            mode = stat.S_IMODE(facts.st_mode)
            if private and mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise _refused(
                    where, f"{path} is open to others (mode {mode:04o})", hint=f"chmod 600 {path}"
                )
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _missing(where, f"{path} does not exist") from None
    except OSError as error:
        raise _missing(where, f"cannot read {path}: {error.strerror}") from None
    return _text(data, where, str(path))


def _text(data: bytes, where: str, source: str) -> str:
    if len(data) > MAX_BYTES:
        raise _refused(where, f"{source} gives more than 64 KiB")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise _refused(where, f"{source} gives no UTF-8 text") from None
    return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text


def _run(argv: list[str], where: str) -> str:
    """What a command prints. Its messages are not passed on: they may quote the secret."""
    try:
        done = subprocess.run(  # noqa: S603 - the operator's own command, and no shell
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise _missing(where, f"there is no command {argv[0]!r}") from None
    except subprocess.TimeoutExpired:
        raise _refused(
            where, f"the command {argv[0]!r} took longer than {COMMAND_SECONDS:g} s"
        ) from None
    except OSError as error:
        raise _refused(where, f"cannot run {argv[0]!r}: {error.strerror}") from None
    if done.returncode != 0:
        raise _refused(where, f"the command {argv[0]!r} ended with status {done.returncode}")
    return _text(done.stdout, where, f"the command {argv[0]!r}")


def _missing(where: str, message: str, *, hint: str = "") -> UserError:
    return UserError(f"{_named(where)}: {message}", hint=hint, code=ExitCode.NO_INPUT)


def _refused(where: str, message: str, *, hint: str = "") -> UserError:
    return UserError(f"{_named(where)}: {message}", hint=hint, code=ExitCode.CONFIG)


def _named(where: str) -> str:
    """``mailbox sales, imap.password`` for a mailbox's key, the dotted key for any other."""
    found = re.fullmatch(r"mailboxes\.([^.]+|\"[^\"]*\")\.(.+)", where)
    return f"mailbox {found[1]}, {found[2]}" if found else where
