"""Random histories of events and of channels that fail in every way, against a plain model.

What a route heard must follow from what happened and from what its channel did, whatever the
outbox remembers: nothing is missing, only what may have arrived comes twice, and all in its order.
"""

from __future__ import annotations

import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from sync_pipeline.errors import StoreUnavailable
from sync_pipeline.model.alert import Alert
from sync_pipeline.model.event import Event, EventKind
from sync_pipeline.model.finding import Severity
from sync_pipeline.model.route import Alerting, ChannelKind, Match, Route, Rule, Timing
from sync_pipeline.notify.channel import Channel, not_sent
from sync_pipeline.store.events.outbox import OutboxStore
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.news.rule_file import timing_of
from sync_pipeline.workflows.news.telling import tell_news
from workbench.benches.alerts_bench import happen
from workbench.benches.watch_bench import WatchBench

STEPS = 40
ROUTES = {"all": Severity.INFO, "bad": Severity.HIGH, "digest": Severity.INFO}


@dataclass
class Fickle:
    """A channel that takes messages, refuses them, or loses them or its own answer."""

    name: str
    chance: random.Random
    is_mended: bool = False
    is_noted: bool = True
    taken: list[Alert] = field(default_factory=list)
    doubtful: set[str] = field(default_factory=set)

    def send(self, alert: Alert) -> None:
        what = "taken" if self.is_mended else self.chance.choice(["taken", "taken", *WAYS])
        if what in ("taken", "answer lost"):
            self.taken.append(alert)
        if what in ("answer lost", "lost") or not self.is_noted:
            self.doubtful.add(alert.key)
        if what in ("answer lost", "lost"):
            raise not_sent(self.name, "nobody knows")
        if what == "refused":
            raise not_sent(self.name, "no", is_refused=True)

    def heard(self) -> list[tuple[str, str]]:
        return [
            (event["subject"], alert.key)
            for alert in self.taken
            for event in alert.payload["events"]
        ]


WAYS = ["refused", "lost", "answer lost"]


def alerting() -> Alerting:
    timings = {"digest": timing_of("hourly")}
    routes = tuple(
        Route(name, ChannelKind.WEBHOOK, timing=timings.get(name, Timing()), most_lines=100)
        for name in ROUTES
    )
    rules = tuple(Rule(name, Match(severity=least), (name,)) for name, least in ROUTES.items())
    return Alerting(routes, rules)


@dataclass
class World:
    """A store, its channels, and what happened."""

    bench: WatchBench
    chance: random.Random
    ears: dict[str, Fickle]
    happened: list[tuple[str, Severity, datetime]] = field(default_factory=list)

    def step(self, patch: pytest.MonkeyPatch) -> None:
        self.bench.wait(self.chance.choice([0, 0.5, 1, 2, 30]))
        for _ in range(self.chance.randrange(3)):
            self.event()
        is_noted = self.chance.random() > 0.2
        for ear in self.ears.values():
            ear.is_noted = is_noted
        with patch.context() as broken:
            if not is_noted:
                # As a kill after the channel's answer: it may have the message, and nobody knows.
                for name in ("note_sent", "note_failed"):
                    broken.setattr(OutboxStore, name, away)
            self.look()

    def event(self) -> None:
        (instance,) = self.bench.store.registry.instances()
        severity = self.chance.choice([Severity.CRITICAL, Severity.HIGH, Severity.LOW])
        name, now = f"{len(self.happened)}", self.bench.now
        happen(
            self.bench.store,
            Event(EventKind.POWER_GAINED, severity, instance.id, instance.name, now, "a", name),
        )
        self.happened.append((name, severity, now))

    def look(self) -> None:
        channels: dict[str, Channel] = dict(self.ears)
        with suppress(StoreUnavailable):
            tell_news(self.bench.deps, alerting(), channels)

    def end(self) -> None:
        for ear in self.ears.values():
            ear.is_mended = ear.is_noted = True
        for _ in range(8):
            self.bench.wait(61)
            self.look()

    def wanted(self, name: str) -> list[str]:
        least = ROUTES[name].rank
        return [event for event, severity, _ in self.happened if severity.rank <= least]


def away(*_: object, **__: object) -> None:
    raise StoreUnavailable("The store is away.")


@pytest.mark.parametrize("seed", range(3))
def test_what_is_heard_follows_from_what_happened(
    store: Store, tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    bench = WatchBench(store, tmp_path)
    bench.fleet("db")
    # Nothing is too old: how that is counted has its own tests.
    settings = bench.settings.model_copy(update={"alert_oldest_hours": 8760})
    object.__setattr__(bench.deps, "settings", settings)
    world = World(bench, chance, {name: Fickle(name, chance) for name in ROUTES})
    for _ in range(STEPS):
        world.step(monkeypatch)
    world.end()
    for name, ear in world.ears.items():
        heard = ear.heard()
        # Nothing is missing, nothing else came, and each for the first time in its order.
        assert sorted({subject for subject, _ in heard}, key=int) == world.wanted(name)
        firsts: dict[str, int] = {}
        for place, alert in enumerate(ear.taken):
            for event in alert.payload["events"]:
                firsts.setdefault(event["subject"], place)
        places = [firsts[subject] for subject in world.wanted(name)]
        assert places == sorted(places)
        # Twice is the same message, of which it was doubtful whether it had arrived.
        for subject, count in Counter(subject for subject, _ in heard).items():
            keys = {key for own, key in heard if own == subject}
            assert len(keys) == 1
            assert count == 1 or keys <= ear.doubtful
    waiting = store.outbox.states(bench.now + timedelta(days=1))
    assert {state.waiting for state in waiting.values()} == {0}
