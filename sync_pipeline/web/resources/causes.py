"""Findings by what they come from, as the table of `sync-pipeline findings` has them."""

from __future__ import annotations

from sync_pipeline.access.findings.review import RULES
from sync_pipeline.model.causes import ITSELF, NO_TAG, Cause
from sync_pipeline.model.finding import Severity
from sync_pipeline.model.finding_totals import FindingTotals, GroupLine
from sync_pipeline.model.grouping import By
from sync_pipeline.web.asked import Asked, Parameter, Shape
from sync_pipeline.web.resource import Resource
from sync_pipeline.web.resources.links import account_link, instance_link
from sync_pipeline.web.resources.parameters import SELECTION, selected
from sync_pipeline.web.views import Column, Kind, Layout, Link, Value, View
from sync_pipeline.workflows.console.answers import Answers
from sync_pipeline.workflows.console.findings import FindingsQuestion, GroupedCause

FACTS = (
    *(Column(str(severity), Kind.NUMBER) for severity in Severity),
    Column("accepted", Kind.NUMBER),
    Column("causes", Kind.NUMBER),
    Column("findings", Kind.NUMBER),
    Column("accounts", Kind.NUMBER),
    Column("instances", Kind.NUMBER),
)
GROUPS = Layout(
    "groups",
    (
        Column("group", Kind.NAME),
        Column("counts"),
        Column("causes", Kind.NUMBER),
        Column("accounts", Kind.NUMBER),
        Column("instances", Kind.NUMBER),
    ),
)
CAUSES = Layout(
    "causes",
    (
        Column("group", Kind.NAME),
        Column("severity", Kind.STATE),
        Column("rule"),
        Column("instance", Kind.NAME),
        Column("account", Kind.NAME),
        Column("evidence", Kind.PROSE),
        Column("fix", Kind.CODE),
        Column("breaks", Kind.PROSE),
        Column("left", Kind.PROSE),
        Column("undo", Kind.CODE),
        Column("since", Kind.MOMENT),
        Column("also", Kind.LINES),
        Column("role"),
        Column("accounts", Kind.NUMBER),
    ),
)


def every(answers: Answers, asked: Asked) -> View:
    """Return a page of causes by groups, worst first, with one fix for each cause."""
    by = asked.choice("by", By) or By.RULE
    severity = asked.choice("severity", Severity)
    question = FindingsQuestion(selected(asked), severity, asked.text("rule"))
    found = answers.findings.causes(question, by, asked.place)
    page = found.page
    groups = (_group(item, by) for item in found.groups)
    return View(
        (
            GROUPS.of(groups, total=found.group_count),
            CAUSES.of(map(_row, page.items), page.next, page.total),
        ),
        tuple(zip(FACTS, _facts(found.totals), strict=True)),
        notes=found.notes,
    )


def _facts(found: FindingTotals) -> tuple[Value, ...]:
    return (
        *(found.by_severity.get(severity, 0) for severity in Severity),
        found.accepted,
        found.causes,
        found.findings,
        found.accounts,
        found.instances,
    )


def _group(group: GroupLine, by: By) -> tuple[Value, ...]:
    is_filter = by is not By.ACCOUNT and group.name != NO_TAG
    name = Link(group.name, "/causes", {"by": by, by: group.name}) if is_filter else group.name
    return name, group.counts, group.causes, group.accounts, group.instances


def _row(item: GroupedCause) -> tuple[Value, ...]:
    cause, worst = item.cause, item.cause.worst
    remedy = cause.remedy()
    return (
        item.group.name,
        str(cause.severity),
        worst.rule,
        instance_link(worst.instance),
        _who(cause),
        cause.evidence,
        remedy.fix,
        remedy.breaks,
        remedy.left,
        remedy.undo,
        cause.since,
        tuple(dict.fromkeys(f"{one.rule}: {one.evidence}" for one in cause.folded)),
        cause.role,
        len(cause.accounts),
    )


def _who(cause: Cause) -> Value:
    """Return whom a cause is of: an account, some with the way to each, or the instance."""
    accounts, worst = cause.accounts, cause.worst
    if not accounts:
        return Link(ITSELF, "/instance", {"name": worst.instance})
    if len(accounts) == 1:
        return account_link(worst.instance, accounts[0])
    return Link(cause.named, "/findings", {"instance": worst.instance, "rule": worst.rule})


RESOURCES = (
    Resource(
        "causes",
        every,
        (GROUPS, CAUSES),
        (
            Parameter("by", Shape.CHOICE, tuple(By), default=By.RULE),
            Parameter("severity", Shape.CHOICE, tuple(Severity)),
            Parameter("rule", Shape.CHOICE, tuple(rule.id for rule in RULES)),
            *SELECTION,
        ),
        FACTS,
        ("causes",),
        paged=("causes",),
    ),
)
