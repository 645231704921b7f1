"""Findings of an access review, as `sync-pipeline findings` answers."""

from __future__ import annotations

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
    ),
)


def every(answers: Answers, asked: Asked) -> View:
    """Return a page of findings, worst first."""
    question = FindingsQuestion(
        selected(asked),
        asked.choice("severity", Severity),
        asked.text("rule"),
        asked.text("account"),
    )
    found = answers.findings.each(question, asked.place)
    page = found.page
    return View(
        (LIST.of(map(finding_row, page.items), page.next, page.total),),
        notes=found.notes,
    )


def finding_row(item: Finding) -> tuple[Value, ...]:
    """Return a finding as the rows of tables have it."""
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
            *SELECTION,
        ),
    ),
)
