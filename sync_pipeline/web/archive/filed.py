"""Addresses between files: each leads to a file beside the page, or nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sync_pipeline.model.page import Key
from sync_pipeline.web.archive.trail import Question, Trail
from sync_pipeline.web.asked import Asked
from sync_pipeline.web.resource import Resource
from sync_pipeline.web.views import Column, Link, Table

INDEX, STYLES = "index.html", "static/"


@dataclass(frozen=True, slots=True)
class Filed:
    """Addresses on a page of an export: on one of a question, or on the first one.

    `asked` is what the export was asked for.
    """

    trail: Trail
    asked: Sequence[Question]
    stamp: str
    question: Question | None = None
    number: int = 1
    is_file: bool = True

    @property
    def _up(self) -> str:
        return "../" if self.question else ""

    @property
    def home(self) -> str:
        """Return the first page of the export."""
        return f"{self._up}{INDEX}"

    @property
    def static(self) -> str:
        """Return the directory of styles."""
        return f"{self._up}{STYLES}"

    def navigation(self, resources: Sequence[Resource]) -> list[tuple[Resource, str]]:
        """Return the lists that the export has."""
        return [(item, address) for item in resources if (address := self.page(item))]

    def page(self, resource: Resource) -> str:
        """Return the file of a list, or the first page where there are several; empty: none."""
        own = [item for item in self.asked if item.resource.name == resource.name]
        whole = [item for item in own if not item.values] or own
        if len(whole) > 1:
            return self.home
        return f"{self._up}{whole[0].file(1, 'html')}" if whole else ""

    def link(self, link: Link) -> str:
        """Return the file that a value leads to; empty: the export has none."""
        found = self.trail.follow(link, self.question.depth if self.question else -1)
        return found and f"{self._up}{found}"

    def download(self, resource: Resource, _asked: Asked, form: str, table: Table) -> str:
        """Return the file of a table beside the page."""
        assert self.question is not None  # noqa: S101 - tables are on pages of questions
        ending = csv_ending(resource, table) if form else "json"
        return f"{self._up}{self.question.file(self.number, ending)}"

    def following(self, _resource: Resource, _asked: Asked, key: Key | None) -> str:
        """Return the file of the next page, or of the first one."""
        assert self.question is not None  # noqa: S101 - only their pages go on
        number = 1 if key is None else self.number + 1
        return f"{self._up}{self.question.file(number, 'html')}"

    def sorting(self, _resource: Resource, _asked: Asked, _column: Column) -> str:
        """Return nothing: nobody sorts a file."""
        return ""


def csv_ending(resource: Resource, table: Table) -> str:
    """Return how the file of a table is called: with the table's name where there are several."""
    return f"{table.layout.name}.csv" if len(resource.layouts) > 1 else "csv"
