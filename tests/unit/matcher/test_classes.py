"""G1 to G9: the class of a message and what the policies make of it."""

from __future__ import annotations

import pytest
from unit.matcher.world import ME, contacts, entry, facts, judge, told

from eisd.matcher.classify import classify
from eisd.matcher.policy import Policy
from eisd.model.activity import Direction, Flag, MessageClass

ANN = "ann@a.example"
HEAD = f"From: {ANN}\nTo: {ME}\n"
LIST = "List-Id: <l.a.example>\nList-Post: <mailto:l@a.example>\n"
REPORT = "Content-Type: multipart/report; report-type=delivery-status; boundary=x\n"
RECEIPT = "Content-Type: multipart/report; report-type=disposition-notification; boundary=x\n"
INVITE = "Content-Type: text/calendar; method=REQUEST\n"
CALENDAR = Policy(calendar_sync=True)


def kind(extra: str, head: str = HEAD, policy: Policy | None = None) -> MessageClass:
    return judge(head + extra, policy=policy).kind


@pytest.mark.parametrize("report", [REPORT, RECEIPT])
def test_g1_a_report_is_a_bounce(report):
    """Delivery reports and receipts concern an earlier message: nothing of them is stored."""
    decision = judge(HEAD + report, entry(1, ANN))

    assert decision.kind is MessageClass.BOUNCE
    assert told(decision) == "skipped:bounce"


def test_g1_a_daemon_with_the_null_return_path_is_a_bounce():
    """An old bounce has no report; author and Return-Path give it away, only together."""
    head = f"From: MAILER-DAEMON@a.example\nTo: {ME}\n"

    assert kind("Return-Path: <>\n", head) is MessageClass.BOUNCE
    assert kind("", head) is MessageClass.NO_REPLY
    assert kind("Return-Path: <>\n") is MessageClass.PERSONAL


def test_g2_an_automatic_reply_is_matched_with_the_flag_auto():
    """Auto-Submitted: auto-replied is a class of its own; it matches and is marked."""
    decision = judge(f"{HEAD}Auto-Submitted: auto-replied\n", entry(1, ANN))

    assert decision.kind is MessageClass.AUTO_REPLY
    assert decision.hits[0].flags == {Flag.AUTO}


def test_g2_group_auto_skips_what_wrote_itself():
    """group.auto = skip leaves automatic replies and generated mail out."""
    skip = Policy(group_auto="skip")

    for value in ("auto-replied", "auto-generated"):
        decision = judge(f"{HEAD}Auto-Submitted: {value}\n", entry(1, ANN), policy=skip)
        assert told(decision) == "skipped:bulk"


def test_g3_an_invitation_is_skipped_only_where_calendars_are_synced():
    """With calendar sync it comes as an event; without, the mail is all there is."""
    assert told(judge(HEAD + INVITE, entry(1, ANN), policy=CALENDAR)) == "skipped:calendar_invite"
    assert contacts(judge(HEAD + INVITE, entry(1, ANN))) == [1]


def test_g3_outgoing_invitations_too():
    """The rule asks for no direction."""
    sent = facts(f"From: {ME}\nTo: {ANN}\n{INVITE}", sent=True)

    assert told(judge(sent, entry(1, ANN), policy=CALENDAR)) == "skipped:calendar_invite"


@pytest.mark.parametrize(
    ("policy", "addressed", "elsewhere"),
    [
        ("skip_unless_direct", "matched", "skipped:list"),
        ("skip", "skipped:list", "skipped:list"),
        ("match", "matched", "matched"),
    ],
)
def test_g4_group_list_decides_about_lists(policy, addressed, elsewhere):
    """Mail of a list is skipped unless staff is addressed, always skipped, or matched."""
    given = Policy(group_list=policy)
    to_list = f"From: {ANN}\nTo: l@a.example\n{LIST}"

    assert told(judge(HEAD + LIST, entry(1, ANN), policy=given)) == addressed
    assert told(judge(to_list, entry(1, ANN), policy=given)) == elsewhere


def test_g4_direct_is_a_flag():
    """A list message to staff bears the flag direct."""
    assert judge(HEAD + LIST, entry(1, ANN)).hits[0].flags == {Flag.DIRECT}


