"""Where a page leads: to other pages of the console that serves it, or to files beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol
from urllib.parse import quote_plus

from sync_pipeline.model.page import Key
from sync_pipeline.web.asked import AFTER, FORMAT, TABLE, Asked, encoded
from sync_pipeline.web.resource import SORT, Resource
from sync_pipeline.web.views import Column, Link, Table

HOME, STATIC = "/", "/static/"
_MOST_KEPT, _LONGEST_KEPT = 2000, 200
"""Texts of addresses that are kept as they are written there, and the characters of one."""


class Addresses(Protocol):
    """What a page leads to. An empty address is none: its text is shown without a link.

    `is_file`: nobody serves the page, so there is no form, no script and no API.
    """

    @property
    def is_file(self) -> bool:
        """Return whether the page is a file."""

    @property
    def stamp(self) -> str:
        """Return what a file says of when and by what it was written; empty: it is none."""

    @property
    def home(self) -> str:
        """Return where everything begins."""

    @property
    def static(self) -> str:
        """Return what stands before the name of a style or a picture."""

    def navigation(self, resources: Sequence[Resource]) -> list[tuple[Resource, str]]:
        """Return the pages that every page leads to."""

    def page(self, resource: Resource) -> str:
        """Return the page of a resource without any filter."""

    def link(self, link: Link) -> str:
        """Return what a value leads to."""

    def download(self, resource: Resource, asked: Asked, form: str, table: Table) -> str:
        """Return the table as data: CSV, or JSON where no form is given."""

    def following(self, resource: Resource, asked: Asked, key: Key | None) -> str:
        """Return the page that begins after a key; None: the first one."""

    def sorting(self, resource: Resource, asked: Asked, column: Column) -> str:
        """Return the page that a column sorts."""


@dataclass(frozen=True, slots=True)
class Served:
    """Addresses of the console, and of Dagster's UI where it may be linked to."""

    dagster_url: str = ""
    is_file: bool = False
    stamp: str = ""
    home: str = HOME
    static: str = STATIC

    def navigation(self, resources: Sequence[Resource]) -> list[tuple[Resource, str]]:
        """Return every resource that is listed."""
        return [(item, item.page) for item in resources if item.is_listed]

    def page(self, resource: Resource) -> str:
        """Return its path."""
        return resource.page

    def link(self, link: Link) -> str:
        """Return a path and its query; empty for Dagster's UI where that has no address."""
        if link.is_outside:
            return f"{self.dagster_url}{address(link)}" if self.dagster_url else ""
        return address(link)

    def download(self, resource: Resource, asked: Asked, form: str, table: Table) -> str:
        """Return the address of the API with the same question."""
        of_table = table.layout.name if form and len(resource.layouts) > 1 else ""
        values = {FORMAT: form, TABLE: of_table, AFTER: encoded(asked.place.after)}
        return f"{resource.api}?{asked.query(**values)}"

    def following(self, resource: Resource, asked: Asked, key: Key | None) -> str:
        """Return the same question after a key."""
        return f"{resource.page}?{asked.query(**{AFTER: encoded(key)})}"

    def sorting(self, resource: Resource, asked: Asked, column: Column) -> str:
        """Return the same question, sorted by a column, or the other way round."""
        now = resource.sort_of(asked)
        wanted = f"-{column.order}" if now == column.order else column.order
        return f"{resource.page}?{asked.query(**{SORT: wanted})}"


SERVED = Served()


def address(link: Link) -> str:
    """Return the path and the query of a link."""
    pairs = [f"{_quoted(name)}={_quoted(value)}" for name, value in link.values.items()]
    return f"{link.address}?{'&'.join(pairs)}" if pairs else link.address


@lru_cache(_MOST_KEPT)
def _kept(text: str) -> str:
    return quote_plus(text, errors="replace")


def _quoted(text: str) -> str:
    """Return a text as an address has it: most are in many links, and are so made once."""
    return _kept(text) if len(text) <= _LONGEST_KEPT else quote_plus(text, errors="replace")
