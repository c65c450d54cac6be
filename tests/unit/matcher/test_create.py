"""C1, C2 and C4: who may become a contact, under which name, and of which company."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.matcher.world import ME, STAFF, Block, facts, judge

from eisd.matcher.create import asked, better_name, company_of, contact_name
from eisd.matcher.policy import Policy

SENT = Policy(create_policy="sent")
BOTH = Policy(create_policy="sent_and_received")
OUT = f"From: {ME}\n"


def who(message: str, policy: Policy = SENT, *, sent: bool = True, **more: object) -> list[str]:
    """Name the addresses that a message asks for, first ones first."""
    known = facts(message, sent=sent, **more)
    wanted = asked(known, judge(known, policy=policy), STAFF, policy)
    return [one.address for one in (*wanted.first, *wanted.fallback)]


def received(message: str, policy: Policy = BOTH) -> list[str]:
    return who(message, policy, sent=False)


def test_c1_those_whom_staff_writes_to():
    """To, Cc and Bcc, but nobody of staff."""
    found = who(f"{OUT}To: ann@a.example, you@ours.example\nCc: bob@b.example\nBcc: c@c.example\n")

    assert sorted(found) == ["ann@a.example", "bob@b.example", "c@c.example"]


def test_c1_nobody_is_the_default():
    """A contact is made only where that is asked for."""
    assert who(f"{OUT}To: ann@a.example\n", Policy()) == []


def test_c1_sent_mail_must_be_verified():
    """Anybody can write our address into From (S4)."""
    assert who(f"{OUT}To: ann@a.example\n", sent=False) == []


def test_c1_those_who_write():
    """From, else Reply-To, of received mail; whom they write to is their own business."""
    message = f"From: ann@a.example\nTo: {ME}, bob@b.example\nReply-To: r@a.example\n"

    assert received(message) == ["ann@a.example", "r@a.example"]
    assert received(message, SENT) == []


@pytest.mark.parametrize(
    "extra",
    [
        "List-Id: <l.a.example>\n",
        "Precedence: bulk\n",
        "List-Unsubscribe: <https://a.example/u>\n",
        "Auto-Submitted: auto-replied\n",
        "Auto-Submitted: auto-generated\n",
        "Content-Type: multipart/report; report-type=delivery-status\n",
    ],
)
def test_c1_only_personal_mail(extra):
    """Of every other class nobody is made (G9)."""
    head = f"From: ann@a.example\nTo: {ME}\n"

    assert received(head) == ["ann@a.example"]
    assert received(head + extra) == []


def test_c1_what_staffs_machines_answer_makes_nobody():
    """An out-of-office note of our own goes to anybody who writes."""
    assert who(f"{OUT}To: ann@a.example\nAuto-Submitted: auto-replied\n") == []


def test_c1_no_more_recipients_than_allowed():
    """A message to half the world makes no contacts of it."""
    policy = replace(SENT, create_max_recipients=2)
    two = f"{OUT}To: ann@a.example, bob@b.example\n"

    assert len(who(two, policy)) == 2
    assert who(f"{two}Cc: cyd@c.example\n", policy) == []


def test_c1_role_addresses_if_configured():
    """info@ is nobody; no-reply@ is never anybody."""
    message = f"{OUT}To: info@a.example, no-reply@a.example, MAILER-DAEMON@a.example\n"
    allowed = replace(BOTH, create_role_addresses=True)

    assert who(message) == []
    assert who(message, allowed) == ["info@a.example"]
    assert received(f"From: info@a.example\nTo: {ME}\n") == []
    assert received(f"From: info@a.example\nTo: {ME}\n", allowed) == ["info@a.example"]


def test_c1_free_mail_if_wanted():
    """create.freemail = false."""
    message = f"{OUT}To: ann@gmail.com, bob@b.example\n"

    assert sorted(who(message)) == ["ann@gmail.com", "bob@b.example"]
    assert who(message, replace(SENT, create_freemail=False)) == ["bob@b.example"]


def test_c1_nobody_who_is_blocked():
    """Neither the blocked address, nor anybody of a message that is stopped by it (M13)."""
    message = f"{OUT}To: ann@a.example, bob@b.example\n"

    assert who(message, blocks=[Block("ann@a.example")]) == ["bob@b.example"]
    assert who(message, blocks=[Block("ann@a.example", "message")]) == []


def test_c1_internal_mail_makes_nobody():
    """Nor does mail with a second colleague, where that is internal (any_staff)."""
    assert who(f"{OUT}To: you@ours.example\n") == []
    both = f"{OUT}To: ann@a.example, you@ours.example\n"
    assert who(both, replace(SENT, internal_mode="any_staff")) == []


def test_c1_only_in_roles_that_match():
    """match.roles bounds this, too."""
    policy = replace(SENT, match_roles=frozenset({"to"}))  # type: ignore[arg-type]

    assert who(f"{OUT}To: ann@a.example\nCc: bob@b.example\n", policy) == ["ann@a.example"]


@pytest.mark.parametrize(
    ("display", "address", "expected"),
    [
        ("Ada Lovelace", "ada@x.test", "Ada Lovelace"),
        ("Lovelace, Ada", "ada@x.test", "Ada Lovelace"),
        ("van der Berg, Jan", "jan@x.test", "Jan van der Berg"),
        ("Lovelace, Ada King", "ada@x.test", "Ada King Lovelace"),
        ("King, Jr., Martin", "m@x.test", "Martin King, Jr."),
        ("Martin King, Jr.", "m@x.test", "Martin King, Jr."),
        ("Analytical Engines, Inc.", "a@x.test", "Analytical Engines, Inc."),
        ("Müller GmbH, Berlin, Germany", "a@x.test", "Müller GmbH, Berlin, Germany"),
        ("Lovelace, Ada, PhD", "a@x.test", "Ada Lovelace, PhD"),
        ("Ada Lovelace (Analytical Engines)", "ada@x.test", "Ada Lovelace"),
        ("Lovelace, Ada (London) (Guest)", "ada@x.test", "Ada Lovelace"),
        ("Ada Lovelace via LinkedIn", "ada@x.test", "Ada Lovelace"),
        ("'Ada Lovelace' via Sales", "ada@x.test", "Ada Lovelace"),
        ("Ada Lovelace (via Google Docs)", "ada@x.test", "Ada Lovelace"),
        ("Olivia Viaro", "o@x.test", "Olivia Viaro"),
        ("'Ada Lovelace'", "ada@x.test", "Ada Lovelace"),
        ("  Ada \t Lovelace ", "ada@x.test", "Ada Lovelace"),
        ("Ada", "ada@x.test", "Ada"),
        ("山田 太郎", "t@x.test", "山田 太郎"),
        ("Søren Aabye Kierkegaard", "s@x.test", "Søren Aabye Kierkegaard"),
        ("ada.lovelace@x.test", "ada.lovelace@x.test", "Ada Lovelace"),
        ("Ada <ada@x.test>", "ada.lovelace@x.test", "Ada Lovelace"),
        ("", "ada.lovelace@x.test", "Ada Lovelace"),
        ("", "ada@x.test", "Ada"),
        ("", "ada_lovelace84@x.test", "Ada Lovelace"),
        ("", "ada-lovelace@x.test", "Ada Lovelace"),
        ("", "jean-luc.picard@x.test", "Jean-Luc Picard"),
        ("", "a.lovelace+news@x.test", "A. Lovelace"),
        ("", "o'brien@x.test", "O'Brien"),
        ("", "12345@x.test", "12345"),
        ("", '"ada lovelace"@x.test', "Ada lovelace"),
        ("...", "ada@x.test", "Ada"),
        ("(Ada)", "ada@x.test", "Ada"),
        (",", "ada@x.test", "Ada"),
    ],
)
def test_c2_names_as_people_write_them(display, address, expected):
    """The display name where it is one, turned round and cut; else the local part."""
    assert contact_name(display, address) == expected


def test_c2_a_name_is_bounded():
    """Whatever a sender writes."""
    assert len(contact_name("A" * 5000, "a@x.test").encode()) <= 200
    assert len(contact_name("", "a" * 5000 + "@x.test").encode()) <= 200


def test_c2_the_better_of_two_names_whichever_came_first():
    """A given name before a made one, several words before one, then the longer."""
    names = ["Ada", "Ada L.", "Ada Lovelace", "Lovelace"]

    for first in names:
        for second in names:
            one = better_name(first, second, "ada@x.test")
            assert one == better_name(second, first, "ada@x.test")
    assert better_name("Ada", "Lovelace", "ada@x.test") == "Lovelace"
    assert better_name("Ada L.", "Ada Lovelace", "ada@x.test") == "Ada Lovelace"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("ada@mail.engines.co.uk", "engines.co.uk"),
        ("ada@engines.example", "engines.example"),
        ("ada@gmail.com", ""),
        ("ada@[192.0.2.1]", ""),
        ("ada@co.uk", ""),
        ("ada@ours.example", ""),
        ("ada@mail.ours.example", ""),
    ],
)
def test_c4_the_company_is_the_registrable_domain(address, expected):
    """Not of free mail, not of an address without a domain, not our own."""
    assert company_of(address, frozenset({"ours.example"})) == expected
