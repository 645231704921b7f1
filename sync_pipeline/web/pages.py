"""Pages: an answer in HTML. Whatever is put into one is text, and what would hide is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined

from sync_pipeline.model.page import Key
from sync_pipeline.model.text import shortened
from sync_pipeline.model.viewer import Viewer
from sync_pipeline.report.readable import shown_size
from sync_pipeline.visible import visible_lines
from sync_pipeline.web.asked import AFTER, FORMAT, TABLE, Asked, Parameter, encoded
from sync_pipeline.web.plots import drawing
from sync_pipeline.web.problems import Problem
from sync_pipeline.web.resource import SORT, Resource
from sync_pipeline.web.resources.every import RESOURCES
from sync_pipeline.web.texts import Texts
from sync_pipeline.web.views import Column, Link, Table, View

SHOWN, LONGEST = 80, 240
"""Characters of a name, and of a text, that a table shows; the rest is a click or a look away."""

_GOOD = frozenset({"well", "synced", "completed", "active", "read"})
_BAD = frozenset({"failing", "failed", "critical", "high", "superuser", "power given", "given"})
_ODD = frozenset(
    {"overdue", "never-reached", "medium", "cancelled", "skipped", "unknown", "denied", "held"}
)


@dataclass(frozen=True, slots=True)
class Look:
    """Whom a page is for: the viewer, the language, and whether there is a login to end."""

    texts: Texts
    viewer: Viewer | None = None
    has_login: bool = False
    dagster_url: str = ""


def view_page(look: Look, resource: Resource, asked: Asked, view: View | None) -> str:
    """Return the page of an answer; None: nothing was asked yet."""
    fields = _fields(resource)
    return _page(
        "view.html.j2",
        look,
        resource=resource,
        asked=asked,
        view=view,
        fields=fields,
        is_narrowed=any(asked.many(item.name) for item in resource.parameters),
        export=_export(resource, asked),
        page_address=_page_address(resource, asked),
        sort_address=_sort_address(resource, asked),
        sorted_by=_sorted_by(resource, asked),
    )


def problem_page(look: Look, problem: Problem, resource: Resource | None = None) -> str:
    """Return the page that says why there is no answer."""
    return _page("problem.html.j2", look, problem=problem, resource=resource)


def login_page(
    look: Look, following: str, sentence: str = "", *, is_reloading: bool = False
) -> str:
    """Return the page that asks for a token.

    `is_reloading`: the browser asks once more by itself. A link on another site's page brings no
    cookie (RFC 6265bis, 5.2): the same request from this page does.
    """
    return _page(
        "login.html.j2",
        look,
        resource=None,
        next=following,
        sentence=sentence,
        is_reloading=is_reloading,
    )


def _page(template: str, look: Look, **values: Any) -> str:
    shown: dict[str, Any] = {
        "t": look.texts,
        "viewer": look.viewer,
        "has_login": look.has_login,
        "navigation": [item for item in RESOURCES if item.is_listed],
        "is_reloading": False,
        "longest": LONGEST,
        **values,
    }
    found = _environment(look.dagster_url).get_template(template)
    # A lone surrogate is no character: `visible` shows it, and the rest is ours.
    return found.render(shown)


@cache
def _environment(dagster_url: str) -> Environment:
    made = Environment(
        loader=PackageLoader("sync_pipeline.web", "templates"),
        autoescape=True,
        finalize=_seen,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )

    def href(link: Link) -> str:
        return f"{dagster_url if link.is_outside else ''}{address(link)}"

    made.filters.update(short=_short, moment=_moment, whole=_whole, mood=_mood, href=href)
    made.filters.update(size=_size, change=_change, drawn=drawing)
    made.tests.update(
        moment=lambda value: isinstance(value, datetime),
        day=lambda value: isinstance(value, date),
        link=lambda value: isinstance(value, Link) and bool(dagster_url or not value.is_outside),
        lines=lambda value: isinstance(value, tuple),
        # What is copied has to be the statement itself, and not what is shown of it.
        exact=lambda value: _seen(str(value)) == value,
    )
    return made


def address(link: Link) -> str:
    """Return the path and the query of a link."""
    query = urlencode(link.values, errors="replace")
    return f"{link.address}?{query}" if query else link.address


def _seen(value: object) -> object:
    """Return a text without what hides or turns other texts; Markup is the templates' own."""
    if type(value) is str:
        return visible_lines(value).replace("\t", " ")
    return visible_lines(value.text) if isinstance(value, Link) else value


def _short(text: str) -> str:
    return shortened(text, SHOWN)


def _moment(value: datetime) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"


def _whole(value: object) -> object:
    return f"{value:,}" if isinstance(value, int | float) else value


def _size(value: object) -> object:
    return shown_size(round(value)) if isinstance(value, int | float) else value


def _change(value: object) -> object:
    return f"{value:+,.1f} %" if isinstance(value, int | float) else value


def _mood(word: str) -> str:
    first = word.partition(",")[0]
    moods = (("good", _GOOD), ("bad", _BAD), ("odd", _ODD))
    return next((name for name, words in moods if first in words), "plain")


def _fields(resource: Resource) -> tuple[Parameter, ...]:
    """Return what the form of a page asks; nothing where there is nothing to choose."""
    is_chosen = resource.is_listed or any(not item.is_required for item in resource.parameters)
    return resource.parameters if is_chosen else ()


def _export(resource: Resource, asked: Asked) -> Callable[[str, Table], str]:
    def export(form: str, table: Table) -> str:
        of_table = table.layout.name if form and len(resource.layouts) > 1 else ""
        values = {FORMAT: form, TABLE: of_table, AFTER: encoded(asked.place.after)}
        return f"{resource.api}?{asked.query(**values)}"

    return export


def _page_address(resource: Resource, asked: Asked) -> Callable[[Key | None], str]:
    return lambda key: f"{resource.page}?{asked.query(**{AFTER: encoded(key)})}"


def _sort_address(resource: Resource, asked: Asked) -> Callable[[Column], str]:
    def sort_address(column: Column) -> str:
        now = asked.text(SORT) or resource.orders[0]
        wanted = f"-{column.order}" if now == column.order else column.order
        return f"{resource.page}?{asked.query(**{SORT: wanted})}"

    return sort_address


def _sorted_by(resource: Resource, asked: Asked) -> Callable[[Column], str]:
    def sorted_by(column: Column) -> str:
        now = asked.text(SORT) or (resource.orders[0] if resource.orders else "")
        if not column.order or now.removeprefix("-") != column.order:
            return ""
        return "descending" if now.startswith("-") else "ascending"

    return sorted_by
