"""The routes and rules that are in force: of the file of alerts, or those by default."""

from __future__ import annotations

from collections.abc import Iterator

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.route import Alerting, ChannelKind, Route
from sync_pipeline.notify.matching import default_rules
from sync_pipeline.settings import Settings
from sync_pipeline.workflows.answers.rule_files import read_rule_file


def alerting_of(settings: Settings) -> Alerting:
    """Return what is in force.

    Raises:
        ConfigurationError: the file can't be read or is not valid.
    """
    given = tuple(_given(settings))
    path = settings.alerts_file
    if path is None:
        return Alerting(given, default_rules(tuple(item.name for item in given)))
    # Not before there is a file: reading it needs more than what is needed without.
    from sync_pipeline.workflows.news.rule_file import parse_alerts  # noqa: PLC0415

    found = parse_alerts(read_rule_file(path, "SYNC_PIPELINE_ALERTS_FILE"), str(path), given)
    known = {item.channel for item in given}
    for route in found.routes:
        _require_a_place(route, known, settings)
    return found


def _given(settings: Settings) -> Iterator[Route]:
    """Yield the routes that the settings make; each is called as its channel."""
    if settings.alert_webhook_url:
        yield Route(str(ChannelKind.WEBHOOK), ChannelKind.WEBHOOK)
    if settings.alert_slack_url:
        yield Route(str(ChannelKind.SLACK), ChannelKind.SLACK)
    if settings.alert_email_to:
        yield Route(str(ChannelKind.EMAIL), ChannelKind.EMAIL)


def _require_a_place(route: Route, known: set[ChannelKind], settings: Settings) -> None:
    if not (route.url or route.to or route.channel in known):
        variable = "EMAIL_TO" if route.channel is ChannelKind.EMAIL else f"{route.channel}_url"
        key = "to" if route.channel is ChannelKind.EMAIL else "url"
        raise ConfigurationError(
            f"The file {settings.alerts_file} says of the route {route.name!r} not where it leads.",
            hint=f"Give it `{key}`, or set SYNC_PIPELINE_ALERT_{variable.upper()}.",
        )
    if route.to and not settings.alert_email_from:
        raise ConfigurationError(
            f"The route {route.name!r} of the file {settings.alerts_file} has no sender.",
            hint="Set SYNC_PIPELINE_ALERT_EMAIL_FROM.",
        )
