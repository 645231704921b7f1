"""The channels that the settings name."""

from __future__ import annotations

from sync_pipeline.notify.channel import Channel
from sync_pipeline.notify.mail import Mail, MailServer
from sync_pipeline.notify.webhook import SlackWebhook, Webhook
from sync_pipeline.settings import Settings


def channels_of(settings: Settings) -> tuple[Channel, ...]:
    """Return every channel that is set; none where alerts are not wanted."""
    found: list[Channel] = []
    is_relaxed = settings.relaxed_certificates
    if settings.alert_webhook_url:
        found.append(Webhook(settings.alert_webhook_url, is_relaxed=is_relaxed))
    if settings.alert_slack_url:
        found.append(SlackWebhook(settings.alert_slack_url, is_relaxed=is_relaxed))
    if settings.alert_email_to:
        server = mail_server_of(settings)
        found.append(Mail(server, settings.alert_email_from, settings.alert_email_to))
    return tuple(found)


def mail_server_of(settings: Settings) -> MailServer:
    """Return where mail is handed in."""
    return MailServer(
        settings.alert_smtp_host,
        settings.alert_smtp_port,
        settings.alert_smtp_tls,
        settings.alert_smtp_username,
        settings.alert_smtp_password,
        is_relaxed=settings.relaxed_certificates,
    )
