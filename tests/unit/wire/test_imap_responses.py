"""LIST, STATUS, SEARCH, SELECT, ID, NAMESPACE, status responses, and what a refusal means."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisd.errors import AuthRejected, FolderGone, Misconfigured, ProtocolError, Rejected, Transient
from eisd.wire import imap_refusal as refusal
from eisd.wire.imap_responses import (
    Completion,
    ListEntry,
    Namespace,
    Namespaces,
    Selected,
    Status,
    parse_capabilities,
    parse_id,
    parse_list,
    parse_namespaces,
    parse_search,
    parse_selected,
    parse_status,
    parse_status_response,
)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"OK done", Completion("OK", "", "", "done")),
        (b"ok [uidnext 5] next", Completion("OK", "UIDNEXT", "5", "next")),
        (b"NO [AUTHENTICATIONFAILED] no", Completion("NO", "AUTHENTICATIONFAILED", "", "no")),
        (b"OK [CAPABILITY A B=C]", Completion("OK", "CAPABILITY", "A B=C", "")),
        (b"BAD", Completion("BAD", "", "", "")),
        (b"OK a\0b\x1b[31mc", Completion("OK", "", "", "a b [31mc")),
        (b"OK [] x", Completion("OK", "", "", "[] x")),
    ],
)
def test_status_responses(raw, expected):
    """Code, argument and clean text."""
    assert expected == parse_status_response(raw)


def test_a_servers_words_are_cut():
    """A megabyte of text does not end up in a log."""
    assert len(parse_status_response(b"NO " + b"x" * 1_000_000).text) == 200


def test_capabilities_hold_no_junk():
    """WR15: the words inside the code and nothing of the text after it."""
    done = parse_status_response(b"OK [CAPABILITY IMAP4rev1 Compress=DEFLATE] Logged in")

    assert {"IMAP4REV1", "COMPRESS=DEFLATE"} == parse_capabilities(done.argument)


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (
            [b'* LIST (\\HasNoChildren \\Sent) "/" "Gesendete &ANw-"'],
            ListEntry(
                "Gesendete Ü", "Gesendete &ANw-", "/", frozenset({"\\hasnochildren", "\\sent"})
            ),
        ),
        ([b"* LIST () NIL inbox"], ListEntry("INBOX", "INBOX", None, frozenset())),
        (
            [b'* LIST () "\\\\" {5}', b'a"b\\c', b""],
            ListEntry('a"b\\c', 'a"b\\c', "\\", frozenset()),
        ),
        ([b'* LIST () "/" x ("CHILDINFO" ("S"))'], ListEntry("x", "x", "/", frozenset())),
        (
            [b'* LIST () "/" [Gmail]/Spam'],
            ListEntry("[Gmail]/Spam", "[Gmail]/Spam", "/", frozenset()),
        ),
    ],
)
def test_list(response, expected):
    """Quoted, atom and literal names; attributes in lower case; INBOX in capitals."""
    assert expected == parse_list(response)


def test_status():
    """STATUS items in any order and letter case; unknown ones are passed over."""
    assert (
        "a b",
        Status(uidnext=5, uidvalidity=9, messages=0, highestmodseq=None),
    ) == parse_status([b'* STATUS "a b" (messages 0 UIDNEXT 5 X 1 UIDVALIDITY 9)'])


@pytest.mark.parametrize(
    ("responses", "uids"),
    [
        ([[b"* SEARCH 3 1 2 2"]], [1, 2, 3]),
        ([[b"* SEARCH"]], []),
        ([], []),
        ([[b"* SEARCH 1"], [b"* SEARCH 5 (MODSEQ 9)"]], [1, 5]),
        ([[b'* ESEARCH (TAG "a1") UID ALL 1:3,9']], [1, 2, 3, 9]),
        ([[b'* ESEARCH (TAG "ALL") UID']], []),
        ([[b'* ESEARCH (TAG "a") UID COUNT 2 ALL 4,7']], [4, 7]),
    ],
)
def test_search(responses, uids):
    """RF32: ascending and unique, however the server says it."""
    assert uids == parse_search(responses)


@pytest.mark.parametrize("line", [b"* SEARCH x", b"* SEARCH -1", b"* ESEARCH UID ALL (1)"])
def test_a_wrong_search_is_a_protocol_error(line):
    """Numbers or nothing."""
    with pytest.raises(ProtocolError):
        parse_search([[line]])


def test_selected():
    """The codes of EXAMINE, and what a server leaves out."""
    done = Completion("OK", "READ-ONLY", "", "")
    responses = [
        [b"* FLAGS (\\Seen)"],
        [b"* 3 EXISTS"],
        [b"* 0 RECENT"],
        [b"* OK [UIDVALIDITY 77] x"],
        [b"* OK [UIDNEXT 12] x"],
        [b"* OK [HIGHESTMODSEQ 900] x"],
    ]

    assert Selected(77, 12, 3, 900, readonly=True) == parse_selected(responses, done, readonly=True)
    assert Selected(None, None, 0, None, readonly=False) == parse_selected(
        [], Completion("OK", "", "", ""), readonly=False
    )


def test_id_and_namespaces():
    """ID fields in lower case; NAMESPACE with NIL groups."""
    assert parse_id([b'* ID ("NAME" "Dovecot" "x" NIL)']) == {"name": "Dovecot", "x": ""}
    assert parse_id([b"* ID NIL"]) == {}
    assert Namespaces(
        (Namespace("INBOX.", "."),), (), (Namespace("Öffentlich/", "/"),)
    ) == parse_namespaces([b'* NAMESPACE (("INBOX." ".")) NIL (("&ANY-ffentlich/" "/"))'])
    assert Namespaces() == parse_namespaces([b"* NAMESPACE NIL NIL NIL"])


@given(st.binary(max_size=80), st.binary(max_size=10))
def test_any_octets_are_read_or_refused(raw, literal):
    """No parser raises anything but ProtocolError."""
    for words in (b"* LIST ", b"* STATUS ", b"* ID ", b"* NAMESPACE ", b"* ESEARCH ", b"* SEARCH "):
        for response in ([words + raw], [words + raw + b"{1}", literal, raw]):
            for parse in (parse_list, parse_status, parse_id, parse_namespaces):
                _read_or_refuse(parse, response)
            _read_or_refuse(parse_search, [response])
    _read_or_refuse(parse_status_response, raw)


def _read_or_refuse(parse, value):
    with contextlib.suppress(ProtocolError):
        parse(value)


def done(line):
    return parse_status_response(line.encode())


@pytest.mark.parametrize(
    ("line", "error", "code"),
    [
        ("NO [AUTHENTICATIONFAILED] Authentication failed.", AuthRejected, "authenticationfailed"),
        ("NO [AUTHORIZATIONFAILED] no", AuthRejected, "authorizationfailed"),
        ("NO [EXPIRED] password expired", AuthRejected, "expired"),
        ("NO LOGIN failed.", AuthRejected, "no"),
        ("NO [ALERT] Application-specific password required", AuthRejected, "alert"),
        ("NO [ALERT] Invalid credentials (Failure)", AuthRejected, "alert"),
        ("NO [PRIVACYREQUIRED] use TLS", Misconfigured, "tls"),
        ("NO [UNAVAILABLE] Temporary authentication failure.", Transient, "unavailable"),
        ("NO Temporary authentication failure", Transient, "unavailable"),
        ("NO [LIMIT] a limit", Transient, "limit"),
        ("NO [INUSE] locked", Transient, "inuse"),
        ("NO [CONTACTADMIN] broken", Transient, "contactadmin"),
        ("NO [ALERT] Too many simultaneous connections. (Failure)", Transient, "throttled"),
        ("NO [OVERQUOTA] Account exceeded command or bandwidth limits", Transient, "throttled"),
        ("BAD User is authenticated but not connected.", Transient, "unavailable"),
        ("BAD Unknown command", Rejected, "bad"),
    ],
)
def test_refused_logins(line, error, code):
    """RF14: only credentials are a person's business; the rest passes or is TLS."""
    found = refusal.of_login(done(line), "LOGIN")

    assert (error, code) == (type(found), found.code)


