"""The channel of each route."""

from __future__ import annotations

from collections.abc import Callable

from sync_pipeline.errors import ConfigurationError, DeliveryError
from sync_pipeline.model.route import ChannelKind, Route
from sync_pipeline.model.secret import Secret
from sync_pipeline.notify.channel import Channel, Unusable, cause_of
from sync_pipeline.notify.mail import Mail, MailServer, greet
from sync_pipeline.notify.signed import DingTalk, Feishu
from sync_pipeline.notify.teams import Teams
from sync_pipeline.notify.webhook import SlackWebhook, Webhook
from sync_pipeline.settings import Settings, is_web

Resolve = Callable[[str], Secret]
"""Returns the secret that a reference names; raises ConfigurationError where there is none."""


def channel_of(route: Route, settings: Settings, resolve: Resolve) -> Channel:
    """Return the channel of a route; one that can't be used says so when it is to send."""
    if route.channel is ChannelKind.EMAIL:
        return _mail(route, settings)
    try:
        url = _url(route, settings, resolve)
        secret = resolve(route.secret).reveal() if route.secret else ""
    except ConfigurationError as error:
        return Unusable(route.name, error.message.rstrip("."))
    if not is_web(url):
        return Unusable(route.name, "its URL does not begin with https:// or http:// and a host")
    return _posting(route, url, secret, is_relaxed=settings.relaxed_certificates)


def reach_of(route: Route, settings: Settings, resolve: Resolve) -> None:
    """Connect to where a route leads, and send it nothing.

    Raises:
        ConfigurationError: its secret is not there, or its URL is none.
        DeliveryError: it is not reached, or is not whom its certificate has to name.
    """
    # It loads requests.
    from sync_pipeline.notify.posting import touch  # noqa: PLC0415

    def failed(what: str) -> DeliveryError:
        return DeliveryError(f"It is not reached: {what}.", hint="Correct it, or mend its server.")

    if route.channel is ChannelKind.EMAIL:
        greet(mail_server_of(settings), failed)
        return
    url = _url(route, settings, resolve)
    if route.secret:
        resolve(route.secret)
    if not is_web(url):
        raise failed("its URL does not begin with https:// or http:// and a host")
    try:
        touch(url, is_relaxed=settings.relaxed_certificates)
    except (OSError, ValueError) as error:
        raise failed(cause_of(error)) from None


def _posting(route: Route, url: str, secret: str, *, is_relaxed: bool) -> Channel:
    name = route.name
    match route.channel:
        case ChannelKind.SLACK:
            return SlackWebhook(url, name, is_relaxed)
        case ChannelKind.TEAMS:
            return Teams(url, name, is_relaxed)
        case ChannelKind.FEISHU:
            return Feishu(url, secret, name, is_relaxed)
        case ChannelKind.DINGTALK:
            return DingTalk(url, secret, name, is_relaxed)
        case _:
            return Webhook(url, name, is_relaxed)


def _url(route: Route, settings: Settings, resolve: Resolve) -> str:
    if route.url:
        return resolve(route.url).reveal()
    is_slack = route.channel is ChannelKind.SLACK
    return settings.alert_slack_url if is_slack else settings.alert_webhook_url


def _mail(route: Route, settings: Settings) -> Mail:
    to = route.to or settings.alert_email_to
    return Mail(mail_server_of(settings), settings.alert_email_from, to, route.name)


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
