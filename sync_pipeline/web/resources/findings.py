"""Findings of an access review, as `sync-pipeline findings` answers."""

from __future__ import annotations

from datetime import datetime

from sync_pipeline.access.findings.review import RULES
from sync_pipeline.model.access import path_text
from sync_pipeline.model.finding import Finding, Severity
from sync_pipeline.web.asked import Asked, Parameter, Shape
from sync_pipeline.web.resource import Resource
from sync_pipeline.web.resources.links import account_link, instance_link
from sync_pipeline.web.resources.parameters import SELECTION, selected
from sync_pipeline.web.views import Column, Kind, Layout, Value, View
from sync_pipeline.workflows.console.answers import Answers
from sync_pipeline.workflows.console.findings import FindingsQuestion

LIST = Layout(
    "findings",
    (
        Column("severity", Kind.STATE),
        Column("since", Kind.MOMENT),
        Column("instance", Kind.NAME),
        Column("account", Kind.NAME),
        Column("rule"),
        Column("evidence", Kind.PROSE),
        Column("path", Kind.PROSE),
        Column("fix", Kind.CODE),
        Column("left", Kind.PROSE),
        Column("breaks", Kind.PROSE),
        Column("undo", Kind.CODE),
        Column("cause"),
        Column("implied"),
        Column("age_days", Kind.NUMBER),
        Column("worsened", Kind.MOMENT),
        Column("was_before", Kind.STATE),
        Column("accepted_until", Kind.DAY),
        Column("accepted_by"),
        Column("reason", Kind.PROSE),
    ),
)
NEW_SINCE = Parameter("new_since", suggested=("24h", "7d", "30d"))
ACCEPTED = Parameter("accepted", Shape.FLAG)


def every(answers: Answers, asked: Asked) -> View:
    """Return a page of findings, worst first."""
    question = FindingsQuestion(
        selected(asked),
        asked.choice("severity", Severity),
        asked.text("rule"),
        asked.text("account"),
        answers.moment(asked.text(NEW_SINCE.name)),
        asked.flag(ACCEPTED.name),
    )
    found = answers.findings.each(question, asked.place)
    page = found.page
    rows = (finding_row(item, found.now) for item in page.items)
    return View((LIST.of(rows, page.next, page.total),), notes=found.notes)


def finding_row(item: Finding, now: datetime | None = None) -> tuple[Value, ...]:
    """Return a finding as the rows of tables have it, with its age at a moment (None: without)."""
    worsened, acceptance = item.worsened, item.acceptance
    return (
        str(item.severity),
        item.first_seen,
        instance_link(item.instance),
        account_link(item.instance, item.account),
        item.rule,
        item.evidence,
        path_text(item.path),
        item.fix,
        item.left,
        item.breaks,
        item.undo,
        item.cause,
        item.implied,
        max(0, (now - item.first_seen).days) if item.first_seen and now else None,
        worsened.since if worsened else None,
        str(worsened.severity) if worsened else None,
        acceptance.until if acceptance else None,
        acceptance.given_by if acceptance else None,
        acceptance.reason if acceptance else None,
    )


RESOURCES = (
    Resource(
        "findings",
        every,
        (LIST,),
        (
            Parameter("severity", Shape.CHOICE, tuple(Severity)),
            Parameter("rule", Shape.CHOICE, tuple(rule.id for rule in RULES)),
            Parameter("account"),
            NEW_SINCE,
            ACCEPTED,
            *SELECTION,
        ),
    ),
)
