"""Whatever a file holds, the loader answers with problems at places, and never with a traceback."""

from __future__ import annotations

import gc
import time
from pathlib import Path

import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eisd.config.load import check
from eisd.config.problems import Problem
from eisd.config.schema import Settings
from eisd.config.sources import parse

WRONG = (Path(__file__).parent / "wrong/config.toml").read_bytes()
LIMITS = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

WORDS = st.sampled_from(
    ["sales", "imap", "smtp", "oauth", "password", "same_as", "app", "file", "host", "address",
     "driver", "plan", "mailbox", "entry", "flow", "provider", "x", "shared_with", "scope"]
)  # fmt: skip
SCALARS = st.one_of(st.booleans(), st.integers(), st.text(max_size=5), WORDS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=4)),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(st.sampled_from([*Settings.model_fields, "other"]), VALUES, max_size=6)


def assert_placed(problems: list[Problem], text: bytes) -> None:
    """Each problem has a sentence and a place inside the text."""
    lines = text.decode(errors="replace").replace("\r\n", "\n").split("\n")
    for problem in problems:
        assert problem.message
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
        assert problem.render()


@given(DOCUMENTS)
@LIMITS
def test_tables_of_any_type_are_judged(tmp_path, doc: dict):
    """Known keys with values of every type in every place: problems, each at its place."""
    path = tmp_path / "config.toml"
    path.write_bytes(tomli_w.dumps(doc).encode())

    assert_placed(check(path), path.read_bytes())


@given(st.binary(max_size=60))
@LIMITS
def test_bytes_of_any_kind_are_read(data: bytes):
    """Random bytes are a file too."""
    assert_placed(list(parse(Path("x.toml"), data).problems), data)


@given(st.integers(0, len(WRONG)), st.integers(0, 12), st.binary(max_size=4))
@LIMITS
def test_a_file_cut_and_spliced_anywhere_is_read(tmp_path, at: int, gone: int, new: bytes):
    """A slip of the editor anywhere: still problems at places."""
    data = WRONG[:at] + new + WRONG[at + gone :]
    path = tmp_path / "config.toml"
    path.write_bytes(data)

    assert_placed(check(path), data)


def test_the_cost_of_loading_grows_with_the_length_of_the_file(tmp_path):
    """Four times the mailboxes take four times the CPU, not sixteen times."""
    path = tmp_path / "config.toml"

    def cost(count: int) -> float:
        path.write_text(
            "".join(
                f'[mailboxes.m{n}]\naddress = "m{n}@example.org"\n'
                f'imap = {{ host = "i.example.org", password = {{ file = "s/{n}" }} }}\n'
                for n in range(count)
            )
        )
        gc.collect()
        gc.disable()  # what the rest of the suite left on the heap is not the loader's cost
        try:
            begin = time.process_time()
            assert check(path) == []
            return time.process_time() - begin
        finally:
            gc.enable()

    assert min(cost(2000), cost(2000)) < 12 * min(cost(500), cost(500))
