"""Who can do something, as `sync-pipeline access who-can` answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from sync_pipeline.access.answers import AccessComparison, AccountAccess, Existence, Holder, WhoCan
from sync_pipeline.access.folding import Crowd, Fold, crowd_of
from sync_pipeline.model.access import path_text
from sync_pipeline.web.asked import Asked, Parameter, Shape
from sync_pipeline.web.resource import Resource
from sync_pipeline.web.resources.links import account_link, instance_link, shown_at
from sync_pipeline.web.resources.parameters import (
    AT,
    SELECTION,
    SYSTEM,
    as_of,
    moment,
    selected,
)
from sync_pipeline.web.views import Column, Kind, Layout, Link, Value, View
from sync_pipeline.workflows.console.answers import Answers, HoldersQuestion

PRIVILEGES = (
    *("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "EXECUTE", "REFERENCES", "TRIGGER"),
    *("CREATE", "ALTER", "DROP", "INDEX", "USAGE", "CONNECT", "TEMPORARY", "CREATE VIEW"),
    *("VIEW DEFINITION", "CONTROL", "IMPERSONATE", "FILE", "PROCESS", "SUPER", "CREATE USER"),
)
"""What is mostly asked for, on one engine or another; any other word can be written too."""
ALL_HOLDERS = Parameter("all-holders", Shape.FLAG)
LIST = Layout(
    "holders",
    (
        Column("instance", Kind.NAME),
        Column("account", Kind.NAME),
        Column("everyone", Kind.FLAG),
        Column("can", Kind.STATE),
        Column("object"),
        Column("exists", Kind.STATE),
        Column("path", Kind.PROSE),
        Column("given_by", Kind.PROSE),
        Column("grantable", Kind.FLAG),
        Column("lacks"),
        Column("holders", Kind.NUMBER),
        Column("told_with"),
    ),
)


def every(answers: Answers, asked: Asked) -> View:
    """Return a page of accounts that have a privilege on an object."""
    privilege, on = asked.text("privilege"), asked.text("object")
    at = moment(answers, asked)
    question = HoldersQuestion(
        privilege, on, selected(asked), at, asked.flag(ALL_HOLDERS.name), asked.flag(SYSTEM.name)
    )
    found = answers.who_can(question, asked.place)
    unfolded = {"privilege": privilege, "object": on, ALL_HOLDERS.name: "yes"}
    if at:
        unfolded[AT.name] = shown_at(at)
    rows = (_row(item, unfolded, at) for item in found.page.items)
    return View(
        (LIST.of(rows, found.page.next),),
        notes=(
            *found.notes,
            *_beside(found.found),
            *_looked(found.looked, is_more=bool(found.page.next)),
        ),
        about=f"{found.found.privilege} {on}{as_of(at)}",
    )


def notes_of(found: AccountAccess | AccessComparison) -> tuple[str, ...]:
    """Return what an answer does not know, as the command says it."""
    return (*found.gaps, *_beside(found))


def _beside(found: WhoCan | AccountAccess | AccessComparison) -> Iterator[str]:
    rules = found.not_modelled
    for product in dict.fromkeys(rule.product for rule in rules):
        named = "; ".join(str(rule) for rule in rules if rule.product == product)
        yield f"Not looked at on {product}, and could change the answer: {named}."


def _looked(names: tuple[str, ...], *, is_more: bool) -> Iterator[str]:
    if is_more and names:
        yield f"This page begins at {names[0]}; there are more instances or accounts after it."


def _row(
    item: Holder | Fold, unfolded: Mapping[str, str], at: datetime | None
) -> tuple[Value, ...]:
    return _fold_row(item, unfolded) if isinstance(item, Fold) else _holder_row(item, at)


def _fold_row(fold: Fold, unfolded: Mapping[str, str]) -> tuple[Value, ...]:
    """Return one row for many, which leads to a row for each."""
    first = fold.holders[0]
    return (
        instance_link(first.instance),
        Link(fold.named, "/who-can", {**unfolded, "instance": first.instance}),
        fold.crowd is Crowd.EVERYONE,
        str(first.decision.held[0].availability),
        str(first.decision.securable),
        _exists(first),
        "",
        fold.source,
        False,
        f"{fold.lacking} of them" if fold.lacking else "",
        len(fold.holders),
        str(fold.crowd),
    )


def _holder_row(holder: Holder, at: datetime | None) -> tuple[Value, ...]:
    decision = holder.decision
    best = decision.held[0] if decision.held else None
    reasons = (*decision.denied, *dict.fromkeys(gap.phrase for gap in decision.unknown))
    return (
        instance_link(holder.instance),
        account_link(holder.instance, holder.state.name, at),
        holder.stands_for_all,
        str(best.availability if best else holder.verdict),
        str(decision.securable),
        _exists(holder),
        path_text(best.path) if best else "",
        best.source if best else "; ".join(reasons),
        best.grantable if best else False,
        "; ".join(best.lacking) if best else "",
        1,
        str(crowd_of(holder) or ""),
    )


def _exists(holder: Holder) -> str:
    return str(Existence.YES if holder.existence is Existence.YES else Existence.MAY_BE)


RESOURCES = (
    Resource(
        "who-can",
        every,
        (LIST,),
        (
            Parameter("privilege", is_required=True, suggested=PRIVILEGES),
            Parameter("object", is_required=True, completed_by="objects"),
            *SELECTION,
            AT,
            ALL_HOLDERS,
            SYSTEM,
        ),
    ),
)
