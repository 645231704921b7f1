"""What tests of alerts share: the channels of settings, routes that tests hear, and their look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.model.alert import Alert
from sync_pipeline.model.event import Event
from sync_pipeline.model.route import Alerting, ChannelKind, Route
from sync_pipeline.model.session import SyncCategory
from sync_pipeline.notify.channel import Channel, not_sent
from sync_pipeline.notify.channels import channel_of
from sync_pipeline.notify.delivery import Delivery
from sync_pipeline.notify.matching import default_rules
from sync_pipeline.settings import Settings
from sync_pipeline.store.events.rows import write_events
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.news.rules import alerting_of
from sync_pipeline.workflows.news.telling import tell_news
from sync_pipeline.workflows.watching.freshness import check_freshness

PREFIX = "sync_pipeline: "


@dataclass
class Ear:
    """A channel that keeps what it hears, while it works."""

    name: str
    works: bool = True
    is_refused: bool = True
    wait_seconds: float = 0
    heard: list[Alert] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)

    def send(self, alert: Alert) -> None:
        self.tried.append(alert.key)
        if not self.works:
            wait = self.wait_seconds
            raise not_sent(self.name, "it is away", is_refused=self.is_refused, wait_seconds=wait)
        self.heard.append(alert)

    @property
    def subjects(self) -> list[str]:
        return [alert.subject.removeprefix(PREFIX) for alert in self.heard]


def channels_of(settings: Settings) -> tuple[Channel, ...]:
    """Return the channels of the routes that settings name."""
    resolve = SecretVault.open(settings).resolve
    return tuple(channel_of(route, settings, resolve) for route in alerting_of(settings).routes)


def by_default(ears: Iterable[Ear]) -> Alerting:
    """Return routes to these, with the rules that hold without a file."""
    routes = tuple(Route(ear.name, ChannelKind.WEBHOOK) for ear in ears)
    return Alerting(routes, default_rules(tuple(route.name for route in routes)))


def tell(deps: SyncDeps, *ears: Ear, alerting: Alerting | None = None) -> tuple[Delivery, ...]:
    """Tell the news as the daemon does."""
    channels: dict[str, Channel] = {ear.name: ear for ear in ears}
    return tell_news(deps, alerting or by_default(ears), channels)


def look(
    deps: SyncDeps,
    limits: Mapping[SyncCategory, timedelta],
    *ears: Ear,
    muted: Iterable[int] = (),
) -> tuple[int, tuple[Delivery, ...]]:
    """Look as the daemon does: at what is overdue, and tell the news."""
    overdue = check_freshness(deps, limits, frozenset(muted))
    return overdue, tell(deps, *ears)


def happen(store: Store, *found: Event) -> None:
    """Write events as a sync does."""
    with store._database.write() as connection:
        write_events(connection, found)
