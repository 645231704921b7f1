"""URLs, addresses and time zones of the settings: what libraries take, and what they would mend."""

from __future__ import annotations

from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.settings import Settings


def is_taken(name: str, value: str, patch: pytest.MonkeyPatch) -> bool:
    with patch.context() as only:
        only.setenv("SYNC_PIPELINE_ALERT_EMAIL_FROM", "sync@example.net")
        only.setenv(f"SYNC_PIPELINE_{name}", value)
        try:
            Settings.load()
        except ConfigurationError as error:
            return f"SYNC_PIPELINE_{name}" not in str(error)
    return True


@pytest.mark.parametrize(
    ("url", "is_right"),
    [
        ("https://hooks.example.net/x?y=@z#w", True),
        ("HTTP://localhost:9000", True),
        ("https://[::1]:8443/x", True),
        ("https://münchen.example/x", True),
        (f"https://a.example/{'x' * 4000}", True),
        ("https:///host/x", False),
        ("https:host/x", False),
        ("https://host:99999/", False),
        ("https://host:0/", False),
        ("https://1.2.3.999/", False),
        ("https://xn--/", False),
        ("https://[::1/", False),
        ("https://good.example\\@evil.example/", False),
        ("https://good.example\u200b.evil/", False),
        ("https://@host/", False),
        ("https://host/a b", False),
        ("file:///etc/passwd", False),
    ],
)
def test_the_url_of_a_webhook(url: str, is_right: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_taken("ALERT_WEBHOOK_URL", url, monkeypatch) is is_right


@pytest.mark.parametrize(
    ("address", "is_right"),
    [
        ("root@localhost", True),
        # Domains that are of one network alone: EmailStr of pydantic refuses them.
        ("dba@mail.local", True),
        ("dba@mail.internal", True),
        ("dba+alerts@[192.0.2.1]", True),
        ("用户@例.example", True),
        ("a@b@c.example", False),
        ("DBA<a@b.example>", False),
        ("(DBA)a@b.example", False),
        ("a@b.example;c@d.example", False),
        ("@b.example", False),
        ("a@", False),
        ("(" * 5000 + "@b.example", False),
    ],
)
def test_an_address_for_mail(address: str, is_right: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_taken("ALERT_EMAIL_TO", address, monkeypatch) is is_right


@given(st.from_regex(r"[a-c.@<>():;\"\[\]\\=é-]{1,12}", fullmatch=True))
def test_an_address_that_is_taken_is_one_in_a_mail(text: str) -> None:
    """By another way: a mail to it has one recipient, who is exactly that one."""
    try:
        settings = Settings(alert_email_from=text)
    except ValueError:
        return
    mail = EmailMessage()
    mail["To"] = settings.alert_email_from
    assert [item.addr_spec for item in mail["To"].addresses] == [text]


@pytest.mark.parametrize(
    ("zone", "is_right"),
    [
        ("Europe/Berlin", True),
        ("Etc/GMT+5", True),
        ("America", False),
        ("../UTC", False),
        ("/etc/passwd", False),
        ("zone.tab", False),
        ("+02:00", False),
        ("x" * 300, False),
        ("", False),
    ],
)
def test_a_time_zone(zone: str, is_right: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_taken("TIME_ZONE", zone, monkeypatch) is is_right
