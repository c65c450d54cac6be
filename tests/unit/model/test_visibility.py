"""What one person may see of a message (V1, M12)."""

from __future__ import annotations

import pytest

from eisd.model.mailbox import Box
from eisd.model.visibility import Level, Place, masked, sight

FULL, SUBJECT, METADATA = Level.FULL, Level.SUBJECT, Level.METADATA


def place(
    *people: str, level: Level = SUBJECT, box: Box = Box.RECEIVED, mailbox: str = ""
) -> Place:
    """A mailbox of these people."""
    return Place(mailbox or "+".join(people), frozenset(people), level, box)


@pytest.mark.parametrize(
    ("places", "level"),
    [
        ([place("alice")], SUBJECT),
        ([place("alice", level=METADATA)], METADATA),
        ([place("alice", level=METADATA), place("carol", level=FULL)], FULL),
        ([place("alice", level=METADATA), place("carol")], SUBJECT),
        ([place("alice", level=METADATA), place("bob", level=METADATA)], FULL),
        ([place("carol", "bob", level=METADATA)], FULL),
        ([], METADATA),
    ],
)
def test_v1_the_most_permissive_mailbox_counts(places, level):
    """V1: of several mailboxes the most permissive counts, and one's own shows all."""
    assert sight("bob", places, METADATA).level is level


@pytest.mark.parametrize(
    ("places", "shown"),
    [
        ([place("bob", box=Box.SENT)], True),
        ([place("alice", box=Box.SENT, level=FULL)], True),
        ([place("alice", box=Box.SENT)], False),
        ([place("alice", box=Box.SENT), place("bob")], False),
        ([place("alice", box=Box.SENT), place("team", level=FULL)], False),
        ([], False),
    ],
)
def test_m12_bcc_is_between_the_sender_and_whom_it_names(places, shown):
    """M12: Bcc is for the owner of a sent copy, or whom that very copy shows everything."""
    assert sight("bob", places, FULL).bcc is shown


ACTIVITY = {
    "activity_id": 1,
    "visibility": "subject",
    "roles": ["to", "bcc"],
    "subject": "s",
    "text": "t",
    "snippet": "t",
    "participants": [{"role": "to"}, {"role": "bcc"}],
    "attachments": [{"filename": "f"}],
    "copies": [{"mailbox": "alice", "folder": "Private"}, {"mailbox": "bob", "folder": "INBOX"}],
}


@pytest.mark.parametrize(
    ("level", "subject", "text"), [(FULL, "s", "t"), (SUBJECT, "s", None), (METADATA, None, None)]
)
def test_v1_each_level_shows_what_the_one_before_shows_and_more(level, subject, text):
    """V1: metadata is participants and time; then the subject; then text and attachments."""
    seen = masked(ACTIVITY, "bob", [place("alice", level=level, box=Box.SENT)])

    assert seen is not None
    assert (seen["subject"], seen["text"], seen["snippet"]) == (subject, text, text)
    assert bool(seen["attachments"]) is (level is FULL)
    assert {"role": "to"} in seen["participants"]
    assert ({"role": "bcc"} in seen["participants"]) is ("bcc" in seen["roles"]) is (level is FULL)
    assert seen["copies"] == []


def test_v1_others_folders_are_not_shown():
    """V1: of the copies one sees those in mailboxes of one's own."""
    seen = masked(ACTIVITY, "bob", [place("alice"), place("bob")])

    assert seen is not None
    assert seen["copies"] == [{"mailbox": "bob", "folder": "INBOX"}]


def test_m12_an_activity_by_bcc_alone_is_not_told_of():
    """M12: that a contact has such an activity would tell that he was in Bcc."""
    hidden = {**ACTIVITY, "roles": ["bcc"]}
    places = [place("alice", box=Box.SENT), place("bob")]

    assert masked(hidden, "bob", places) is None
    assert masked(hidden, "alice", places) == hidden | {"copies": [ACTIVITY["copies"][0]]}
