"""What is known of each OAuth provider, as data: endpoints, scopes, what to register, when it ends.

`eisd.wire.oauth` speaks the protocol and knows no provider by name; [oauth.NAME] in the
configuration names one of `PROVIDERS` and may override its addresses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider. ``{tenant}`` in an address is the application's directory."""

    name: str
    title: str
    authorize_url: str
    token_url: str
    device_url: str
    revoke_url: str
    """Empty: this provider lets no application revoke a sign-in."""
    mail_scopes: tuple[str, ...]
    """All of these must be granted, or the mailbox cannot be used."""
    person_scopes: tuple[str, ...]
    """Asked for beside them when a person signs in: who it is, and a refresh token."""
    own_scopes: tuple[str, ...]
    """Asked for when the application itself, or its service account, is trusted."""
    authorize_params: Mapping[str, str]
    redirect_host: str
    """The loopback name to register; any port is right (RFC 8252 section 7.3)."""
    device_refusal: str
    """Why signing in by device code cannot work; empty when it can."""
    default_tenant: str
    wants_secret: bool
    """Whether an application that a person signs in to must show a client secret."""
    scope_on_refresh: bool
    """Whether a refresh has to name its scopes: a token is for one resource alone."""
    idle_days: int
    """A sign-in that nobody uses for so long ends."""
    testing_days: int
    """One made while the application is in testing ends so soon; 0: there is no such mode."""
    personal_tenant: str
    """The value of ``tid`` in an id token that means a personal user."""
    personal_note: str
    """What the user of a personal mailbox has to know."""
    revoke_page: str
    """Where a person takes the permission back."""
    register: Mapping[str, tuple[str, ...]] = field(repr=False)
    """What the operator registers, line by line, for each flow."""


GOOGLE: Final = Provider(
    name="google",
    title="Google",
    authorize_url="https://accounts.google.com/o/oauth2/v2/auth",
    token_url="https://oauth2.googleapis.com/token",  # noqa: S106 - an address
    device_url="https://oauth2.googleapis.com/device/code",
    revoke_url="https://oauth2.googleapis.com/revoke",
    mail_scopes=("https://mail.google.com/",),
    person_scopes=("openid", "email"),
    own_scopes=("https://mail.google.com/",),
    # Without the consent page a second sign-in brings no refresh token.
    authorize_params={"access_type": "offline", "prompt": "consent"},
    redirect_host="127.0.0.1",
    device_refusal="Google gives no mail scope to devices; use --browser, or --paste over SSH",
    default_tenant="",
    wants_secret=True,
    scope_on_refresh=False,
    idle_days=180,
    testing_days=7,
    personal_tenant="",
    personal_note="",
    revoke_page="https://myaccount.google.com/permissions",
    register={
        "user": (
            "Google Cloud console > APIs & Services: enable the Gmail API",
            (
                "OAuth consent screen: Internal (Workspace), or External and then published:"
                " while it is in testing, every sign-in ends after 7 days"
            ),
            (
                "Credentials > Create > OAuth client ID > Desktop app; put its id and secret into"
                " the configuration"
            ),
        ),
        "service_account": (
            (
                "Google Cloud console > IAM > Service accounts: create one, and a JSON key for it;"
                " client_secret names that file"
            ),
            (
                "Admin console > Security > API controls > Domain-wide delegation: add the service"
                " account's client id with the scopes below"
            ),
        ),
    },
)

MICROSOFT: Final = Provider(
    name="microsoft",
    title="Microsoft",
    authorize_url="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize",
    token_url="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",  # noqa: S106
    device_url="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/devicecode",
    revoke_url="",
    mail_scopes=(
        "https://outlook.office.com/IMAP.AccessAsUser.All",
        "https://outlook.office.com/SMTP.Send",
    ),
    person_scopes=("offline_access", "openid", "email", "profile"),
    own_scopes=("https://outlook.office365.com/.default",),
    authorize_params={"prompt": "select_account"},
    redirect_host="localhost",
    device_refusal="",
    default_tenant="common",
    wants_secret=False,
    scope_on_refresh=True,
    idle_days=90,
    testing_days=0,
    personal_tenant="9188040d-6c67-4c5b-b112-36a304b66dad",
    personal_note="a personal Outlook.com mailbox: IMAP must be switched on in its settings,"
    " Mail > Forwarding and IMAP",
    revoke_page="https://myapps.microsoft.com",
    register={
        "user": (
            "Entra admin center > App registrations > New registration",
            (
                "Authentication > Add a platform > Mobile and desktop applications:"
                " redirect URI http://localhost; for --device also Allow public client flows: Yes"
            ),
            (
                "API permissions > Microsoft Graph > Delegated: IMAP.AccessAsUser.All, SMTP.Send,"
                " offline_access, openid, email, profile; then Grant admin consent"
            ),
        ),
        "client_credentials": (
            (
                "Entra admin center > App registrations > New registration; Certificates & secrets:"
                " a client secret"
            ),
            (
                "API permissions > Office 365 Exchange Online > Application: IMAP.AccessAsApp,"
                " SMTP.SendAsApp; then Grant admin consent"
            ),
            (
                "Exchange PowerShell: New-ServicePrincipal -AppId ID -ObjectId OBJECT (of the"
                " Enterprise application), Add-MailboxPermission -Identity BOX -User OBJECT"
                " -AccessRights FullAccess"
            ),
        ),
    },
)

PROVIDERS: Final[Mapping[str, Provider]] = {one.name: one for one in (GOOGLE, MICROSOFT)}
"""Every provider by the name that [oauth.NAME] gives."""
