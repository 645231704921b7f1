"""Since when accounts of an instance have a power, until when they had it, and by which path."""

from __future__ import annotations

from sync_pipeline.model.classification import Capability
from sync_pipeline.model.page import Place, checked_key, page_of_list
from sync_pipeline.model.past import Which
from sync_pipeline.model.tenure import Tenure
from sync_pipeline.web.asked import Asked, Parameter, Shape
from sync_pipeline.web.resource import Resource
from sync_pipeline.web.resources.lines import lines_of_tenure
from sync_pipeline.web.resources.links import account_link, instance_link
from sync_pipeline.web.resources.parameters import moment
from sync_pipeline.web.views import Column, Kind, Layout, Value, View
from sync_pipeline.workflows.console.answers import Answers

INSTANCE = Parameter("instance", Shape.INSTANCE, is_required=True)
NAME = Parameter("name")
CAPABILITY = Parameter(
    "capability",
    Shape.CHOICE,
    (
        Capability.SUPERUSER,
        Capability.ADMINISTRATOR,
        Capability.GRANT_ADMIN,
        Capability.DANGEROUS,
    ),
    default=Capability.SUPERUSER,
)
SINCE, UNTIL = Parameter("since"), Parameter("until")
_LONG_AGO = "90d"
"""Where no begin is given: all that is kept of a large instance is more than a page may take."""
FACTS = (Column("instance", Kind.NAME),)
TENURES = Layout(
    "tenures",
    (
        Column("account", Kind.NAME),
        Column("begin", Kind.STATE),
        Column("not_before", Kind.MOMENT),
        Column("held_by", Kind.MOMENT),
        Column("last_held", Kind.MOMENT),
        Column("gone_by", Kind.MOMENT),
        Column("path", Kind.LINES),
        Column("not_known", Kind.LINES),
    ),
)


def since_when(answers: Answers, asked: Asked) -> View | None:
    """Return a page of who had a power in a time, from when to when.

    Raises:
        ConfigurationError: the time ends before it begins, or has not come.
    """
    which = Which(asked.text(INSTANCE.name), asked.text(NAME.name))
    capability = Capability(asked.text(CAPABILITY.name) or CAPABILITY.default)
    since = answers.moment(asked.text(SINCE.name) or _LONG_AGO)
    found = answers.accounts.tenures(which, capability, since, moment(answers, asked, UNTIL))
    if found is None:
        return None
    page = page_of_list(
        enumerate(found.tenures),
        Place(asked.place.limit, checked_key(asked.place.after, int, int)),
        lambda item: (item[0],),
    )
    return View(
        about=which.account or which.instance,
        facts=((FACTS[0], instance_link(which.instance)),),
        notes=found.notes,
        tables=(TENURES.of((_row(item) for _, item in page.items), page.next, page.total),),
    )


def _row(item: Tenure) -> tuple[Value, ...]:
    return (
        account_link(item.instance, item.account),
        str(item.begin.kind),
        item.begin.after,
        item.begin.by,
        item.held_at,
        item.end.by if item.end else None,
        lines_of_tenure(tuple(item.by())),
        lines_of_tenure(tuple(map(str, item.blanks))),
    )


RESOURCES = (
    Resource(
        "tenure",
        since_when,
        (TENURES,),
        (INSTANCE, NAME, CAPABILITY, SINCE, UNTIL),
        FACTS,
        ("tenures",),
        paged=("tenures",),
    ),
)
