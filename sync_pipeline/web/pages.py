"""Pages: an answer in HTML. Whatever is put into one is text, and what would hide is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from sync_pipeline.catalogs import LANGUAGES
from sync_pipeline.model.viewer import Viewer
from sync_pipeline.web.addresses import SERVED, Addresses
from sync_pipeline.web.asked import Asked, Parameter
from sync_pipeline.web.cells import Cells, seen, short, whole
from sync_pipeline.web.plots import drawing
from sync_pipeline.web.problems import Problem
from sync_pipeline.web.resource import Resource
from sync_pipeline.web.resources.every import RESOURCES
from sync_pipeline.web.texts import Texts
from sync_pipeline.web.views import Column, Link, View


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
    cells = Cells(look.texts, look.at)
    shown: dict[str, Any] = {
        "t": look.texts,
        "viewer": look.viewer,
        "has_login": look.has_login,
        "at": look.at,
        "navigation": look.at.navigation(RESOURCES),
        "is_reloading": False,
        "cell": cells.cell,
        "rows": cells.rows,
        **values,
    }
    found = _environment().get_template(template)
    # A lone surrogate is no character: `visible` shows it, and the rest is ours.
    return found.render(shown)


def prepare() -> None:
    """Read every template and text, before processes are forked that have them in common."""
    for name in _environment().list_templates(["j2"]):
        _environment().get_template(name)
    for language in LANGUAGES:
        Texts(language).has("")


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("sync_pipeline.web", "templates"),
        autoescape=True,
        finalize=seen,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )

    made.filters.update(short=short, whole=whole, href=_href, drawn=drawing)
    return made


@pass_context
def _href(context: Context, link: Link) -> str:
    """Return where a link leads on this page; empty: nowhere."""
    at: Addresses = context["at"]
    return at.link(link)


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
