"""What an application of [oauth.NAME] cannot do without."""

from __future__ import annotations

from pathlib import Path

import pytest

from eisd.config.load import check

GOOGLE = '[oauth.a]\nprovider = "google"\nclient_id = "i"\n'
MICROSOFT = '[oauth.a]\nprovider = "microsoft"\nclient_id = "i"\n'
SECRET = 'client_secret = { env = "S" }\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOGLE, []),
        (GOOGLE + 'flow = "service_account"\n', ["needs a client_secret"]),
        (GOOGLE + SECRET + 'flow = "service_account"\n', []),
        (MICROSOFT + SECRET + 'flow = "client_credentials"\n', ["needs a tenant"]),
        (MICROSOFT + SECRET + 'flow = "client_credentials"\ntenant = "t.example"\n', []),
        (GOOGLE + 'flow = "client_credentials"\n', ["Microsoft's alone"]),
        (GOOGLE + 'token_url = "http://login.example.org/t"\n', ["want https"]),
        (GOOGLE + 'revoke_url = "http://127.0.0.1:1/r"\nscopes = ["x"]\n', []),
    ],
)
def test_an_application_is_checked(tmp_path: Path, text: str, words: list[str]):
    """Each mistake is told where it stands, before anybody tries to sign in."""
    config = tmp_path / "config.toml"
    config.write_text(text)
    told = [problem.message for problem in check(config)]
    assert len(told) == len(words), told
    assert all(word in message for word, message in zip(words, told, strict=True))
