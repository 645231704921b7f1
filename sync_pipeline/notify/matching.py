"""Which rules are about an event. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from sync_pipeline.model.event import EventKind
from sync_pipeline.model.finding import Severity
from sync_pipeline.model.pattern import like
from sync_pipeline.model.route import Alerting, Arrived, Match, Route, Rule

OF_CLASS = "class "
"""What is before the name of a class of the classification file in an event's subject."""


def default_rules(routes: tuple[str, ...]) -> tuple[Rule, ...]:
    """Return the rules that hold without any: freshness, and what is high or worse."""
    if not routes:
        return ()
    freshness = Match(kinds=frozenset({EventKind.OVERDUE, EventKind.UP_TO_DATE}))
    return (
        Rule("freshness", freshness, routes),
        Rule("high or worse", Match(severity=Severity.HIGH), routes),
    )


def rules_for(alerting: Alerting, arrived: Arrived) -> tuple[Rule, ...]:
    """Return the rules that match an event, in their order."""
    return tuple(rule for rule in alerting.rules if matches(rule.match, arrived))


def routes_for(alerting: Alerting, arrived: Arrived) -> tuple[Route, ...]:
    """Return the routes on which an event is told, each once."""
    named = {name for rule in rules_for(alerting, arrived) for name in rule.routes}
    return tuple(route for route in alerting.routes if route.name in named)


def matches(match: Match, arrived: Arrived) -> bool:
    """Return whether a rule is about an event."""
    event = arrived.stored.event
    return (
        (not match.kinds or event.kind in match.kinds)
        and event.severity.rank <= match.severity.rank
        and (not match.engines or arrived.engine in match.engines)
        and (not match.tags or not match.tags.isdisjoint(arrived.tags))
        and (not match.environments or arrived.environment in match.environments)
        and _any_like(match.instances, event.instance)
        and _any_like(match.accounts, event.account)
        and (
            _any_like(match.classes, event.subject)
            or _any_like(match.classes, event.subject.removeprefix(OF_CLASS))
        )
    )


def _any_like(patterns: Iterable[str], text: str) -> bool:
    found = list(patterns)
    return not found or any(like(pattern, text) for pattern in found)
