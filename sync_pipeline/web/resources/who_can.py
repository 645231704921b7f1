"""Who can do something, as `sync-pipeline access who-can` answers."""

from __future__ import annotations

from collections.abc import Iterator

from sync_pipeline.access.answers import AccountAccess, Holder, WhoCan
from sync_pipeline.model.access import path_text
from sync_pipeline.web.asked import Asked, Parameter
from sync_pipeline.web.resource import Resource
from sync_pipeline.web.resources.links import account_link, instance_link
from sync_pipeline.web.resources.parameters import SELECTION, selected
from sync_pipeline.web.views import Column, Kind, Layout, Value, View
from sync_pipeline.workflows.console.answers import Answers

LIST = Layout(
    "holders",
    (
        Column("instance", Kind.NAME),
        Column("account", Kind.NAME),
        Column("everyone", Kind.FLAG),
        Column("can", Kind.STATE),
        Column("object"),
        Column("path", Kind.PROSE),
        Column("given_by", Kind.PROSE),
        Column("grantable", Kind.FLAG),
        Column("lacks"),
    ),
)


def every(answers: Answers, asked: Asked) -> View:
    """Return a page of accounts that have a privilege on an object."""
    found = answers.who_can(
        asked.text("privilege"), asked.text("object"), selected(asked), asked.place
    )
    return View(
        (LIST.of(map(_row, found.page.items), found.page.next),),
        notes=(*notes_of(found.found), *_looked(found.looked, is_more=bool(found.page.next))),
        about=f"{found.found.privilege} {asked.text('object')}",
    )


def notes_of(found: WhoCan | AccountAccess) -> tuple[str, ...]:
    """Return what an answer does not know, as the command says it."""
    rules = found.not_modelled
    beside = (
        f"Not looked at on {product}, and could change the answer: "
        f"{'; '.join(str(rule) for rule in rules if rule.product == product)}."
        for product in dict.fromkeys(rule.product for rule in rules)
    )
    return (*found.gaps, *beside)


def _looked(names: tuple[str, ...], *, is_more: bool) -> Iterator[str]:
    if is_more and names:
        yield f"This page begins at {names[0]}; there are more instances or accounts after it."


def _row(holder: Holder) -> tuple[Value, ...]:
    decision = holder.decision
    best = decision.held[0] if decision.held else None
    reasons = (*decision.denied, *dict.fromkeys(gap.phrase for gap in decision.unknown))
    return (
        instance_link(holder.instance),
        account_link(holder.instance, holder.state.name),
        holder.stands_for_all,
        str(best.availability if best else holder.verdict),
        str(decision.securable),
        path_text(best.path) if best else "",
        best.source if best else "; ".join(reasons),
        best.grantable if best else False,
        "; ".join(best.lacking) if best else "",
    )


RESOURCES = (
    Resource(
        "who-can",
        every,
        (LIST,),
        (
            Parameter("privilege", is_required=True),
            Parameter("object", is_required=True),
            *SELECTION,
        ),
    ),
)
