"""Which rules an event matches: against a plain reading of each of their keys."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.model.event import Event, EventKind, StoredEvent
from sync_pipeline.model.finding import Severity
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.route import Alerting, Arrived, ChannelKind, Match, Route, Rule
from sync_pipeline.notify.matching import default_rules, matches, routes_for, rules_for

NOW = datetime(2026, 3, 1, tzinfo=UTC)
NAMES = ["a", "b", "ab"]
WORST_FIRST = list(Severity)

arrived = st.builds(
    lambda kind, severity, instance, account, subject, engine, tags, environment: Arrived(
        StoredEvent(1, Event(kind, severity, 1, instance, NOW, account, subject)),
        engine,
        tags,
        environment,
    ),
    st.sampled_from(EventKind),
    st.sampled_from(Severity),
    st.sampled_from(NAMES),
    st.sampled_from(["", *NAMES]),
    st.sampled_from(NAMES),
    st.sampled_from(EngineName),
    st.lists(st.sampled_from(NAMES), max_size=2).map(tuple),
    st.sampled_from(["", *NAMES]),
)
some_names = st.frozensets(st.sampled_from(NAMES), max_size=2)
patterns = st.lists(st.sampled_from(NAMES), max_size=2).map(tuple)
some_routes = st.lists(st.sampled_from(NAMES), min_size=1, max_size=2).map(tuple)
match_of = st.builds(
    Match,
    st.frozensets(st.sampled_from(EventKind), max_size=6),
    st.sampled_from(Severity),
    st.frozensets(st.sampled_from(EngineName), max_size=2),
    some_names,
    some_names,
    patterns,
    patterns,
    patterns,
)
routes = tuple(Route(name, ChannelKind.SLACK) for name in NAMES)
rules = st.lists(
    st.builds(Rule, st.sampled_from(["one", "two"]), match_of, some_routes), max_size=4
).map(tuple)


@given(match_of, arrived)
def test_what_is_given_has_to_hold(match: Match, found: Arrived) -> None:
    event = found.stored.event
    wanted = [
        event.kind in (match.kinds or set(EventKind)),
        event.severity in WORST_FIRST[: WORST_FIRST.index(match.severity) + 1],
        found.engine in (match.engines or set(EngineName)),
        not match.tags or any(tag in match.tags for tag in found.tags),
        not match.environments or found.environment in match.environments,
        not match.instances or event.instance in match.instances,
        not match.accounts or event.account in match.accounts,
        not match.classes or event.subject in match.classes,
    ]
    assert matches(match, found) is all(wanted)


@given(rules, arrived)
def test_an_event_goes_once_to_each_route_of_each_rule(
    asked: tuple[Rule, ...], found: Arrived
) -> None:
    alerting = Alerting(routes, asked)
    names = [route.name for route in routes_for(alerting, found)]
    wanted = {name for rule in asked if matches(rule.match, found) for name in rule.routes}
    assert set(names) == wanted
    assert len(names) == len(wanted)
    assert all(matches(rule.match, found) for rule in rules_for(alerting, found))


def test_patterns_are_those_of_like() -> None:
    event = Event(EventKind.POWER_GAINED, Severity.HIGH, 1, "prod-1", NOW, "app_rw", "superuser")
    found = Arrived(StoredEvent(1, event), "mysql")
    assert matches(Match(accounts=("app\\_%",)), found)
    assert not matches(Match(accounts=("app",)), found)
    assert matches(Match(instances=("prod-_",), classes=("super%",)), found)
    of_class = Arrived(StoredEvent(1, replace(event, subject="class dba")), "mysql")
    assert matches(Match(classes=("dba",)), of_class)
    assert matches(Match(classes=("class %",)), of_class)
    assert not matches(Match(classes=("class %",)), found)


def test_without_a_file_freshness_and_what_is_high_is_told() -> None:
    alerting = Alerting(routes, default_rules(("a", "b")))
    for kind in EventKind:
        for severity in Severity:
            event = Event(kind, severity, 1, "x", NOW)
            told = routes_for(alerting, Arrived(StoredEvent(1, event), "mysql"))
            is_bad = severity in (Severity.CRITICAL, Severity.HIGH)
            wanted = is_bad or kind in (EventKind.OVERDUE, EventKind.UP_TO_DATE)
            assert [route.name for route in told] == (["a", "b"] if wanted else [])
    assert default_rules(()) == ()
