"""The way to the sink: every format, the journal, libraries, and a sink that is stuck."""

from __future__ import annotations

import json
import logging
import os
import re
import select
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from eisd import logs
from eisd.errors import ConfigError
from eisd.logs import emitter, journal
from eisd.logs.catalog import MESSAGE_IDS
from eisd.logs.fold import Entry, Folds
from eisd.logs.pipeline import FdSink, Pipeline

CANARY = "canary-5f2a"


@contextmanager
def log_to(path: Path, **options: object) -> Iterator[None]:
    """The log of this process goes to a file meanwhile."""
    with path.open("wb") as file:
        logs.configure(fd=file.fileno(), **options)
        try:
            yield
        finally:
            logs.shutdown()


def speak_of_secrets() -> None:
    """Everything that may go wrong, with a canary in each place."""
    logs.emit("imap.disconnected", reason=f"Bearer {CANARY}", host=f"u:{CANARY}@h")
    logs.emit("config.reload_rejected", errors=[{"password": CANARY}, f"token={CANARY}"])
    logs.emit("auth.refused", provider="x", fix=f"https://x.test/?code={CANARY}")
    try:
        int(f"https://ada:{CANARY}@x.test refused {CANARY}@x.test")
    except ValueError as error:
        logs.emit("task.crashed", task="x", error=error)
        logging.getLogger("some.library").exception("client_secret=%s", CANARY)
    logging.getLogger("httpx").info("GET https://x.test/?q=%s", CANARY)


@pytest.mark.parametrize("format_", ["json", "logfmt", "console"])
def test_no_canary_reaches_a_file(tmp_path, format_):
    """Secrets planted in fields, exceptions and library lines are in no line of any format."""
    with log_to(tmp_path / "log", format=format_, level="debug"):
        speak_of_secrets()

    text = (tmp_path / "log").read_text()
    assert text.count("library.warned") == 1
    assert CANARY not in text


