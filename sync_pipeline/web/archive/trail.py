"""Which pages an export has: the lists, what they lead to, and how far that goes.

A page is written after the ones that lead to it, so whether a link leads anywhere is decided when
it is seen first: its page gets a place then, or never.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from sync_pipeline.callers import Refusal
from sync_pipeline.web.addresses import address
from sync_pipeline.web.asked import Asked, read
from sync_pipeline.web.resource import Resource
from sync_pipeline.web.views import Link

WHOLE = "all"
LISTS_TO, VARIANTS_TO = 2, 1
"""How many links away from the first pages a filtered list may be, and what is narrowed of one
thing: with more, each account's namesakes would lead to theirs."""
Values = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Question:
    """A resource with values, `depth` links away from what the export was asked for."""

    resource: Resource
    values: Values
    depth: int = 0

    @property
    def stem(self) -> str:
        """Return what its files are called: no name of a server is part of it.

        Hexadecimal digits are a name on every file system, and differ without regard to case.
        """
        if not self.values:
            return WHOLE
        known = sorted((name, list(own)) for name, own in self.values.items())
        text = json.dumps(known, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def file(self, number: int, ending: str) -> str:
        """Return the path of a file of one of its pages, from the directory of the export."""
        page = "" if number == 1 else f".{number}"
        return f"{self.resource.name}/{self.stem}{page}.{ending}"


@dataclass(slots=True)
class Trail:
    """The pages that are still to be written, and which have a place already.

    `most` is how many there may be of each resource beside the ones that were asked for; what is
    remembered is a digest of each.
    """

    resources: Mapping[str, Resource]
    most: int
    left_out: set[str] = field(default_factory=set)
    _waiting: deque[Question] = field(default_factory=deque)
    _seen: set[bytes] = field(default_factory=set)
    _counts: Counter[str] = field(default_factory=Counter)

    def begin(self, question: Question) -> None:
        """Take up what the export was asked for."""
        if _mark(question) not in self._seen:
            self._seen.add(_mark(question))
            self._waiting.append(question)

    def follow(self, link: Link, depth: int) -> str:
        """Return the file that a link on a page leads to; empty: it leads nowhere here."""
        found = self._question(link, depth + 1)
        if found is None:
            return ""
        mark = _mark(found)
        if mark in self._seen:
            return found.file(1, "html")
        if not _is_near(found):
            return ""
        if self._counts[found.resource.name] >= self.most:
            self.left_out.add(found.resource.name)
            return ""
        self._counts[found.resource.name] += 1
        self._seen.add(mark)
        self._waiting.append(found)
        return found.file(1, "html")

    def questions(self) -> Iterator[Question]:
        """Yield each, in the order in which links led to them, until there is none."""
        while self._waiting:
            yield self._waiting.popleft()

    def __len__(self) -> int:
        return len(self._waiting)

    def _question(self, link: Link, depth: int) -> Question | None:
        resource = None if link.is_outside else self.resources.get(link.address)
        if resource is None:
            return None
        try:
            asked = read(address(link).partition("?")[2].encode(), resource.everything)
        except Refusal:
            return None
        is_page = asked.place.after is None and not asked.form and not asked.table
        is_whole = all(asked.text(name) for name in resource.required)
        return Question(resource, meant(resource, asked), depth) if is_page and is_whole else None


def question_of(resource: Resource, query: str) -> Question:
    """Return the question of a query.

    Raises:
        Refusal: it has what is not declared.
    """
    return Question(resource, meant(resource, read(query.encode(), resource.everything)))


def meant(resource: Resource, asked: Asked) -> Values:
    """Return the values without those that mean the same as none."""
    defaults = {item.name: (item.default or "no",) for item in resource.everything}
    return {name: own for name, own in asked.values.items() if own != defaults[name]}


def query_of(values: Values) -> str:
    """Return the query of an address with these values."""
    return urlencode([(name, value) for name, own in values.items() for value in own])


def _mark(question: Question) -> bytes:
    return f"{question.resource.name}/{question.stem}".encode()


def _is_near(question: Question) -> bool:
    """Return whether a page is one thing by itself, or near enough to the first ones."""
    resource = question.resource
    if resource.is_listed:
        return question.depth <= LISTS_TO
    return set(question.values) == set(resource.required) or question.depth <= VARIANTS_TO
