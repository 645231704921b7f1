"""Accounts, found by name in the whole fleet."""

from __future__ import annotations

from datetime import datetime

from sync_pipeline.model.classification import Capability
from sync_pipeline.model.page import (
    AccountLine,
    AccountQuestion,
    NameMatch,
)
from sync_pipeline.web.asked import Asked, Parameter, Shape
from sync_pipeline.web.resource import Resource
from sync_pipeline.web.resources.links import account_link, instance_link
from sync_pipeline.web.resources.parameters import (
    AT,
    ENGINE,
    ENVIRONMENT,
    INSTANCE,
    SYSTEM,
    TAG,
    as_of,
    moment,
)
from sync_pipeline.web.views import Column, Kind, Layout, Link, Value, View
from sync_pipeline.workflows.console.answers import Answers

LIST = Layout(
    "accounts",
    (
        Column("account", Kind.NAME),
        Column("instance", Kind.NAME),
        Column("engine"),
        Column("kind"),
        Column("state", Kind.STATE),
        Column("can_login", Kind.FLAG),
        Column("last_change", Kind.MOMENT),
        Column("last_used", Kind.MOMENT),
    ),
)


SINCE, UNTIL = Parameter("changed-since"), Parameter("changed-until")


_BESIDE = Link("imported-accounts", "/imported-accounts")
_MORE = "This is a part: the next page goes on, and the command lists all at once."


def every(answers: Answers, asked: Asked) -> View:
    """Return a page of accounts by name."""
    question = AccountQuestion(
        text=asked.text("name"),
        match=asked.choice("match", NameMatch) or NameMatch.BEGINS,
        instance=asked.text(INSTANCE.name),
        tags=asked.many(TAG.name),
        engines=asked.many(ENGINE.name),
        environments=asked.many(ENVIRONMENT.name),
        is_gone=asked.flag("gone"),
        only_superusers=asked.flag("superusers"),
        only_locked=asked.flag("locked"),
        only_login=asked.flag("login"),
        with_own=asked.flag(SYSTEM.name),
        since=moment(answers, asked, SINCE),
        until=moment(answers, asked, UNTIL),
        class_name=asked.text("class"),
        capabilities=tuple(map(Capability, asked.many("capability"))),
        roles=asked.many("role"),
        at=moment(answers, asked),
    )
    found = answers.accounts.page(question, asked.place)
    rows = (
        (*_row(item, question.at), found.last_used(item.instance, item.name))
        for item in found.page.items
    )
    is_part = question.is_looked_through and found.page.next is not None
    notes = (*found.notes, *((_MORE,) if is_part else ()))
    # What was imported is of no past moment, and nobody judged it.
    beside = _BESIDE if answers.imported.has_accounts else None
    table = LIST.of(rows, found.page.next)
    return View((table,), notes=notes, about=_about(question), beside=beside)


def _about(asked: AccountQuestion) -> str:
    """Return what the title says of what is asked; empty: nothing."""
    words = (*asked.capabilities, *asked.roles, asked.class_name, asked.text)
    named = ", ".join(word for word in words if word)
    return f"{named}{as_of(asked.at)}".strip()


def state_of(*, is_active: bool, is_superuser: bool, is_locked: bool) -> str:
    """Return the state of an account in a word."""
    words = (("gone", not is_active), ("superuser", is_superuser), ("locked", is_locked))
    return ", ".join(word for word, holds in words if holds) or "active"


def _row(item: AccountLine, at: datetime | None) -> tuple[Value, ...]:
    state = state_of(
        is_active=item.is_active, is_superuser=item.is_superuser, is_locked=item.is_locked
    )
    return (
        account_link(item.instance, item.name, at),
        instance_link(item.instance),
        item.engine,
        item.kind,
        state,
        item.can_login,
        item.last_change_at,
    )


RESOURCES = (
    Resource(
        "accounts",
        every,
        (LIST,),
        (
            Parameter("name"),
            Parameter("match", Shape.CHOICE, tuple(NameMatch), default=NameMatch.BEGINS),
            INSTANCE,
            ENGINE,
            TAG,
            ENVIRONMENT,
            Parameter("capability", Shape.CHOICE, tuple(Capability), is_many=True),
            Parameter("role", is_many=True),
            Parameter("class"),
            SINCE,
            UNTIL,
            AT,
            Parameter("superusers", Shape.FLAG),
            Parameter("locked", Shape.FLAG),
            Parameter("login", Shape.FLAG),
            Parameter("gone", Shape.FLAG),
            SYSTEM,
        ),
    ),
)
