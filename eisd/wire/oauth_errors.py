"""What a token endpoint's refusals mean, as data: each code with its class and its next step.

The class is decided by the HTTP status and the standard ``error`` (RFC 6749 section 5.2); a
vendor's own code, where it is known, makes it more exact and chooses the sentence. A code that is
not known falls back to its ``error``; what is not understood at all is trouble that passes.

In sentences ``{provider}``, ``{mailbox}`` and ``{app}`` are filled in when they are told.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Fault(StrEnum):
    """Who has to do something about it."""

    TRANSIENT = "transient"
    THROTTLED = "throttled"
    USER = "user"
    ADMIN = "admin"
    OPERATOR = "operator"
    CLOCK = "clock"


ACTION: Final = {
    Fault.TRANSIENT: "Nobody: tried again by itself.",
    Fault.THROTTLED: "Nobody: eisd waits as long as it was told.",
    Fault.USER: "The mailbox's user signs in again.",
    Fault.ADMIN: "The administrator of the user's organisation.",
    Fault.OPERATOR: "Whoever registered the application with the provider.",
    Fault.CLOCK: "Whoever runs this machine.",
}
"""What a class means to people."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """One refusal: its code as the provider writes it, its class, what is wrong, what to do."""

    code: str
    fault: Fault
    what: str
    remedy: str


_SIGN_IN: Final = "eisd auth login {mailbox}"
_U, _A, _O, _T, _R, _C = (
    Fault.USER, Fault.ADMIN, Fault.OPERATOR, Fault.TRANSIENT, Fault.THROTTLED, Fault.CLOCK,
)  # fmt: skip
_LATER: Final = "nothing to do; it is tried again"


def _rows(*rows: tuple[str, Fault, str, str]) -> dict[str, Meaning]:
    return {row[0]: Meaning(*row) for row in rows}


STANDARD: Final = _rows(
    ("invalid_grant", _U, "the sign-in has ended: it was revoked, expired, or the password changed",
     _SIGN_IN),
    ("interaction_required", _U, "the provider wants the user to confirm something", _SIGN_IN),
    ("login_required", _U, "the provider wants the user to sign in", _SIGN_IN),
    ("consent_required", _A, "the permission was never given, or was taken back",
     "give it again: eisd auth login {mailbox}, or let the administrator consent for everybody"),
    ("access_denied", _A, "the permission was refused",
     "say yes on the consent page; if that page does not allow it, the administrator must"),
    ("authorization_declined", _U, "the sign-in was declined", _SIGN_IN),
    ("expired_token", _U, "the code was not used in time", _SIGN_IN),
    ("bad_verification_code", _U, "the code is not known", _SIGN_IN),
    ("invalid_client", _O, "the client id or the client secret is wrong, or has expired",
     "compare [oauth.{app}] with the registration; make a new secret if the old one expired"),
    ("unauthorized_client", _O, "the application may not use this way of signing in",
     "see what has to be registered: eisd auth login {mailbox}"),
    ("deleted_client", _O, "the application's registration was deleted",
     "register it again and put its new client_id into [oauth.{app}]"),
    ("invalid_scope", _O, "the application may not ask for these scopes",
     "add the scopes to the registration: eisd auth login {mailbox} lists them"),
    ("redirect_uri_mismatch", _O, "the redirect address is not registered",
     "register the loopback redirect that eisd auth login {mailbox} names"),
    ("invalid_request", _O, "the provider does not understand the request",
     "compare [oauth.{app}] with the guide of this provider"),
    ("unsupported_grant_type", _O, "the provider does not offer this way of signing in",
     "compare the flow and the addresses in [oauth.{app}] with the guide of this provider"),
    ("temporarily_unavailable", _T, "the provider is not available for now", _LATER),
    ("server_error", _T, "the provider failed", _LATER),
    ("internal_failure", _T, "the provider failed", _LATER),
    ("slow_down", _R, "the provider asks for fewer requests", _LATER),
    ("rate_limit_exceeded", _R, "too many requests for this application", _LATER),
)  # fmt: skip
"""By the ``error`` of the answer, whoever sent it."""

GOOGLE: Final = _rows(
    ("invalid_rapt", _U, "the organisation's session control wants a fresh sign-in", _SIGN_IN),
    ("admin_policy_enforced", _A, "the organisation restricts which applications may read mail",
     "Admin console > Security > API controls > Manage app access: mark the client id as trusted"),
    ("org_internal", _A, "the application is for its own organisation's users alone",
     "sign in with a user of that organisation, or make the consent screen External"),
    ("Invalid JWT Signature.", _O, "the service account's key is not valid (any more)",
     "make a new JSON key and let client_secret of [oauth.{app}] name it"),
    ("Invalid email or User ID", _O, "the organisation has no such user",
     "correct the address of mailbox {mailbox}"),
    ("Client is unauthorized to retrieve access tokens using this method", _O,
     "domain-wide delegation is missing, or lacks a scope",
     ("Admin console > Security > API controls > Domain-wide delegation: add the client id with"
     " the scopes; it may take a day to spread")),
    ("Invalid JWT: Token must be a short-lived token", _C, "this machine's clock is off",
     "set the clock: timedatectl set-ntp true"),
)  # fmt: skip
"""By ``error_subtype``, ``error``, or the beginning of the description."""

_GONE: Final = "the sign-in has ended"
_MORE: Final = "the organisation wants the user to do more to sign in"
_POLICY: Final = "the organisation's Conditional Access policy forbids it"
_ALLOW: Final = "let the administrator look at the sign-in log in Entra and allow the application"
_CONSENT: Final = "the organisation has not consented to the application"
_GRANT: Final = "Entra > Enterprise applications > the application > Permissions: Grant consent"

_MICROSOFT: Final[tuple[tuple[str, Fault, str, str], ...]] = (
    ("50033 50087 50088 40010 70012 90006 90012 90024 90033", _T, ("Microsoft is not available"
     " for now"), _LATER),
    ("80002 90090 90091", _T, "Microsoft could not reach the organisation's directory", _LATER),
    ("90055 50196", _R, "Microsoft asks for fewer requests", _LATER),
    ("70000 70008 50089", _U, "the sign-in has expired", _SIGN_IN),
    ("700082", _U, "the sign-in was not used for 90 days and has ended", _SIGN_IN),
    ("700084", _U, "the sign-in had a fixed life, which is over", _SIGN_IN),
    ("70043", _U, "the organisation's sign-in frequency policy wants a fresh sign-in", _SIGN_IN),
    ("50173", _U, f"{_GONE}: the password was changed, or an administrator revoked it", _SIGN_IN),
    ("50132 50133", _U, f"{_GONE}: the password was changed or has expired", _SIGN_IN),
    ("50072 50074 50076 50078 50079 50158", _U, f"{_MORE} (multi-factor)", _SIGN_IN),
    ("50097", _U, f"{_MORE} (a registered device)", _SIGN_IN),
    ("50126", _U, "the user name or the password is wrong", _SIGN_IN),
    ("50055", _U, "the user's password has expired", "change it, then: eisd auth login {mailbox}"),
    ("65001 90094 90095", _A, _CONSENT, _GRANT),
    ("65004", _A, "the user declined to consent", "sign in and accept, or: " + _GRANT),
    ("53000 53001", _A, f"{_POLICY}: it wants a managed device", _ALLOW),
    ("53003 530032 530035", _A, f"{_POLICY}; some forbid the device code alone",
     "try eisd auth login {mailbox} --browser; else " + _ALLOW),
    ("50105", _A, "the user is not assigned to the application",
     "Entra > Enterprise applications > the application > Users and groups: add the user"),
    ("50057", _A, "the user is disabled", "let the administrator enable the user"),
    ("50034", _A, "the directory has no such user", ("sign in with a user of this tenant, or"
     " correct the tenant of [oauth.{app}]")),
    ("50053", _A, "the user is locked after too many wrong passwords", ("wait, or let the"
     " administrator unlock the user; then: eisd auth login {mailbox}")),
    ("50020", _A, "the user belongs to another directory", "correct the tenant of [oauth.{app}]"),
    ("700016", _O, "the directory does not know the application",
     "compare client_id and tenant of [oauth.{app}] with the registration"),
    ("7000215", _O, "the client secret is wrong", ("put the secret's value, not its id, where"
     " client_secret of [oauth.{app}] points")),
    ("7000222", _O, "the client secret has expired", ("make a new one under Certificates &"
     " secrets and put it where client_secret of [oauth.{app}] points")),
    ("7000218", _O, "the application is no public client and showed no secret",
     "Authentication > Allow public client flows: Yes; or give client_secret in [oauth.{app}]"),
    ("700025", _O, "a public client showed a secret", "remove client_secret from [oauth.{app}]"),
    ("700027", _O, "the certificate or the key of the application is not valid",
     "compare it with the registration"),
    ("70001 7000112", _O, "the application is disabled or not known", "look at its registration"),
    ("650057 70011", _O, "the registration lacks a permission that is asked for",
     "API permissions: add what eisd auth login {mailbox} lists"),
    ("700022", _O, "the scopes belong to two resources", "correct the scopes of [oauth.{app}]"),
    ("50194", _O, "the application is for one directory alone", "set tenant in [oauth.{app}]"),
    ("50011", _O, "the redirect address is not registered", ("Authentication > Mobile and desktop"
     " applications: add http://localhost")),
    ("90002 9001023", _O, "there is no such tenant, or it cannot be used here",
     "correct the tenant of [oauth.{app}]"),
    ("50013 500133 700024", _C, "this machine's clock is off",
     "set the clock: timedatectl set-ntp true"),
)  # fmt: skip

MICROSOFT: Final = {
    code: Meaning(code, fault, what, remedy)
    for codes, fault, what, remedy in _MICROSOFT
    for code in codes.split()
}
"""By the number after AADSTS."""

MICROSOFT_SUBERRORS: Final = _rows(
    ("bad_token", _U, _GONE, _SIGN_IN),
    ("token_expired", _U, _GONE, _SIGN_IN),
    ("basic_action", _U, _MORE, _SIGN_IN),
    ("additional_action", _U, _MORE, _SIGN_IN),
    ("user_password_expired", _U, "the user's password has expired", _SIGN_IN),
    ("consent_required", _A, _CONSENT, _GRANT),
    ("message_only", _A, "the organisation forbids it", _ALLOW),
)
"""By ``suberror``, where the number says nothing."""

VENDOR: Final = {"google": GOOGLE, "microsoft": {**MICROSOFT_SUBERRORS, **MICROSOFT}}
"""What each provider's own codes mean."""
