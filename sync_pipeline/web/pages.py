"""Pages: an answer in HTML. Whatever is put into one is text, and what would hide is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache, partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from sync_pipeline.model.text import shortened
from sync_pipeline.model.viewer import Viewer
from sync_pipeline.report.readable import shown_size
from sync_pipeline.visible import visible_lines
from sync_pipeline.web.addresses import SERVED, Addresses
from sync_pipeline.web.asked import Asked, Parameter
from sync_pipeline.web.plots import drawing
from sync_pipeline.web.problems import Problem
from sync_pipeline.web.resource import Resource
from sync_pipeline.web.resources.every import RESOURCES
from sync_pipeline.web.texts import Texts
from sync_pipeline.web.views import Column, Link, Tree, View

SHOWN, LONGEST = 80, 400
"""Characters of a name, and of a text, that a table shows; the rest is a click or a look away."""

_GOOD = frozenset({"well", "synced", "completed", "active", "read"})
_BAD = frozenset({"failing", "failed", "critical", "high", "superuser", "power given", "given"})
_ODD = frozenset(
    {"overdue", "never-reached", "medium", "cancelled", "skipped", "unknown", "denied", "held"}
)


@dataclass(frozen=True, slots=True)
class Look:
    """Whom a page is for: the viewer, the language, whether there is a login to end, its links."""

    texts: Texts
    viewer: Viewer | None = None
    has_login: bool = False
    at: Addresses = SERVED


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
        export=partial(look.at.download, resource, asked),
        page_address=partial(look.at.following, resource, asked),
        sort_address=partial(look.at.sorting, resource, asked),
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


def export_page(
    look: Look, about: Mapping[str, Any], asked: Sequence[tuple[Resource, str, str]]
) -> str:
    """Return the first page of an export: what it is, and what is in it.

    `asked` are its lists and questions: of which resource, about what, and the file of each.
    """
    return _page("export.html.j2", look, resource=None, about=about, asked=asked, left=RESOURCES)


def _page(template: str, look: Look, **values: Any) -> str:
    shown: dict[str, Any] = {
        "t": look.texts,
        "viewer": look.viewer,
        "has_login": look.has_login,
        "at": look.at,
        "navigation": look.at.navigation(RESOURCES),
        "is_reloading": False,
        "longest": LONGEST,
        **values,
    }
    found = _environment().get_template(template)
    # A lone surrogate is no character: `visible` shows it, and the rest is ours.
    return found.render(shown)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("sync_pipeline.web", "templates"),
        autoescape=True,
        finalize=_seen,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )

    made.filters.update(short=_short, moment=_moment, whole=_whole, mood=_mood, href=_href)
    made.filters.update(size=_size, change=_change, drawn=drawing)
    made.tests.update(
        moment=lambda value: isinstance(value, datetime),
        day=lambda value: isinstance(value, date),
        link=lambda value: isinstance(value, Link),
        lines=lambda value: isinstance(value, tuple),
        tree=lambda value: isinstance(value, Tree),
        # What is copied has to be the statement itself, and not what is shown of it.
        exact=lambda value: _seen(str(value)) == value,
    )
    return made


@pass_context
def _href(context: Context, link: Link) -> str:
    """Return where a link leads on this page; empty: nowhere."""
    at: Addresses = context["at"]
    return at.link(link)


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
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else value


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


def _sorted_by(resource: Resource, asked: Asked) -> Callable[[Column], str]:
    def sorted_by(column: Column) -> str:
        now = resource.sort_of(asked)
        if not column.order or now.removeprefix("-") != column.order:
            return ""
        return "descending" if now.startswith("-") else "ascending"

    return sorted_by
