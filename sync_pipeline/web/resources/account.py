"""One account: what it is and can really do, now or at a moment, and its namesakes."""

from __future__ import annotations

from collections.abc import Iterator

from sync_pipeline.access.roles import Branch, RoleTree
from sync_pipeline.model.access import EffectivePrivilege, path_text
from sync_pipeline.model.change import Baseline, LoggedChange
from sync_pipeline.model.finding import Finding
from sync_pipeline.model.imported import ImportedChange
from sync_pipeline.model.page import AccountLine, NameMatch, Place, checked_key, page_of_list
from sync_pipeline.model.past import Which
from sync_pipeline.web.asked import Asked, Parameter, Shape
from sync_pipeline.web.resource import Resource
from sync_pipeline.web.resources.accounts import state_of
from sync_pipeline.web.resources.findings import LIST as EACH
from sync_pipeline.web.resources.findings import finding_row
from sync_pipeline.web.resources.imported import BEFORE, FROM, before_row
from sync_pipeline.web.resources.lines import lines_of_account, lines_of_change
from sync_pipeline.web.resources.links import account_link, instance_link, session_link, shown_at
from sync_pipeline.web.resources.parameters import AT, SYSTEM, as_of, moment
from sync_pipeline.web.resources.who_can import notes_of
from sync_pipeline.web.views import Column, Kind, Layout, Link, Tree, Value, View
from sync_pipeline.workflows.console.accounts import AccountAnswer
from sync_pipeline.workflows.console.answers import Answers

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
    Column("last_used", Kind.MOMENT),
    Column("use", Kind.LINES),
    Column("roles", Kind.LINES),
    Column("role_tree", Kind.TREE),
    Column("attributes", Kind.LINES),
    Column("settings", Kind.LINES),
    Column("elsewhere"),
    Column("compare"),
    Column("all_changes"),
    Column("since_when"),
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
        FROM,
    ),
)

ELSEWHERE = Layout(
    "elsewhere",
    (
        Column("instance", Kind.NAME),
        Column("state", Kind.STATE),
        Column("superuser", Kind.FLAG),
        Column("can_login", Kind.FLAG),
        Column("locked", Kind.FLAG),
        Column("last_change", Kind.MOMENT),
        Column("differs", Kind.LINES),
        Column("compare"),
    ),
)
_OF_NOW = FINDINGS.name, ELSEWHERE.name
WHOSE = (Column("account", Kind.NAME), Column("instance", Kind.NAME))
INSTANCE, NAME = (
    Parameter("instance", Shape.INSTANCE, is_required=True),
    Parameter("name", is_required=True),
)


def one(answers: Answers, asked: Asked) -> View | None:
    """Return all of an account, now or at a moment, with a page of its privileges."""
    which = Which(asked.text(INSTANCE.name), asked.text(NAME.name), moment(answers, asked))
    found = answers.accounts.one(which)
    if found is None:
        return None
    access = found.access
    privileges = page_of_list(
        enumerate(access.privileges if access else ()),
        Place(asked.place.limit, checked_key(asked.place.after, int, int)),
        lambda item: (item[0],),
    )
    powers = access.powers if access else ()
    return View(
        about=f"{found.state.name}{as_of(found.at)}",
        facts=tuple(zip(FACTS, _facts(found), strict=True)),
        notes=tuple(dict.fromkeys(_notes(found))),
        left_out=_OF_NOW if found.at else (),
        tables=(
            POWERS.of(
                (str(item.kind), str(item.availability), path_text(item.path), item.source)
                for item in powers
            ),
            PRIVILEGES.of(
                (privilege_row(item) for _, item in privileges.items),
                privileges.next,
                privileges.total,
            ),
            FINDINGS.of(_finding(item) for item in found.findings),
            ELSEWHERE.of(_namesake(found, item) for item in found.namesakes),
            HISTORY.of(map(change_row, found.changes)),
            BEFORE.of(map(before_row, found.before)),
        ),
    )


def history(answers: Answers, asked: Asked) -> View | None:
    """Return a page of all changes of an account."""
    which = Which(asked.text(INSTANCE.name), asked.text(NAME.name), moment(answers, asked))
    found = answers.accounts.history(which, asked.place)
    if found is None:
        return None
    named = account_link(which.instance, which.account, which.at)
    sides = named if found.is_here else which.account, instance_link(which.instance)
    return View(
        (
            HISTORY.of(map(change_row, found.page.items), found.page.next),
            BEFORE.of(map(before_row, found.before)),
        ),
        tuple(zip(WHOSE, sides, strict=True)),
        about=f"{which.account}{as_of(which.at)}",
    )


