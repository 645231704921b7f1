"""What changed, newest first, as `sync-pipeline accounts changes` tells it."""

from __future__ import annotations

from sync_pipeline.model.change import OF_POWER, Baseline, ChangeType, Effect
from sync_pipeline.model.change_page import ChangeLine, ChangeQuestion
from sync_pipeline.model.imported import ImportedLine
from sync_pipeline.web.asked import Asked, Parameter, Shape
from sync_pipeline.web.resource import Resource
from sync_pipeline.web.resources.imported import FROM
from sync_pipeline.web.resources.lines import MOST_OF_LIST, lines_of_change
from sync_pipeline.web.resources.links import (
    account_link,
    history_link,
    instance_link,
    session_link,
)
from sync_pipeline.web.resources.parameters import SELECTION, selected
from sync_pipeline.web.views import Column, Kind, Layout, Value, View
from sync_pipeline.workflows.console.answers import Answers

BASELINE, GIVEN, TAKEN = "baseline", "given", "taken"
COLUMNS = (
    Column("when", Kind.MOMENT),
    Column("instance", Kind.NAME),
    Column("account", Kind.NAME),
    Column("change", Kind.STATE),
    Column("power", Kind.STATE),
    Column("what", Kind.LINES),
    Column("session", Kind.NAME),
)
LIST = Layout("changes", (*COLUMNS, FROM))


def every(answers: Answers, asked: Asked) -> View:
    """Return a page of changes, newest first."""
    given = asked.many("type")
    question = ChangeQuestion(
        of=selected(asked),
        types=tuple(ChangeType(item) for item in given if item != BASELINE),
        first_syncs=BASELINE in given,
        account=asked.text("account"),
        effect=_effect(asked),
        since=answers.moment(asked.text("since")),
        until=answers.moment(asked.text("until")),
    )
    page, notes = answers.changes.page(question, asked.place)
    return View((LIST.of(map(_row, page.items), page.next),), notes=notes)


def _row(line: ChangeLine | ImportedLine) -> tuple[Value, ...]:
    if isinstance(line, ChangeLine):
        return *change_row(line), None
    found = line.change
    return (
        found.changed_at,
        instance_link(found.instance) if line.is_there else found.instance,
        history_link(found.instance, found.account) if line.is_there else found.account,
        found.change_type,
        None,
        lines_of_change(found.lines, MOST_OF_LIST),
        session_link(found.session_id) if found.session_id else None,
        found.source,
    )


def change_row(line: ChangeLine) -> tuple[Value, ...]:
    """Return a change as the rows of tables have it; what was removed has no page."""
    entry = line.entry
    instance = instance_link(entry.instance) if line.is_there else entry.instance
    session = session_link(entry.session_id)
    if isinstance(entry, Baseline):
        return entry.changed_at, instance, None, BASELINE, None, (entry.line,), session
    change = entry.change
    account = account_link(entry.instance, change.account) if line.is_there else change.account
    return (
        entry.changed_at,
        instance,
        account,
        str(change.change_type),
        _power(change.effect),
        lines_of_change(change.lines, MOST_OF_LIST),
        session,
    )


def _effect(asked: Asked) -> Effect:
    """Return which effects are asked for; none: whatever a change does."""
    found = {GIVEN: Effect.GIVES, TAKEN: Effect.TAKES}.get(asked.text("effect"), Effect.NONE)
    if not asked.flag("power"):
        return found
    of_power = {Effect.GIVES: Effect.GIVES_POWER, Effect.TAKES: Effect.TAKES_POWER}
    return of_power.get(found, OF_POWER)


def _power(effect: Effect) -> str | None:
    words = ((Effect.GIVES_POWER, GIVEN), (Effect.TAKES_POWER, TAKEN))
    return ", ".join(word for bit, word in words if effect & bit) or None


RESOURCES = (
    Resource(
        "changes",
        every,
        (LIST,),
        (
            Parameter("since"),
            Parameter("until"),
            Parameter("type", Shape.CHOICE, (*ChangeType, BASELINE), is_many=True),
            Parameter("account"),
            Parameter("effect", Shape.CHOICE, (GIVEN, TAKEN)),
            Parameter("power", Shape.FLAG),
            *SELECTION,
        ),
    ),
)