@pytest.mark.parametrize("status", ["NO", "BAD"])
def test_a_throttle_says_how_long(status):
    """Microsoft's words carry milliseconds, on any command and as NO or BAD."""
    words = "Request is throttled. Suggested Backoff Time: 299961 milliseconds"
    for judge in (refusal.of_command, refusal.of_folder, refusal.of_login):
        found = judge(done(f"{status} {words}"), "SELECT")

        assert isinstance(found, Transient)
        assert (found.code, found.retry_after) == ("throttled", 299.961)
    assert refusal.of_farewell(done(f"BYE {words}")).retry_after == 299.961


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("NO [NONEXISTENT] gone", FolderGone),
        ("NO [NOPERM] not yours", FolderGone),
        ("NO Unable to open this mailbox.", FolderGone),
        ("NO [SERVERBUG] Internal error", Transient),
        ("NO [INUSE] busy", Transient),
        ("BAD syntax", Rejected),
    ],
)
def test_refused_folders(line, error):
    """A folder that cannot be opened is gone, unless the trouble passes."""
    assert error is type(refusal.of_folder(done(line), "EXAMINE"))


def test_refused_appends():
    """Only a code makes an APPEND's folder gone; a full mailbox is not throttling."""
    assert isinstance(refusal.of_append(done("NO [TRYCREATE] no such")), FolderGone)
    assert isinstance(refusal.of_append(done("NO message too large")), Rejected)
    full = refusal.of_append(done("NO [OVERQUOTA] full"))
    assert (Rejected, "overquota") == (type(full), full.code)


def test_farewells():
    """BYE is loss, with the server's words; some servers refuse a login with it."""
    assert refusal.of_farewell(done("BYE Autologout; idle for too long")).code == "bye"
    assert refusal.of_farewell(done("BYE Too many connections")).code == "throttled"
    assert isinstance(refusal.of_farewell(done("BYE [AUTHENTICATIONFAILED] no")), AuthRejected)