def _notes(found: AccountAnswer) -> Iterator[str]:
    if found.at is not None:
        yield "Findings and accounts of the same name are not asked of a past moment."
        if not found.is_active:
            at = shown_at(found.at)
            yield f"{found.state.name} was gone by {at}: this is its last state."
    yield from notes_of(found.access) if found.access else found.notes
    yield from (f"{item.key}: {item.report.reason}" for item in found.unread)
    denied = found.access.denied if found.access else ()
    yield from lines_of_account([f"denied: {text}" for text in denied])
    if found.has_more_namesakes:
        yield "There are more accounts of this name than are shown here."


def _facts(found: AccountAnswer) -> tuple[Value, ...]:
    view, state = found.view, found.state
    which = {"instance": view.instance, "name": state.name}
    until = {AT.name: shown_at(found.at)} if found.at else {}
    return (
        instance_link(view.instance),
        view.engine,
        str(state.kind),
        state_of(
            is_active=found.is_active, is_superuser=state.is_superuser, is_locked=state.is_locked
        ),
        state.can_login,
        view.first_seen_at,
        *_last(found),
        found.last_used_at,
        lines_of_account(list(found.used)),
        lines_of_account([str(item) for item in state.memberships]),
        _tree(found),
        lines_of_account([f"{name}: {value}" for name, value in state.attributes]),
        lines_of_account([str(item) for item in state.settings]),
        Link(
            state.name,
            "/accounts",
            {"name": state.name, "match": NameMatch.EXACT, SYSTEM.name: "yes"},
        ),
        # With what it is now: of who is gone nothing can be compared.
        Link("compare", "/compare", {**which, **until})
        if found.is_active and view.is_active
        else None,
        Link("changes", "/history", {**which, **until}) if found.has_more_changes else None,
        Link("powers", "/tenure", which),
    )


def _last(found: AccountAnswer) -> tuple[Value, ...]:
    """Return when it was last seen, when it last changed, and by which session that is known."""
    view = found.view
    if found.at is None:
        return view.last_seen_at, view.last_change_at, session_link(view.session_id)
    ours = (item for item in found.changes if not isinstance(item, ImportedChange))
    last = next(ours, None)
    if last is None:
        return None, None, None
    return None, last.changed_at, session_link(last.session_id)


def _tree(found: AccountAnswer) -> Tree | None:
    """Return the roles, each of which leads to its page."""
    roles: RoleTree = found.roles
    if not roles.branches:
        return None

    def branch(item: Branch) -> Tree:
        return Tree(
            account_link(found.view.instance, item.role, found.at) if item.is_known else item.role,
            item.granted,
            tuple(map(branch, item.branches)),
            item.is_repeated,
            item.more,
        )

    return Tree(None, "", tuple(map(branch, roles.branches)), more=roles.more)


def _namesake(found: AccountAnswer, item: AccountLine) -> tuple[Value, ...]:
    own = found.state
    differences = (
        ("kind", item.kind != own.kind),
        ("state", item.is_active != found.is_active),
        ("superuser", item.is_superuser != own.is_superuser),
        ("can log in", item.can_login != own.can_login),
        ("locked", item.is_locked != own.is_locked),
    )
    sides = {"instance": found.view.instance, "name": own.name}
    return (
        Link(item.instance, "/account", {"instance": item.instance, "name": item.name}),
        state_of(
            is_active=item.is_active, is_superuser=item.is_superuser, is_locked=item.is_locked
        ),
        item.is_superuser,
        item.can_login,
        item.is_locked,
        item.last_change_at,
        tuple(word for word, is_other in differences if is_other),
        Link("compare", "/compare", {**sides, "other-instance": item.instance})
        if item.is_active and found.is_active
        else None,
    )


def privilege_row(item: EffectivePrivilege) -> tuple[Value, ...]:
    """Return a privilege as tables have it."""
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


def change_row(item: LoggedChange | Baseline | ImportedChange) -> tuple[Value, ...]:
    """Return a change as tables have it."""
    session = session_link(item.session_id) if item.session_id else None
    if isinstance(item, Baseline):
        return item.changed_at, "baseline", (), session, None
    if isinstance(item, ImportedChange):
        lines = lines_of_change(item.lines)
        return item.changed_at, item.change_type, lines, session, item.source
    return (
        item.changed_at,
        str(item.change.change_type),
        lines_of_change(item.change.lines),
        session,
        None,
    )


RESOURCES = (
    Resource(
        "account",
        one,
        (POWERS, PRIVILEGES, FINDINGS, ELSEWHERE, HISTORY, BEFORE),
        (INSTANCE, NAME, AT),
        FACTS,
        ("privileges", "findings"),
        paged=("privileges",),
        is_listed=False,
    ),
    Resource(
        "history",
        history,
        (HISTORY, BEFORE),
        (INSTANCE, NAME, AT),
        WHOSE,
        ("history",),
        paged=("history",),
        is_listed=False,
    ),
)
