"""What DNS says of sending domains, asked of a real name server, judged in plain sentences."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lab.dns import NameServer

from eisd.doctor.finding import Grade
from eisd.doctor.lookup import look
from eisd.doctor.sending import Domain
from eisd.wire.dns import named

NAME = "corp.test"


def published(key):
    """A public key as DKIM records have it."""
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


RSA = {bits: published(rsa.generate_private_key(65537, bits)) for bits in (1024, 2048)}
ED25519 = base64.b64encode(
    ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw()
).decode()


def txt(text):
    """A TXT record in strings of at most 255 octets, as zone files have it."""
    return " ".join(f'"{text[at : at + 200]}"' for at in range(0, len(text), 200))


def zone(**other):
    """A domain with nothing to find fault with, but for what is given; None takes away."""
    good = {
        "mx": ["10 mail.corp.test."],
        "a": ["192.0.2.7"],
        "spf": [txt("v=spf1 mx -all")],
        "dkim": [txt(f"v=DKIM1; k=rsa; p={RSA[2048]}")],
        "dmarc": [txt("v=DMARC1; p=reject")],
    } | other
    places = {
        "mx": (NAME, "MX"),
        "a": ("mail.corp.test", "A"),
        "spf": (NAME, "TXT"),
        "dkim": (f"default._domainkey.{NAME}", "TXT"),
        "dmarc": (f"_dmarc.{NAME}", "TXT"),
    }
    return {places[key]: value for key, value in good.items() if value is not None}


async def judged(records, *, domain=None, selectors=()):
    """Every finding by its check."""
    async with NameServer(records) as server:
        resolver = named(f"127.0.0.1:{server.port}")
        found = await look([domain or Domain(NAME)], resolver, selectors)
    return {one.check: one for one in found}


async def test_a_domain_in_order():
    """Nothing to say but that all is there."""
    found = await judged(zone())

    assert {check: one.grade for check, one in found.items()} == dict.fromkeys(
        ("spf", "dkim", "dmarc", "mx"), Grade.OK
    )


@pytest.mark.parametrize(
    ("spf", "driver", "grade", "said", "mends"),
    [
        (None, "imap", "error", "no SPF record", 'corp.test. TXT "v=spf1 mx -all"'),
        (None, "gmail", "error", "no SPF", 'TXT "v=spf1 include:_spf.google.com -all"'),
        (["v=spf1 mx -all", "v=spf1 -all"], "imap", "error", "2 SPF records", "join them"),
        (["v=spf1 +all"], "imap", "error", "anybody", "-all"),
        (["v=spf1 mx"], "imap", "warning", "all others", 'TXT "v=spf1 mx -all"'),
        (
            ["v=spf1 mx -all"],
            "microsoft",
            "warning",
            "does not name the provider",
            'TXT "v=spf1 include:spf.protection.outlook.com mx -all"',
        ),
        (["v=spf1 redirect=other.test"], "gmail", "ok", "redirect", ""),
        (["v=spfoo", "hello"], "imap", "error", "no SPF record", "v=spf1"),
    ],
)
async def test_spf(spf, driver, grade, said, mends):
    """Each fault of SPF is named, with the record that mends it."""
    records = zone(spf=None if spf is None else [txt(one) for one in spf])
    one = (await judged(records, domain=Domain(NAME, driver)))["spf"]

    assert one.grade == grade
    assert said in one.text
    assert mends in one.fix


async def test_spf_lookups_are_counted_through_includes():
    """More than ten lookups, includes followed, fail the record; a loop ends."""
    records = zone(spf=[txt("v=spf1 include:a.test -all")])
    records[("a.test", "TXT")] = [
        txt("v=spf1 " + " ".join(f"include:b{n}.test" for n in range(9)) + " include:a.test -all")
    ]
    for number in range(9):
        records[(f"b{number}.test", "TXT")] = [txt("v=spf1 ip4:192.0.2.1 -all")]

    one = (await judged(records))["spf"]

    assert one.grade == "error"
    assert "11 lookups" in one.text


@pytest.mark.parametrize(
    ("record", "grade", "said"),
    [
        (None, "warning", "no DKIM key is at default, mail"),
        ("v=DKIM1; p=", "error", "is revoked"),
        ("v=DKIM1; p=????", "error", "cannot be read"),
        (f"k=rsa; p={RSA[1024]}", "note", "1024 bits"),
        (f"v=DKIM1; k=rsa; p={RSA[2048]}", "ok", "at default"),
        (f"v=DKIM1; k=ed25519; p={ED25519}", "ok", "at default"),
    ],
)
async def test_dkim(record, grade, said):
    """A key that is missing, revoked, broken or short is told from a good one."""
    one = (await judged(zone(dkim=None if record is None else [txt(record)])))["dkim"]

    assert one.grade == grade
    assert said in one.text


async def test_selectors_that_are_given_are_the_ones_asked():
    """A named selector without a key is an error: nobody guessed."""
    one = (await judged(zone(), selectors=["mail2026"]))["dkim"]

    assert (one.grade, "mail2026" in one.text) == (Grade.ERROR, True)


@pytest.mark.parametrize(
    ("records", "grade", "said"),
    [
        (None, "warning", "no DMARC record"),
        (["v=DMARC1; p=none"], "note", "asks for nothing"),
        (["v=DMARC1; p=all"], "error", "no policy"),
        (["v=DMARC1; p=none", "v=DMARC1; p=reject"], "error", "2 DMARC records"),
    ],
)
async def test_dmarc(records, grade, said):
    """Each fault of DMARC is named."""
    one = (await judged(zone(dmarc=records and [txt(r) for r in records])))["dmarc"]

    assert one.grade == grade
    assert said in one.text


async def test_dmarc_of_the_organisation_counts_for_what_is_below():
    """A subdomain without a record goes by its organisation's, and by its sp= tag."""
    records = zone(dmarc=[txt("v=DMARC1; p=none; sp=quarantine")])
    records[("mail.corp.test", "MX")] = ["10 mail.corp.test."]

    one = (await judged(records, domain=Domain("mail.corp.test")))["dmarc"]

    assert (one.grade, one.text) == (Grade.OK, "p=quarantine, by corp.test")


@pytest.mark.parametrize(
    ("other", "grade", "said"),
    [
        ({"mx": None}, "error", "no MX record: answers come back"),
        ({"mx": ["0 ."]}, "error", "takes no mail"),
        ({"a": None}, "error", "mail.corp.test, which has no address"),
    ],
)
async def test_mx(other, grade, said):
    """Whether answers can arrive."""
    one = (await judged(zone(**other)))["mx"]

    assert one.grade == grade
    assert said in one.text


async def test_a_domain_that_does_not_exist():
    """One finding, not four."""
    found = await judged({("other.test", "A"): ["192.0.2.1"]})

    assert [one.grade for one in found.values()] == [Grade.ERROR]
    assert "does not exist" in found["dns"].text


async def test_a_name_server_that_is_deaf():
    """What nobody answers is a warning about DNS, and never a fault of the domain."""
    async with NameServer(silent=frozenset({NAME})) as server:
        resolver = named(f"127.0.0.1:{server.port}", lifetime=0.2)
        [one] = await look([Domain(NAME)], resolver, ())

    assert (one.check, one.grade) == ("dns", Grade.WARNING)
    assert "no name server answers" in one.text
