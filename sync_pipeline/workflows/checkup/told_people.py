"""The ways to people: each is connected to, and sent nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sync_pipeline.errors import SyncError
from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.model.checkup import Check, fault, ok, warning
from sync_pipeline.model.route import Route, RouteState
from sync_pipeline.notify.channels import reach_of
from sync_pipeline.workflows.checkup.known import SPARED_SECONDS, Asked, UnknownStore
from sync_pipeline.workflows.checkup.running import Look, look_at_all
from sync_pipeline.workflows.news.rules import alerting_of

_TEST = "sync-pipeline alerts test"


def look(asked: Asked) -> Iterator[Check]:
    """Yield how each route of alerts is, and the mail server where there is one to be used."""
    routes = alerting_of(asked.settings).routes
    if not routes:
        yield ok("alerts", "Nobody is told: no route is set.", "See docs/alerts.md.")
        return
    vault = SecretVault.open(asked.settings)
    states = _states(asked)
    looks = [_look_at(asked, vault, item, states) for item in routes]
    yield from look_at_all(looks, asked.ends_at - SPARED_SECONDS)


def _states(asked: Asked) -> Mapping[str, RouteState]:
    """Return how the routes fared; nothing where the store does not say."""
    try:
        asked.fleet()
    except UnknownStore:
        return {}
    deps = asked.deps()
    try:
        return deps.store.outbox.states(asked.clock())
    finally:
        deps.store.close()


def _look_at(
    asked: Asked, vault: SecretVault, route: Route, states: Mapping[str, RouteState]
) -> Look:
    name = f"alerts {route.name}"

    def looking() -> Iterator[Check]:
        try:
            reach_of(route, asked.settings, vault.resolve)
        except SyncError as error:
            yield fault(name, error.message, error.hint or "")
            return
        state = states.get(route.name)
        if state is not None and state.failures:
            what = f"It is reached, and took none of the last {state.failures} messages."
            yield warning(name, what, f"{_TEST} --route {route.name}")
        else:
            yield ok(name, f"Its {route.channel} is reached; nothing was sent.", _TEST)

    return Look(name, looking)
