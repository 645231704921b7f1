"""A resource: one question, with its page, its place in the API, its form and its columns.

Another page of the console is another one of these in `resources/every.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sync_pipeline.web.asked import Asked, Parameter, Shape
from sync_pipeline.web.views import Column, Layout, View
from sync_pipeline.workflows.console.answers import Answers

API, SORT = "/api/v1", "sort"


@dataclass(frozen=True, slots=True)
class Resource:
    """A question that has an address.

    `answer` returns None where what is asked for does not exist, or is out of reach. `orders` are
    the values of `sort`, each also with `-` in front. `first_sort` is what is meant where none is
    given; else it is the first of them. `kept_empty` are the tables of several that a page shows
    without a row, too, and `paged` the one of several that has pages. `is_listed`: it is in the
    navigation. `has_page`: it is not of the API alone.
    """

    name: str
    answer: Callable[[Answers, Asked], View | None]
    layouts: tuple[Layout, ...]
    parameters: tuple[Parameter, ...] = ()
    facts: tuple[Column, ...] = ()
    kept_empty: tuple[str, ...] = ()
    orders: tuple[str, ...] = ()
    first_sort: str = ""
    paged: tuple[str, ...] = ()
    is_listed: bool = True
    has_page: bool = True

    @property
    def page(self) -> str:
        """Return the path of its page."""
        return f"/{self.name}"

    @property
    def api(self) -> str:
        """Return its path in the API."""
        return f"{API}/{self.name}"

    @property
    def everything(self) -> tuple[Parameter, ...]:
        """Return its parameters, and the one that sorts."""
        if not self.orders:
            return self.parameters
        choices = tuple(f"{sign}{order}" for order in self.orders for sign in ("", "-"))
        return (*self.parameters, Parameter(SORT, Shape.CHOICE, choices))

    def sort_of(self, asked: Asked) -> str:
        """Return the value of `sort` that a request means; empty where there is no order."""
        return asked.text(SORT) or self.first_sort or (self.orders[0] if self.orders else "")

    @property
    def required(self) -> tuple[str, ...]:
        """Return the names of the parameters without which there is no question."""
        return tuple(item.name for item in self.parameters if item.is_required)