@contextmanager
def journald(path: Path) -> Iterator[socket.socket]:
    """A socket that receives what journald would."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as server:
        server.bind(str(path))
        server.settimeout(5)
        yield server


def decode(data: bytes) -> dict[str, str]:
    """An entry of the native protocol."""
    fields = {}
    while data:
        line, _, data = data.partition(b"\n")
        key, equals, value = line.partition(b"=")
        if not equals:
            (size,) = struct.unpack("<Q", data[:8])
            value, data = data[8 : 8 + size], data[9 + size :]
        fields[key.decode()] = value.decode()
    return fields


def test_the_journal_gets_fields_and_the_json_line(tmp_path, monkeypatch):
    """MESSAGE is the JSON line; mailbox and event can be searched; no canary in any field."""
    with journald(tmp_path / "socket") as server:
        monkeypatch.setattr(
            journal.JournalSink.__init__, "__defaults__", (str(tmp_path / "socket"),)
        )
        logs.configure(format="journald", level="debug")
        with logs.bind(mailbox="sales"):
            speak_of_secrets()
        logs.shutdown()
        entries = [decode(server.recv(65536)) for _ in range(5)]

    first = entries[0]
    assert first["PRIORITY"] == "4"
    assert first["SYSLOG_IDENTIFIER"] == "eisd"
    assert first["EISD_EVENT"] == "imap.disconnected"
    assert first["EISD_MAILBOX"] == "sales"
    assert json.loads(first["MESSAGE"])["event"] == "imap.disconnected"
    errors = [e for e in entries if e["PRIORITY"] == "3"]
    assert len({e["MESSAGE_ID"] for e in errors}) == len(errors) == 4
    assert all(e["MESSAGE_ID"] == MESSAGE_IDS[e["EISD_EVENT"]] for e in errors)
    assert "MESSAGE_ID" not in first
    assert Path(errors[0]["CODE_FILE"]).name == "test_sinks.py"
    assert CANARY not in str(entries)


def test_a_journal_that_is_not_there_is_refused_and_the_log_goes_on(tmp_path, monkeypatch):
    """A mistake in the configuration (78), named with the way out; no line is lost over it."""
    monkeypatch.setattr(journal.JournalSink.__init__, "__defaults__", (str(tmp_path / "none"),))
    with (tmp_path / "log").open("wb") as file:
        logs.configure(format="json", fd=file.fileno())
        with pytest.raises(ConfigError, match="no journal") as refused:
            logs.configure(format="journald")
        logs.emit("mailbox.forgotten", copies=0, activities=0)
        logs.shutdown()

    assert '"auto"' in refused.value.hint
    assert "mailbox.forgotten" in (tmp_path / "log").read_text()


def test_an_entry_with_line_ends_is_framed():
    """A value with a line end carries its length, so nothing can forge a field."""
    entry = journal.encode({"A": "1", "MESSAGE": "x\nPRIORITY=0\n", "B": "2"})

    assert decode(entry) == {"A": "1", "MESSAGE": "x\nPRIORITY=0\n", "B": "2"}


def test_a_large_entry_travels_as_a_sealed_file(tmp_path):
    """What no datagram holds is handed over as a memfd."""
    data = journal.encode({"MESSAGE": "x" * 2_000_000})
    with journald(tmp_path / "socket") as server:
        sink = journal.JournalSink(str(tmp_path / "socket"))
        sink.write(data)
        sink.close()
        _, (fd,), _, _ = socket.recv_fds(server, 10, 1)

    assert os.pread(fd, 3_000_000, 0) == data
    with pytest.raises(PermissionError):
        os.write(fd, b"x")
    os.close(fd)


def test_journald_may_be_restarted(tmp_path):
    """A new socket at the old path is found again."""
    path = tmp_path / "socket"
    with journald(path):
        sink = journal.JournalSink(str(path))
    path.unlink()
    with journald(path) as server:
        sink.write(b"A=1\n")
        sink.close()

        assert server.recv(100) == b"A=1\n"


def test_auto_means_the_journal_only_when_it_is_the_journal(monkeypatch, tmp_path):
    """JOURNAL_STREAM is believed only where it names this very descriptor."""
    with (tmp_path / "x").open("wb") as file:
        status = os.fstat(file.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        assert emitter._resolve("auto", file.fileno()) == "journald"
        monkeypatch.setenv("JOURNAL_STREAM", "1:2")
        assert emitter._resolve("auto", file.fileno()) == "json"


def test_libraries_are_heard_at_warning_and_above(tmp_path):
    """A library's warning is an event with its logger; what it says below is not."""
    with log_to(tmp_path / "log", format="json", level="debug"):
        logging.getLogger("aioimaplib").info("Received : mail")
        logging.getLogger("asyncio").warning("slow %s", "callback")

    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [(r["level"], r["logger"], r["msg"]) for r in lines] == [
        ("warning", "asyncio", "slow callback")
    ]


def test_a_library_may_be_asked_to_say_more_but_never_to_show_mail(tmp_path):
    """`levels` opens single loggers; aioimaplib's debug lines, which hold mail, stay shut."""
    levels = {"httpx": "info", "aioimaplib": "debug"}
    with log_to(tmp_path / "log", format="json", level="debug", levels=levels):
        logging.getLogger("httpx").info("asked")
        logging.getLogger("aioimaplib.protocol").debug("Received : %s", CANARY)
    with log_to(tmp_path / "after", format="json", level="debug"):
        logging.getLogger("httpx").info("asked")

    assert [json.loads(x)["msg"] for x in (tmp_path / "log").read_text().splitlines()] == ["asked"]
    assert (tmp_path / "after").read_text() == ""


def test_a_library_line_that_does_not_fit_its_arguments_is_kept(events):
    """A library's broken log call is shown as it was written."""
    record = logging.LogRecord("odd", 40, "x.py", 1, "bad %d", ("format",), None)
    emitter._LibraryHandler().emit(record)

    assert events[0]["msg"] == "bad %d"


