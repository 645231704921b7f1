"""`sync-pipeline alerts`: what is overdue, who is told of what, and whether alerts arrive."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync_pipeline.cli.completion import instance_names
from sync_pipeline.cli.context import (
    dependencies,
    parse_past,
    say,
    show_json,
    utc_now,
)
from sync_pipeline.cli.options import with_options
from sync_pipeline.cli.output import Output, time_cell
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.event import EventKind
from sync_pipeline.model.finding import Severity
from sync_pipeline.model.instance import Selection

if TYPE_CHECKING:
    from sync_pipeline.model.route import Alerting, Match, Route, RouteState
    from sync_pipeline.workflows.news.replay import Replay, Replayed, Trial
    from sync_pipeline.workflows.watching.freshness import OverdueNow

app = typer.Typer(help="Overdue instances, and who is told of what.", no_args_is_help=True)

DONE, SOME_FAILED = 0, 1


@app.command("test")
@with_options
def try_(
    output: Output,
    route: Annotated[
        list[str] | None, typer.Option(help="Only this route; may be repeated.")
    ] = None,
) -> None:
    """Send a test message on every route.

    Exit status: 0 all were sent, 1 one was not, 2 there is no route.
    """
    from sync_pipeline.workflows.news.rules import alerting_of
    from sync_pipeline.workflows.news.telling import channels_of, try_channels

    with dependencies() as deps:
        alerting = alerting_of(deps.settings)
        channels = channels_of(deps, alerting)
        if not channels:
            raise ConfigurationError(
                "No channel for alerts is set.",
                hint="Set SYNC_PIPELINE_ALERT_WEBHOOK_URL, SYNC_PIPELINE_ALERT_SLACK_URL or "
                "SYNC_PIPELINE_ALERT_EMAIL_TO, or name routes in SYNC_PIPELINE_ALERTS_FILE.",
            )
        chosen = route or list(channels)
        for name in chosen:
            if name not in channels:
                raise ConfigurationError(
                    f"There is no route {name!r}.", hint=f"Known are {', '.join(channels)}."
                )
        deliveries = try_channels(deps, [channels[name] for name in chosen])
    if output.is_json:
        show_json([{"channel": item.channel, "error": item.error} for item in deliveries])
    elif output.is_csv:
        output.show(("channel", "error"), [(item.channel, item.error) for item in deliveries], "")
    else:
        for item in deliveries:
            say(f"{item.channel}: {'sent' if item.error is None else item.error}")
    failed = any(item.error is not None for item in deliveries)
    raise typer.Exit(SOME_FAILED if failed else DONE)


@app.command()
@with_options
def rules(
    output: Output,
    event: Annotated[
        list[EventKind] | None, typer.Option(help="Say what becomes of it; may be repeated.")
    ] = None,
    severity: Annotated[
        Severity | None, typer.Option(help="How bad it is; high unless this is given.")
    ] = None,
    instance: Annotated[
        str, typer.Option(help="On this instance.", autocompletion=instance_names)
    ] = "",
    account: Annotated[str, typer.Option(help="Of this account.")] = "",
    subject: Annotated[str, typer.Option("--class", help="About this power or class.")] = "",
) -> None:
    """Show the routes and rules in force; with an option, which would match what, and when."""
    from sync_pipeline.workflows.news.replay import tried
    from sync_pipeline.workflows.news.rules import alerting_of

    with dependencies() as deps:
        alerting = alerting_of(deps.settings)
        if event or severity or instance or account or subject:
            found = tried(
                deps,
                alerting,
                event or list(EventKind),
                severity or Severity.HIGH,
                instance=instance,
                account=account,
                subject=subject,
            )
            _show_trials(output, found)
            return
        states = deps.store.outbox.states(utc_now())
    _show_rules(output, alerting, states)


@app.command("replay")
@with_options
def replay_(
    output: Output,
    since: Annotated[str, typer.Option(help="From then on (UTC), or how long ago: 24h, 7d.")],
    until: Annotated[str | None, typer.Option(help="Until then (UTC); now by default.")] = None,
) -> None:
    """Show what would have been told of past events by the rules in force; nothing is sent."""
    from sync_pipeline.workflows.news.replay import replay
    from sync_pipeline.workflows.news.rules import alerting_of

    begin = parse_past(since)
    end = parse_past(until) if until else utc_now()
    if end <= begin:
        raise ConfigurationError("--until is not after --since.")
    with dependencies() as deps:
        found = replay(deps, alerting_of(deps.settings), begin, end)
    if output.is_json:
        show_json([_plain_line(item) for item in found.lines])
        return
    columns = ("at", "route", "severity", "instance", "account", "events", "times", "text")
    rows = [
        (
            time_cell(item.at),
            item.route,
            item.story.severity,
            item.story.last.instance,
            item.story.last.account,
            _kinds(item),
            len(item.story.events),
            item.text,
        )
        for item in found.lines
    ]
    output.show(columns, rows, "Nothing would have been told.", _notes(found))


@app.command("list")
@with_options
def list_(selection: Selection, output: Output) -> None:
    """List what the last check found overdue, longest first."""
    from sync_pipeline.report.stories import ago
    from sync_pipeline.workflows.selecting import registered
    from sync_pipeline.workflows.watching.freshness import overdue_now

    with dependencies() as deps:
        found = overdue_now(deps)
        names = {item.name for item in registered(deps.store, selection)}
    found = replace(
        found, overdue=tuple(item for item in found.overdue if item.watched.instance in names)
    )
    if output.is_json:
        show_json(_plain(found))
        return
    now = utc_now()
    rows = [
        (
            item.watched.instance,
            item.watched.category,
            time_cell(item.watched.last_success_at, "never"),
            time_cell(item.stale_since),
            ago(item.stale_since, now) if item.stale_since else "",
        )
        for item in found.overdue
    ]
    columns = ("instance", "category", "last success", "overdue since", "for")
    checked = [
        f"{item.category} was checked {ago(item.checked_at, now)} ago; a success counts for "
        f"{item.limit}."
        for item in found.checks
    ]
    output.show(
        columns,
        rows,
        "Nothing was overdue at the last check.",
        checked or ["Nothing was checked yet: the daemon does it (sync-pipeline up)."],
    )


def _show_rules(output: Output, alerting: Alerting, states: dict[str, RouteState]) -> None:
    found = [
        {"name": item.name, **_narrowed(item.match), "routes": list(item.routes)}
        for item in alerting.rules
    ]
    gone = _gone(alerting, states)
    if output.is_json:
        routes = [_plain_route(item, states.get(item.name)) for item in alerting.routes]
        left = [{"name": item.route, "waiting": item.waiting} for item in gone]
        show_json({"routes": routes, "rules": found, "gone": left})
        return
    columns = ("rule", "events that", "go to")
    rows = [
        (rule["name"], _words(rule) or "are any", ", ".join(map(str, rule["routes"])))
        for rule in found
    ]
    notes = [_route_note(item, states.get(item.name)) for item in alerting.routes]
    notes += [
        f"there is no route {item.route} any more, on which {item.waiting} events wait: see "
        "sync-pipeline alerts replay, or name a route so again."
        for item in gone
    ]
    output.show(columns, rows, "There is no rule: nobody is told of anything.", notes)


def _gone(alerting: Alerting, states: dict[str, RouteState]) -> list[RouteState]:
    """Return the routes that had something to tell when they were taken out, or called anew."""
    names = {item.name for item in alerting.routes}
    return [item for item in states.values() if item.route not in names and item.waiting]


def _show_trials(output: Output, found: list[Trial]) -> None:
    if output.is_json:
        show_json(
            [
                {
                    "event": item.event.kind,
                    "severity": item.event.severity,
                    "rules": list(item.rules),
                    "told": [{"route": route, "at": moment} for route, moment in item.told],
                }
                for item in found
            ]
        )
        return
    rows = [
        (
            item.event.kind,
            item.event.severity,
            ", ".join(item.rules),
            ", ".join(f"{route} ({moment:%Y-%m-%d %H:%M}Z)" for route, moment in item.told),
        )
        for item in found
    ]
    output.show(("event", "severity", "rules that match", "told on"), rows, "")


def _narrowed(match: Match) -> dict[str, Any]:
    return {
        "event": sorted(match.kinds),
        "severity": match.severity,
        "engine": sorted(match.engines),
        "tag": sorted(match.tags),
        "environment": sorted(match.environments),
        "instance": list(match.instances),
        "account": list(match.accounts),
        "class": list(match.classes),
    }


def _words(rule: dict[str, Any]) -> str:
    parts = [
        f"{key}: {', '.join(map(str, rule[key]))}"
        for key in ("event", "engine", "tag", "environment", "instance", "account", "class")
        if rule[key]
    ]
    if rule["severity"] is not Severity.INFO:
        parts.insert(0, f"{rule['severity']} or worse")
    return "; ".join(parts)


def _plain_route(route: Route, state: RouteState | None) -> dict[str, Any]:
    return {
        "name": route.name,
        "channel": route.channel,
        # References alone: the secrets are where they say.
        "url": route.url or None,
        "to": list(route.to),
        "when": str(route.timing),
        "quiet": [str(item) for item in route.quiet],
        "most_lines": route.most_lines,
        "waiting": state.waiting if state else 0,
        "failures": state.failures if state else 0,
        "next_try_at": state.next_try_at if state and state.failures else None,
        "error": (state.error if state else "") or None,
        "last_sent_at": state.last_sent_at if state else None,
    }


def _route_note(route: Route, state: RouteState | None) -> str:
    quiet = f", quiet {' and '.join(map(str, route.quiet))}" if route.quiet else ""
    found = f"the route {route.name} ({route.channel}) tells {route.timing}{quiet}"
    if state and state.waiting:
        found += f"; {state.waiting} events wait"
    if state and state.failures:
        found += f"; failed {state.failures} times, last: {state.error.rstrip('.')}"
    return f"{found}."


def _notes(found: Replay) -> list[str]:
    notes = [
        f"{item.more} more lines of the message on {item.route} at {item.at:%Y-%m-%d %H:%M}Z "
        "would have been a number."
        for item in found.lines
        if item.more
    ]
    if found.is_cut:
        notes.append(f"Only the first {found.events} events were looked at.")
    return notes


def _kinds(item: Replayed) -> str:
    return ", ".join(dict.fromkeys(str(event.kind) for event in item.story.events))


def _plain_line(item: Replayed) -> dict[str, Any]:
    last = item.story.last
    return {
        "at": item.at,
        "route": item.route,
        "severity": item.story.severity,
        "instance": last.instance,
        "account": last.account,
        "subject": last.subject,
        "events": [event.kind for event in item.story.events],
        "occurred_at": [event.occurred_at for event in item.story.events],
        "text": item.text,
        "more": item.more,
    }


def _plain(found: OverdueNow) -> dict[str, object]:
    return {
        "overdue": [
            {
                "instance": item.watched.instance,
                "category": item.watched.category,
                "last_success_at": item.watched.last_success_at,
                "stale_since": item.stale_since,
            }
            for item in found.overdue
        ],
        "checks": [
            {
                "category": item.category,
                "limit_seconds": item.limit.total_seconds(),
                "checked_at": item.checked_at,
            }
            for item in found.checks
        ],
    }
