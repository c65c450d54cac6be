"""The made-up mailbox: whom its owner knows, and a month of mail.

Every name under ``.example`` is reserved (RFC 2606); nothing here reaches anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

ADDRESS: Final = "sales@engines.example"
"""The mailbox's own address."""

COLLEAGUE: Final = "charles@engines.example"
"""Staff without a mailbox here: mail between the two is nobody's business."""

CONTACTS: Final = """\
id,name,emails,company
C-1,Ada Lovelace,ada@lovelace.example;countess@ockham.example,Ockham Park
C-2,Grace Hopper,grace@compilers.example,Compilers Ltd
C-3,Katherine Johnson,katherine@orbits.example,Orbits
C-4,Mary Jackson,mary@tunnels.example,Wind Tunnels
"""

_OURS: Final = f"Engine Sales <{ADDRESS}>"
_ADA: Final = "Ada Lovelace <ada@lovelace.example>"
_GRACE: Final = "Grace Hopper <grace@compilers.example>"
_KATHERINE: Final = "Katherine Johnson <katherine@orbits.example>"


@dataclass(frozen=True, slots=True)
class Letter:
    """One message, dated so many hours before the demonstration begins."""

    name: str
    """Its Message-ID before the @; other letters answer it by this."""
    hours: float
    from_: str
    subject: str
    text: str
    to: str = _OURS
    cc: str = ""
    folder: str = "INBOX"
    answers: str = ""
    html: str = ""
    attachment: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def received(self, now: datetime) -> datetime:
        """When the mailbox got it."""
        return now - timedelta(hours=self.hours)

    def rfc822(self, now: datetime) -> bytes:
        """The message as it lies on the server."""
        message = EmailMessage(policy=SMTP)
        message["From"], message["To"] = self.from_, self.to
        if self.cc:
            message["Cc"] = self.cc
        message["Subject"] = self.subject
        message["Date"] = format_datetime(self.received(now))
        message["Message-ID"] = message_id(self.name)
        if self.answers:
            message["In-Reply-To"] = message["References"] = message_id(self.answers)
        for name, value in self.headers.items():
            message[name] = value
        message.set_content(f"{self.text}\n")
        if self.html:
            message.add_alternative(self.html, subtype="html")
        if self.attachment:
            message.add_attachment(
                b"%PDF-1.4\n" * 400, maintype="application", subtype="pdf", filename=self.attachment
            )
        return message.as_bytes()


def message_id(name: str) -> str:
    """The Message-ID of a letter, in its angle brackets."""
    return f"<{name}@engines.example>"


LETTERS: Final = (
    Letter(
        "enquiry",
        312,
        _ADA,
        "Enquiry: one analytical engine",
        "Dear Sirs,\n\nwhat would an engine with fifty columns cost, and when could it run?",
    ),
    Letter(
        "quote",
        308,
        _OURS,
        "Re: Enquiry: one analytical engine",
        "Dear Lady Lovelace,\n\nour quote is attached. Miss Hopper will see to the programs.",
        to=_ADA,
        cc=_GRACE,
        folder="Sent",
        answers="enquiry",
        attachment="quote-1843.pdf",
    ),
    Letter(
        "order",
        120,
        "Ada <countess@ockham.example>",
        "Re: Enquiry: one analytical engine",
        "Agreed, as quoted. Please build it.\n\nOn Monday you wrote:\n> our quote is attached.",
        answers="quote",
    ),
    Letter(
        "compiler",
        75,
        "Grace Hopper <grace+work@compilers.example>",
        "The compiler is ready",
        "It compiles.",
        html="<p>It <b>compiles</b>. <a href='https://compilers.example/a0'>A-0</a> is there.</p>",
    ),
    Letter(
        "orbit",
        52,
        _KATHERINE,
        "Trajectory figures",
        "The figures you asked for; I checked them by hand.",
        folder="Projects",
        attachment="figures.pdf",
    ),
    Letter(
        "thanks",
        50,
        _OURS,
        "Thank you for the figures",
        "They match ours to the last digit.",
        to=_KATHERINE,
        folder="Sent",
        answers="orbit",
    ),
    Letter(
        "away",
        49.9,
        _KATHERINE,
        "Automatic reply: Thank you for the figures",
        "I am at the Cape until Thursday.",
        answers="thanks",
        headers={"Auto-Submitted": "auto-replied"},
    ),
    Letter(
        "lunch",
        30,
        f"Charles <{COLLEAGUE}>",
        "Lunch?",
        "The usual place at one. And not a word about the mill.",
    ),
    Letter(
        "gazette",
        28,
        "Engine Gazette <news@gazette.example>",
        "This week: gears",
        "All about gears.",
        headers={"List-Unsubscribe": "<https://gazette.example/off>", "Precedence": "bulk"},
    ),
    Letter(
        "list",
        26,
        _GRACE,
        "[programmers] Subroutines considered",
        "To everybody on the list: reuse them.",
        to="programmers@lists.example",
        headers={"List-Id": "<programmers.lists.example>"},
    ),
    Letter(
        "seo",
        21,
        "Rank Boosters <hello@boost.example>",
        "Your website on page one",
        "We noticed that your website could do better.",
    ),
    Letter(
        "parcel",
        18,
        "Parcel Service <noreply@parcels.example>",
        "Your parcel is on its way",
        "It contains brass.",
    ),
    Letter(
        "dentist",
        9,
        "Dr. Smile <practice@teeth.example>",
        "Your appointment",
        "We expect you on Friday at eight.",
    ),
    Letter(
        "newcomer",
        4,
        _OURS,
        "Your visit",
        "You are welcome to see the mill at work.",
        to="Luigi Menabrea <luigi@turin.example>",
        folder="Sent",
    ),
)

LIVE: Final = Letter(
    "live",
    0,
    _ADA,
    "One more question",
    "Could the engine compose music, too?",
    answers="order",
)
"""What arrives while the daemon watches."""

FOLDERS: Final = ("Sent", "Projects")
"""What the mailbox has beside INBOX."""