def test_g4_the_lists_own_address_is_no_staff_address():
    """A list at our own domain does not make its mail direct, though its address is staff."""
    team = "List-Id: <team.ours.example>\nList-Post: <mailto:you@ours.example>\n"
    message = f"From: {ANN}\nTo: you@ours.example\n{team}"

    assert told(judge(message, entry(1, ANN))) == "skipped:list"
    assert contacts(judge(f"{message}Cc: {ME}\n", entry(1, ANN))) == [1]


def test_g4_an_answer_to_staff_is_direct():
    """A parent written by staff makes list mail direct, whoever is addressed."""
    message = f"From: {ANN}\nTo: l@a.example\n{LIST}"

    assert contacts(judge(message, entry(1, ANN), parent_by_staff=True)) == [1]


def test_g5_bulk_is_skipped_or_matched_by_policy():
    """group.bulk decides about bulk mail."""
    message = f"{HEAD}Precedence: bulk\n"

    assert told(judge(message, entry(1, ANN))) == "skipped:bulk"
    assert contacts(judge(message, entry(1, ANN), policy=Policy(group_bulk="match"))) == [1]


def test_g5_list_unsubscribe_alone_is_weak_bulk_and_matched():
    """Companies put List-Unsubscribe on everything: it does not hide a contact's mail."""
    decision = judge(f"{HEAD}List-Unsubscribe: <https://a.example/u>\n", entry(1, ANN))

    assert decision.kind is MessageClass.WEAK_BULK
    assert contacts(decision) == [1]


def test_g6_generated_mail_is_matched_with_the_flag_auto():
    """Auto-Submitted with any other value than no, parameters aside, marks generated mail."""
    decision = judge(f"{HEAD}Auto-Submitted: auto-generated; x=y\n", entry(1, ANN))

    assert decision.kind is MessageClass.AUTO_GENERATED
    assert decision.hits[0].flags == {Flag.AUTO}
    assert kind("Auto-Submitted: no\n") is MessageClass.PERSONAL


@pytest.mark.parametrize("local", ["no-reply", "donotreply", "bounces+x", "notifications"])
def test_g7_no_reply_by_the_authors_local_part(local):
    """Addresses that nobody answers at are a class; they match."""
    author = f"{local}@a.example"
    decision = judge(f"From: {author}\nTo: {ME}\n", entry(1, author))

    assert decision.kind is MessageClass.NO_REPLY
    assert contacts(decision) == [1]


def test_g8_role_by_the_authors_local_part():
    """info@ and its like are a class; they match."""
    decision = judge(f"From: info@a.example\nTo: {ME}\n", entry(1, "info@a.example"))

    assert decision.kind is MessageClass.ROLE
    assert contacts(decision) == [1]


def test_g8_only_the_author_decides():
    """A role address among the recipients does not make a message's class."""
    assert kind("Cc: info@b.example\n") is MessageClass.PERSONAL


def test_g9_outgoing_mail_is_personal():
    """G2 and G4 to G8 are asked of incoming mail only."""
    head = f"From: {ME}\nTo: {ANN}\n"
    for extra in (LIST, "Precedence: bulk\n", "Auto-Submitted: auto-replied\n", ""):
        assert kind(extra, head) is MessageClass.PERSONAL


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        (REPORT + "Auto-Submitted: auto-replied\n", MessageClass.BOUNCE),
        ("Auto-Submitted: auto-replied\n" + INVITE, MessageClass.AUTO_REPLY),
        (INVITE + LIST, MessageClass.CALENDAR_INVITE),
        (LIST + "Precedence: list\n", MessageClass.LIST),
        ("Precedence: bulk\nAuto-Submitted: auto-generated\n", MessageClass.BULK),
        (
            "Auto-Submitted: auto-generated\nList-Unsubscribe: <mailto:u@a.example>\n",
            MessageClass.AUTO_GENERATED,
        ),
    ],
)
def test_the_first_class_that_fits_wins(extra, expected):
    """Classes are asked in the order of their numbers; weak_bulk is what is left over."""
    assert classify(facts(HEAD + extra), Direction.INCOMING, CALENDAR) is expected
