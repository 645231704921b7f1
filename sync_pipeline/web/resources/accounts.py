"""Accounts: found by name in the whole fleet, and one of them with what it can really do."""

from __future__ import annotations

from sync_pipeline.model.access import EffectivePrivilege, path_text
from sync_pipeline.model.change import Baseline, LoggedChange
from sync_pipeline.model.finding import Finding
from sync_pipeline.model.page import (
    AccountLine,
    AccountQuestion,
    NameMatch,
    Place,
    checked_key,
    page_of_list,
)
from sync_pipeline.web.asked import Asked, Parameter, Shape
from sync_pipeline.web.resource import Resource
from sync_pipeline.web.resources.findings import LIST as EACH
from sync_pipeline.web.resources.findings import finding_row
from sync_pipeline.web.resources.links import account_link, instance_link, session_link
from sync_pipeline.web.resources.parameters import ENGINE, ENVIRONMENT, INSTANCE, SYSTEM, TAG
from sync_pipeline.web.resources.who_can import notes_of
from sync_pipeline.web.views import Column, Kind, Layout, Link, Value, View
from sync_pipeline.workflows.console.answers import AccountAnswer, Answers

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
FACTS = (
    Column("instance", Kind.NAME),
    Column("engine"),
    Column("kind"),
    Column("state", Kind.STATE),
    Column("can_login", Kind.FLAG),
    Column("first_seen", Kind.MOMENT),
    Column("last_seen", Kind.MOMENT),
    Column("last_change", Kind.MOMENT),
    Column("session", Kind.NAME),
    Column("roles", Kind.LINES),
    Column("attributes", Kind.LINES),
    Column("settings", Kind.LINES),
    Column("elsewhere"),
)
POWERS = Layout(
    "powers",
    (Column("power"), Column("when"), Column("path", Kind.PROSE), Column("given_by", Kind.PROSE)),
)
PRIVILEGES = Layout(
    "privileges",
    (
        Column("privilege"),
        Column("object"),
        Column("when"),
        Column("path", Kind.PROSE),
        Column("given_by", Kind.PROSE),
        Column("grantable", Kind.FLAG),
        Column("lacks"),
    ),
)
FINDINGS = Layout(
    "findings",
    (
        Column("severity", Kind.STATE),
        Column("since", Kind.MOMENT),
        Column("rule"),
        Column("evidence", Kind.PROSE),
        Column("path", Kind.PROSE),
        Column("fix", Kind.CODE),
        Column("left", Kind.PROSE),
        Column("breaks", Kind.PROSE),
        Column("undo", Kind.CODE),
    ),
)
HISTORY = Layout(
    "history",
    (
        Column("when", Kind.MOMENT),
        Column("change"),
        Column("what", Kind.LINES),
        Column("session", Kind.NAME),
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
    page = answers.accounts(question, asked.place)
    return View((LIST.of(map(_row, page.items), page.next),))


def one(answers: Answers, asked: Asked) -> View | None:
    """Return all of an account, with a page of its privileges."""
    found = answers.account(asked.text("instance"), asked.text("name"))
    if found is None:
        return None
    access = found.access
    privileges = page_of_list(
        enumerate(access.privileges if access else ()),
        Place(asked.place.limit, checked_key(asked.place.after, int, int)),
        lambda item: (item[0],),
    )
    powers = access.powers if access else ()
    unread = tuple(f"{item.key}: {item.report.reason}" for item in found.unread)
    return View(
        about=found.view.state.name,
        facts=tuple(zip(FACTS, _facts(found), strict=True)),
        notes=tuple(
            dict.fromkeys((*(notes_of(access) if access else ()), *unread, *_denied(found)))
        ),
        tables=(
            POWERS.of(
                (str(item.kind), str(item.availability), path_text(item.path), item.source)
                for item in powers
            ),
            PRIVILEGES.of(
                (_privilege(item) for _, item in privileges.items),
                privileges.next,
                privileges.total,
            ),
            FINDINGS.of(_finding(item) for item in found.findings),
            HISTORY.of(map(_change, found.changes)),
        ),
    )


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


def _facts(found: AccountAnswer) -> tuple[Value, ...]:
    view, state = found.view, found.view.state
    return (
        instance_link(view.instance),
        view.engine,
        str(state.kind),
        state_of(
            is_active=view.is_active, is_superuser=state.is_superuser, is_locked=state.is_locked
        ),
        state.can_login,
        view.first_seen_at,
        view.last_seen_at,
        view.last_change_at,
        session_link(view.session_id),
        tuple(str(item) for item in state.memberships),
        tuple(f"{name}: {value}" for name, value in state.attributes),
        tuple(str(item) for item in state.settings),
        Link(
            state.name,
            "/accounts",
            {"name": state.name, "match": NameMatch.EXACT, SYSTEM.name: "yes"},
        ),
    )


def _denied(found: AccountAnswer) -> tuple[str, ...]:
    return tuple(f"denied: {text}" for text in found.access.denied) if found.access else ()


def _privilege(item: EffectivePrivilege) -> tuple[Value, ...]:
    return (
        item.privilege,
        str(item.securable),
        str(item.availability),
        path_text(item.path),
        item.source,
        item.grantable,
        "; ".join(item.lacking),
    )


def _finding(item: Finding) -> tuple[Value, ...]:
    """Return a finding without whose it is."""
    known = dict(zip((column.name for column in EACH.columns), finding_row(item), strict=True))
    return tuple(known[column.name] for column in FINDINGS.columns)


def _change(item: LoggedChange | Baseline) -> tuple[Value, ...]:
    session = session_link(item.session_id)
    if isinstance(item, Baseline):
        return item.changed_at, "baseline", (), session
    return item.changed_at, str(item.change.change_type), tuple(item.change.lines), session


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
    Resource(
        "account",
        one,
        (POWERS, PRIVILEGES, FINDINGS, HISTORY),
        (
            Parameter("instance", Shape.INSTANCE, is_required=True),
            Parameter("name", is_required=True),
        ),
        FACTS,
        ("privileges", "findings"),
        paged=("privileges",),
        is_listed=False,
    ),
)
