"""Accounts, found by name in the whole fleet."""

from __future__ import annotations

from sync_pipeline.model.page import (
    AccountLine,
    AccountQuestion,
    NameMatch,
)
from sync_pipeline.web.asked import Asked, Parameter, Shape
from sync_pipeline.web.resource import Resource
from sync_pipeline.web.resources.links import account_link, instance_link
from sync_pipeline.web.resources.parameters import ENGINE, ENVIRONMENT, INSTANCE, SYSTEM, TAG
from sync_pipeline.web.views import Column, Kind, Layout, Value, View
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
    ),
)


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
    )
    page = answers.accounts.page(question, asked.place)
    return View((LIST.of(map(_row, page.items), page.next),))


def state_of(*, is_active: bool, is_superuser: bool, is_locked: bool) -> str:
    """Return the state of an account in a word."""
    words = (("gone", not is_active), ("superuser", is_superuser), ("locked", is_locked))
    return ", ".join(word for word, holds in words if holds) or "active"


def _row(item: AccountLine) -> tuple[Value, ...]:
    state = state_of(
        is_active=item.is_active, is_superuser=item.is_superuser, is_locked=item.is_locked
    )
    return (
        account_link(item.instance, item.name),
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
            Parameter("superusers", Shape.FLAG),
            Parameter("locked", Shape.FLAG),
            Parameter("login", Shape.FLAG),
            Parameter("gone", Shape.FLAG),
            SYSTEM,
        ),
    ),
)
