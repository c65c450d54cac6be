"""Whose credentials go where, and what is known of the place, without asking anybody."""

from __future__ import annotations

from typing import Any

import pytest

from eisd.driver.smtp.login import way_in
from eisd.driver.smtp.outlet import outlet_of, signs_in_as
from eisd.model.outgoing import Outlet
from eisd_gmail import driver as gmail
from eisd_imap import driver as imap
from eisd_microsoft import driver as microsoft

SECRET = {"store": True}
SAME = {"same_as": "imap"}
OAUTH = {"app": "corp"}
OWN = {"host": "imap.example.org", "password": SECRET}
TOKEN = {"host": "imap.example.org"}


@pytest.mark.parametrize(
    ("driver", "address", "table", "way"),
    [
        # What the table says.
        (imap, "a@example.org", {"imap": OWN, "smtp": {"host": "x", "password": SECRET}}, "own"),
        (imap, "a@example.org", {"imap": OWN, "smtp": {"host": "x", "password": SAME}}, "own"),
        # A relay somewhere else is told nothing.
        (imap, "a@example.org", {"imap": OWN, "smtp": {"host": "relay.test"}}, "none"),
        (imap, "a@example.org", {"imap": OWN, "smtp": {"host": "smtp.example.org"}}, "none"),
        (imap, "a@example.org", {"imap": OWN, "smtp": {"host": "localhost"}}, "none"),
        (gmail, "a@gmail.com", {"oauth": OAUTH, "smtp": {"host": "relay.test"}}, "none"),
        # The same machine, the same provider, the token's own domain.
        (imap, "a@example.org", {"imap": OWN, "smtp": {"host": "imap.example.org"}}, "imap"),
        (imap, "a@icloud.com", {"imap": {"password": SECRET}}, "imap"),
        (gmail, "a@gmail.com", {"imap": {"password": SECRET}}, "imap"),
        (gmail, "a@example.org", {"oauth": OAUTH}, "token"),
        (microsoft, "a@example.org", {"oauth": OAUTH}, "token"),
        (microsoft, "a@outlook.com", {"oauth": OAUTH}, "token"),
        (
            imap,
            "a@example.org",
            {"oauth": OAUTH, "imap": TOKEN, "smtp": {"host": "smtp.example.org"}},
            "token",
        ),
    ],
)
def test_whose_credentials_go_where(driver: Any, address: str, table: Any, way: str):
    """What is given for IMAP alone is used at the same provider, and nowhere else."""
    options = driver.options(table, address=address)
    assert options.smtp is not None
    assert way_in(options, options.smtp) == way
    assert bool(signs_in_as(options)) == (way != "none")


@pytest.mark.parametrize(
    ("driver", "address", "smtp", "outlet"),
    [
        (gmail, "a@gmail.com", None, Outlet("smtp.gmail.com", files_sent=True, per_day=500)),
        (gmail, "a@x.test", None, Outlet("smtp.gmail.com", files_sent=True, per_day=2000)),
        (gmail, "a@x.test", {"host": "relay.test"}, Outlet("relay.test")),
        (
            microsoft,
            "a@x.test",
            None,
            Outlet(
                "smtp.office365.com",
                files_sent=True,
                per_minute=30,
                per_day=10_000,
                counts_recipients=True,
                connections=3,
            ),
        ),
    ],
)
def test_what_is_known_of_the_place(driver: Any, address: str, smtp: Any, outlet: Outlet):
    """Limits and who files the copy go by the SMTP host, not by the driver."""
    table: dict[str, Any] = {"oauth": OAUTH} | ({} if smtp is None else {"smtp": smtp})
    assert outlet_of(driver.options(table, address=address)) == outlet


def test_another_mailbox_at_google_files_nothing_here():
    """A mailbox elsewhere that sends through Gmail's server gets no copy into its Sent."""
    table = {"imap": OWN, "smtp": {"host": "smtp.gmail.com", "password": SECRET}}
    found = outlet_of(imap.options(table, address="a@example.org"))
    assert found is not None
    assert not found.files_sent
    assert imap.outlet(imap.options({"imap": OWN}, address="a@example.org")) is None
