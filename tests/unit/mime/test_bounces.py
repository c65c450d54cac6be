"""Reports that are no RFC 3464 reports, as mail servers write them (G1)."""

from __future__ import annotations

from pathlib import Path

import pytest

from eisd.mime.parse import parse

HERE = Path(__file__).parent / "bounces"
OFFER = "offer@ours.example"
ANN = ("ann@b.example",)


@pytest.mark.parametrize(
    ("name", "action", "status", "about", "people"),
    [
        ("qmail", "failed", "5.1.1", OFFER, ANN),
        ("exim_old", "failed", "", OFFER, ANN),
        ("exim_delay", "delayed", "", OFFER, ANN),
        ("sendmail_warning", "delayed", "", OFFER, ANN),
        ("attached", "failed", "5.2.2", OFFER, ANN),
        ("quoted", "failed", "", OFFER, ()),
        ("nothing_given_back", "failed", "", None, ()),
    ],
)
def test_what_a_server_says_in_words(
    name: str, action: str, status: str, about: str | None, people: tuple[str, ...]
) -> None:
    """What became of which message, for whom, and why."""
    report = parse((HERE / f"{name}.eml").read_bytes()).report

    assert report is not None
    assert (report.kind, report.action, report.status) == ("delivery-status", action, status)
    assert report.original_message_id == about
    assert report.recipients == people
    assert [one.action for one in report.fates] == [action] * len(people)


def test_a_person_reports_nothing() -> None:
    """Only what a mail server wrote is read so."""
    assert parse((HERE / "a_person_writes.eml").read_bytes()).report is None


def test_a_long_report_is_read_in_no_time() -> None:
    """What is looked at is bounded, and no expression tries again and again."""
    head = b"From: mailer-daemon@b.example\nReturn-Path: <>\nSubject: failure notice\n\n"
    for filler in (
        b"<a" * 400_000,
        b"a@" * 400_000,
        b">" * 800_000,
        b"5." * 400_000,
        b"- " * 99_999,
    ):
        report = parse(head + filler).report
        assert report is not None
        assert len(report.recipients) <= 20
