"""Two accounts side by side: what each is and can do that the other is not, or can not."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sync_pipeline.access.answers import AccessComparison, AccessDifference
from sync_pipeline.access.telling import side_text
from sync_pipeline.model.access import Power, path_text
from sync_pipeline.model.account import AttributeValue
from sync_pipeline.model.gap import Gap
from sync_pipeline.model.page import Place, checked_key, page_of_list
from sync_pipeline.model.past import Which
from sync_pipeline.web.asked import Asked, Parameter, Shape
from sync_pipeline.web.resource import Resource
from sync_pipeline.web.resources.account import INSTANCE, NAME
from sync_pipeline.web.resources.links import account_link, instance_link
from sync_pipeline.web.resources.parameters import AT, moment
from sync_pipeline.web.resources.who_can import notes_of
from sync_pipeline.web.views import Column, Kind, Layout, Value, View
from sync_pipeline.workflows.console.answers import Answers

OTHER_INSTANCE = Parameter("other-instance", Shape.INSTANCE)
OTHER_NAME = Parameter("other-name")
OTHER_AT = Parameter("other-at")
FACTS = (
    Column("first", Kind.NAME),
    Column("first_instance", Kind.NAME),
    Column("first_at", Kind.MOMENT),
    Column("second", Kind.NAME),
    Column("second_instance", Kind.NAME),
    Column("second_at", Kind.MOMENT),
    Column("equal", Kind.FLAG),
    Column("alike_privileges", Kind.NUMBER),
    Column("alike_roles", Kind.NUMBER),
    Column("alike_attributes", Kind.NUMBER),
)
_SIDES = (Column("of_first", Kind.PROSE), Column("of_second", Kind.PROSE))
ATTRIBUTES = Layout("attributes", (Column("attribute"), *_SIDES))
ROLES = Layout(
    "roles",
    (
        Column("role_name", Kind.NAME),
        Column("has_first", Kind.FLAG),
        Column("has_second", Kind.FLAG),
    ),
)
POWERS = Layout("powers", (Column("power"), *_SIDES))
DIFFERENCES = Layout(
    "differences",
    (Column("object"), Column("privilege"), *_SIDES, Column("not_known", Kind.LINES)),
)


_ONE = (
    "These are one account at one moment: name another account, another instance or another moment."
)


def both(answers: Answers, asked: Asked) -> View | None:
    """Return how two accounts differ, each at its moment, with a page of what they can do.

    Raises:
        ConfigurationError: a moment has not come, or is before what is kept.
    """
    instance, name = asked.text(INSTANCE.name), asked.text(NAME.name)
    first = Which(instance, name, moment(asked))
    second = Which(
        asked.text(OTHER_INSTANCE.name) or instance,
        asked.text(OTHER_NAME.name) or name,
        moment(asked, OTHER_AT),
    )
    found = answers.accounts.compared(first, second)
    if found is None:
        return None
    page = page_of_list(
        enumerate(found.differences),
        Place(asked.place.limit, checked_key(asked.place.after, int, int)),
        lambda item: (item[0],),
    )
    return View(
        about=f"{first.account}, {second.account}",
        facts=tuple(zip(FACTS, _facts(found, first, second), strict=True)),
        notes=(*((_ONE,) if first == second else ()), *notes_of(found)),
        tables=(
            ATTRIBUTES.of(
                (item.name, _shown(item.first), _shown(item.second)) for item in found.attributes
            ),
            ROLES.of(_roles(found, first, second)),
            POWERS.of(_powers(found)),
            DIFFERENCES.of(
                (_difference(item, found.everywhere) for _, item in page.items),
                page.next,
                page.total,
            ),
        ),
    )


def _facts(found: AccessComparison, first: Which, second: Which) -> tuple[Value, ...]:
    return (
        *_side(first),
        *_side(second),
        found.is_equal and not (found.attributes or found.roles_of_first or found.roles_of_second),
        found.alike.privileges,
        found.alike.roles,
        found.alike.attributes,
    )


def _side(which: Which) -> tuple[Value, ...]:
    link = account_link(which.instance, which.account, which.at)
    return link, instance_link(which.instance), which.at


def _roles(found: AccessComparison, first: Which, second: Which) -> Iterator[tuple[Value, ...]]:
    for role in found.roles_of_first:
        yield account_link(first.instance, role, first.at), True, False
    for role in found.roles_of_second:
        yield account_link(second.instance, role, second.at), False, True


def _powers(found: AccessComparison) -> Iterator[tuple[Value, ...]]:
    for power in found.powers_of_first:
        yield str(power.kind), _power(power), "no"
    for power in found.powers_of_second:
        yield str(power.kind), "no", _power(power)


def _power(power: Power) -> str:
    return f"{power.availability}: {path_text(power.path)}"


def _difference(item: AccessDifference, once: Collection[Gap]) -> tuple[Value, ...]:
    """Return a row; what is said `once` in the notes is left out of its last column."""
    return (
        str(item.securable),
        item.privilege,
        side_text(item.first, item.unknown),
        side_text(item.second, item.unknown),
        tuple(gap for gap in item.unknown if gap not in once),
    )


def _shown(value: AttributeValue) -> str | None:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return None if value is None else str(value)


RESOURCES = (
    Resource(
        "compare",
        both,
        (ATTRIBUTES, ROLES, POWERS, DIFFERENCES),
        (INSTANCE, NAME, AT, OTHER_INSTANCE, OTHER_NAME, OTHER_AT),
        FACTS,
        ("differences",),
        paged=("differences",),
    ),
)