def test_repetition_is_folded_and_counted(tmp_path):
    """A hundred lost connections of one mailbox are two lines; another mailbox has its own."""
    with log_to(tmp_path / "log", format="json", repeat_window=60):
        for name in ("a", "b"):
            with logs.bind(mailbox=name):
                for _ in range(100):
                    logs.emit("imap.disconnected", error_code="eof")

    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [(r["mailbox"], r.get("suppressed")) for r in lines] == [
        ("a", None),
        ("b", None),
        ("a", 98),
        ("b", 98),
    ]


def test_a_window_ends_without_another_event(tmp_path):
    """The line that stands for repetitions comes by itself."""
    path = tmp_path / "log"
    with log_to(path, format="json", repeat_window=0.05):
        for _ in range(3):
            logs.emit("imap.disconnected")
        deadline = time.monotonic() + 5
        while path.read_text().count("\n") < 2 and time.monotonic() < deadline:
            time.sleep(0.01)

    assert json.loads(path.read_text().splitlines()[1])["suppressed"] == 1


def test_a_pipe_that_nobody_reads_stops_nobody():
    """RF54: with a stuck sink every emit returns at once, drops are counted and owned up to."""
    reading, writing = os.pipe()
    pipeline = Pipeline(
        FdSink(writing),
        lambda entry: json.dumps(entry.record).encode() + b"\n",
        folds=Folds(60),
        own_up=lambda n: Entry(30, {"dropped": n}),
        limit=100,
    )
    begun = time.monotonic()
    for n in range(5000):
        pipeline.submit(Entry(20, {"n": n, "filler": "x" * 2000}))
    spent = time.monotonic() - begun
    dropped = pipeline.dropped

    assert spent < 5
    assert dropped > 4000
    assert not pipeline.close(0.05)  # stuck: it gives up in time

    lines = b""
    while pipeline._thread.is_alive() or select.select([reading], [], [], 0)[0]:
        if select.select([reading], [], [], 0.05)[0]:
            lines += os.read(reading, 65536)
    os.close(writing)
    os.close(reading)
    assert sum(map(int, re.findall(rb'"dropped": (\d+)', lines))) == dropped


def test_a_full_disk_costs_lines_and_nothing_else():
    """ENOSPC is counted like any other line that could not be written."""
    with Path("/dev/full").open("wb", buffering=0) as full:
        logs.configure(fd=full.fileno(), format="json")
        logs.emit("daemon.ready", version="1")
        logs.emit("daemon.ready", version="1")
        deadline = time.monotonic() + 5
        while logs.counters().dropped < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        dropped = logs.counters().dropped
        logs.shutdown()

    assert dropped == 2


def test_lines_that_were_lost_are_owned_up_to(tmp_path):
    """log.lines_dropped comes before the next line that can be written, with their number."""
    fd = os.open("/dev/full", os.O_WRONLY)
    path = tmp_path / "log"
    logs.configure(fd=fd, format="json")
    logs.emit("daemon.ready", version="1")
    deadline = time.monotonic() + 5
    while not logs.counters().dropped and time.monotonic() < deadline:
        time.sleep(0.01)
    with path.open("wb", buffering=0) as file:
        os.dup2(file.fileno(), fd)
        logs.emit("daemon.stopped", up_s=1)
        logs.shutdown()
    os.close(fd)

    told = [json.loads(line) for line in path.read_text().splitlines()]
    assert [one["event"] for one in told] == ["log.lines_dropped", "daemon.stopped"]
    assert told[0]["n"] == 1


async def test_emitting_on_the_loop_blocks_nothing(tmp_path):
    """The guard against blocking calls finds nothing in an emit."""
    with (tmp_path / "log").open("wb") as file:
        logs.configure(fd=file.fileno(), format="json")
        for _ in range(100):
            logs.emit("daemon.ready", version="1")
        await anyio.to_thread.run_sync(logs.shutdown)

    assert (tmp_path / "log").read_bytes().count(b"\n") == 100


def test_levels_filter(tmp_path):
    """Below the level nothing is written; a reload may change it."""
    with (tmp_path / "log").open("wb") as file:
        for level in ("warning", "info"):
            logs.configure(level, "json", fd=file.fileno())
            logs.emit("daemon.ready")
        logs.shutdown()

    assert (tmp_path / "log").read_text().count("\n") == 1
