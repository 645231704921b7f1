"""Alerts reach real servers, and one that does not costs the others nothing."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator

import pytest

from sync_pipeline.errors import ConfigurationError, DeliveryError
from sync_pipeline.model.alert import Alert
from sync_pipeline.notify import mail, webhook
from sync_pipeline.notify.channel import Channel
from sync_pipeline.notify.delivery import deliver
from sync_pipeline.notify.mail import Mail, MailServer
from sync_pipeline.notify.webhook import SlackWebhook, Webhook
from sync_pipeline.settings import Settings, SmtpTls
from workbench.benches.alerts_bench import channels_of
from workbench.benches.command import Command
from workbench.servers.inboxes import MailInbox, WebInbox, mail_inbox, web_inbox
from workbench.servers.mysql_faults import Authority, authority
from workbench.servers.running import free_port

ALERT = Alert("sync_pipeline: 1 overdue", "- <!channel> & 数据库\n", {"event": "freshness"})
TOKEN = "T0K3N-in-the-path"


@pytest.fixture
def web() -> Iterator[WebInbox]:
    with web_inbox() as inbox:
        yield inbox


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("tls") / "mail", "127.0.0.1")


def context(own: Authority) -> ssl.SSLContext:
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(own.certificate, own.key)
    return made


def to(inbox: MailInbox, tls: SmtpTls = SmtpTls.NONE, password: str = "") -> Mail:
    server = MailServer("127.0.0.1", inbox.port, tls, "watch" if password else "", password)
    return Mail(server, "sync@example.net", ("dba@example.net", "ops@example.net"))


def failure(channel: Channel) -> str:
    with pytest.raises(DeliveryError) as caught:
        channel.send(ALERT)
    assert TOKEN not in f"{caught.value} {caught.value!r} {channel!r} {caught.value.__cause__}"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


def test_a_webhook_gets_json(web: WebInbox) -> None:
    Webhook(f"{web.url}/{TOKEN}").send(ALERT)
    assert web.posted == [
        {"event": "freshness", "subject": ALERT.subject, "text": ALERT.text},
    ]
    assert web.paths == [f"/{TOKEN}"]


def test_slack_gets_a_text_that_mentions_nobody(web: WebInbox) -> None:
    SlackWebhook(f"{web.url}/{TOKEN}").send(ALERT)
    # Nothing more: Google Chat and others refuse what they don't know.
    assert web.posted == [{"text": "*sync_pipeline: 1 overdue*\n- &lt;!channel&gt; &amp; 数据库\n"}]


def test_no_name_is_a_link_in_mattermost(web: WebInbox) -> None:
    alert = Alert("s", "- [high] db, [bill](http://evil.example) _@channel: gained superuser", {})
    SlackWebhook(f"{web.url}/{TOKEN}").send(alert)
    text = "- [high] db, [bill]\u2060(http://evil.example) _@\u2060channel: gained superuser"
    assert web.posted == [{"text": f"*s*\n{text}"}]


@pytest.mark.parametrize(
    ("url", "is_its_own"),
    [
        ("https://hooks.slack.com/services/x", True),
        ("https://hooks.slack-gov.com/services/x", True),
        ("https://chat.example/hooks.slack.com", False),
        ("https://notslack.com/x", False),
        ("https://hooks.slack.com.evil.example/x", False),
    ],
)
def test_slack_itself_gets_blocks_in_which_nothing_is_markup(url: str, is_its_own: bool) -> None:
    assert webhook.is_slack(url) is is_its_own
    payload = webhook.slack_payload(ALERT, has_blocks=is_its_own)
    if not is_its_own:
        assert set(payload) == {"text"}
        return
    (block,) = payload["blocks"]
    text = "sync_pipeline: 1 overdue\n- <!channel> & 数据库"
    assert block["text"] == {"type": "plain_text", "text": text, "emoji": False}


@pytest.mark.parametrize("status", [302, 404, 429, 500])
def test_an_answer_that_is_no_success_is_a_failure(web: WebInbox, status: int) -> None:
    web.status = status
    message = failure(Webhook(f"{web.url}/{TOKEN}"))
    assert f"127.0.0.1 answered with the HTTP status {status}" in message
    assert len(web.posted) == 1


def test_a_webhook_that_can_t_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = failure(SlackWebhook(f"http://127.0.0.1:{free_port()}/{TOKEN}"))
    assert "ConnectionRefusedError" in refused
    monkeypatch.setattr(webhook, "SECONDS_TO_ANSWER", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert "TimeoutError" in failure(Webhook(f"http://127.0.0.1:{port}/{TOKEN}"))


def test_a_mail_is_handed_in() -> None:
    with mail_inbox() as inbox:
        to(inbox).send(ALERT)
    (found,) = inbox.mails
    assert found["Subject"] == ALERT.subject
    assert (found["From"], found["To"]) == ("sync@example.net", "dba@example.net, ops@example.net")
    assert found.get_content().replace("\r\n", "\n") == ALERT.text
    assert inbox.recipients == [["dba@example.net", "ops@example.net"]]
    assert inbox.encrypted == [False]


def test_a_mail_over_starttls_with_a_login(
    trusted: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted.ca))
    with mail_inbox(context(trusted)) as inbox:
        to(inbox, SmtpTls.STARTTLS, "right").send(ALERT)
        wrong = failure(to(inbox, SmtpTls.STARTTLS, TOKEN))
    assert f"the mail server 127.0.0.1:{inbox.port} answered with the code 535" in wrong
    assert (inbox.encrypted, inbox.logins[0]) == ([True], ("watch", "right"))


def test_a_mail_over_tls_from_the_first_byte(
    trusted: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mail_inbox(context(trusted), implicit=True) as inbox:
        assert "SSLCertVerificationError" in failure(to(inbox, SmtpTls.TLS))
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted.ca))
        to(inbox, SmtpTls.TLS).send(ALERT)
    assert len(inbox.mails) == 1


def test_a_mail_never_goes_without_the_tls_that_is_set() -> None:
    with mail_inbox() as inbox:
        assert "lacks what TLS or login needs" in failure(to(inbox, SmtpTls.STARTTLS, TOKEN))
    assert (inbox.mails, inbox.logins) == ([], [])


def test_an_address_that_is_refused_keeps_the_others_none_of_theirs() -> None:
    with mail_inbox() as inbox:
        inbox.refused = {"ops@example.net"}
        to(inbox).send(ALERT)
        assert inbox.recipients == [["dba@example.net"]]
        inbox.refused.add("dba@example.net")
        assert "refused every address" in failure(to(inbox))
        inbox.refused.clear()
        inbox.answer = "451 later"
        assert "code 451" in failure(to(inbox))


def test_a_mail_server_that_can_t_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "ConnectionRefusedError" in failure(to(MailInbox(free_port())))
    monkeypatch.setattr(mail, "SECONDS_TO_ANSWER", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert "SMTPServerDisconnected" in failure(to(MailInbox(silent.getsockname()[1])))


class Broken:
    """A channel with a defect."""

    name = "broken"

    def send(self, alert: Alert) -> None:
        raise ZeroDivisionError(TOKEN)


def test_no_channel_waits_for_another(web: WebInbox) -> None:
    with web_inbox() as slow:
        slow.seconds = 4
        channels: list[Channel] = [Webhook(slow.url), Broken(), SlackWebhook(web.url)]
        started = time.monotonic()
        found = deliver([(channel, ALERT) for channel in channels], seconds=2)
        assert time.monotonic() - started < 3.9
    assert [item.channel for item in found] == ["webhook", "broken", "slack"]
    late, broken, sent = (item.error for item in found)
    assert "took longer than 2 seconds" in str(late)
    assert "an unexpected ZeroDivisionError" in str(broken)
    assert TOKEN not in str(broken)
    assert sent is None
    assert len(web.posted) == 1


def test_only_channels_that_are_set_are_used() -> None:
    assert channels_of(Settings()) == ()
    every = Settings(
        alert_webhook_url="https://a.example/x",
        alert_slack_url="https://b.example/y",
        alert_email_to=("a@example.net",),
        alert_email_from="b@example.net",
    )
    assert [item.name for item in channels_of(every)] == ["webhook", "slack", "email"]


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("ALERT_WEBHOOK_URL", f"ftp://host/{TOKEN}", "begins with https"),
        ("ALERT_WEBHOOK_URL", f"https:///{TOKEN}", "begins with https"),
        ("ALERT_SLACK_URL", f"https://host:port/{TOKEN}", "begins with https"),
        ("ALERT_SLACK_URL", f"https://{TOKEN}@host/", "begins with https"),
        ("ALERT_SLACK_URL", f"https://host/ {TOKEN}", "begins with https"),
        ("ALERT_EMAIL_TO", "a@b.example, nobody", "'nobody' is not an e-mail address"),
        ("ALERT_EMAIL_FROM", "a@b\nBcc: c@d", "is not an e-mail address"),
        ("ALERT_EMAIL_TO", "a@b.example", "SYNC_PIPELINE_ALERT_EMAIL_FROM must be set"),
        ("ALERT_SMTP_PASSWORD", TOKEN, "SYNC_PIPELINE_ALERT_SMTP_USERNAME must be set"),
        ("ALERT_SMTP_TLS", "maybe", "SMTP_TLS"),
        ("FRESHNESS_CATEGORIES", '["aggregation"]', "FRESHNESS_CATEGORIES"),
    ],
)
def test_a_wrong_setting_is_named_without_its_secret(
    variable: str, value: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"SYNC_PIPELINE_{variable}", value)
    with pytest.raises(ConfigurationError, match=reason) as caught:
        Settings.load()
    assert TOKEN not in str(caught.value)


def test_the_secrets_of_alerts_are_in_no_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WEBHOOK_URL", "SLACK_URL"):
        monkeypatch.setenv(f"SYNC_PIPELINE_ALERT_{name}", f"https://host.example/{TOKEN}")
    monkeypatch.setenv("SYNC_PIPELINE_ALERT_SMTP_USERNAME", "watch")
    monkeypatch.setenv("SYNC_PIPELINE_ALERT_SMTP_PASSWORD", TOKEN)
    monkeypatch.setenv("SYNC_PIPELINE_ALERT_EMAIL_TO", "a@b.example, c@d.example,")
    monkeypatch.setenv("SYNC_PIPELINE_ALERT_EMAIL_FROM", "e@f.example")
    settings = Settings.load()
    assert settings.alert_email_to == ("a@b.example", "c@d.example")
    assert TOKEN not in f"{settings!r} {channels_of(settings)!r}"


def test_a_person_tries_the_channels(
    command: Command, web: WebInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "No channel for alerts is set" in command.wrong("alerts", "test")
    monkeypatch.setenv("SYNC_PIPELINE_ALERT_WEBHOOK_URL", f"{web.url}/hook")
    monkeypatch.setenv("SYNC_PIPELINE_ALERT_SLACK_URL", f"{web.url}/slack")
    assert command.ok("alerts", "test").out == "webhook: sent\nslack: sent\n"
    assert [item.get("event") for item in web.posted].count("test") == 1
    monkeypatch.setenv("SYNC_PIPELINE_ALERT_SLACK_URL", f"http://127.0.0.1:{free_port()}/c4nary")
    said = command.run("alerts", "test")
    assert said.status == 1
    first, second = said.out.splitlines()
    assert first == "webhook: sent"
    assert second.startswith("slack: The alert was not sent to slack: 127.0.0.1 could not be")
