"""The export: every list, what it leads to, a table beside each page, and a first page."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from sync_pipeline.callers import Refusal
from sync_pipeline.errors import ConfigurationError, StoreUnavailable
from sync_pipeline.model.page import InstanceQuestion, Key, Place
from sync_pipeline.model.viewer import Reach, Viewer
from sync_pipeline.web.archive.directory import SUMS, NewDirectory, new_directory
from sync_pipeline.web.archive.filed import INDEX, STYLES, Filed, csv_ending
from sync_pipeline.web.archive.trail import Question, Trail, query_of, question_of
from sync_pipeline.web.asked import MOST_ROWS, Asked
from sync_pipeline.web.exports import as_csv, as_json, json_text, plain
from sync_pipeline.web.pages import Look, export_page, problem_page, view_page
from sync_pipeline.web.problems import NOT_FOUND, problem_of
from sync_pipeline.web.resource import Resource
from sync_pipeline.web.resources.every import RESOURCES
from sync_pipeline.web.texts import Texts
from sync_pipeline.web.views import View
from sync_pipeline.workflows.console.answers import Answers
from sync_pipeline.workflows.dependencies import SyncDeps

DESCRIPTION = "export.json"
PAGES_BETWEEN_LINES = 50
"""Pages after which whoever waits is told how far it is."""
_WHO_CAN = "who-can"
_STATIC = ("console.css", "icon.svg")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an export is asked for.

    `tags`: of instances with any of them; none: of all. `who_can` are privileges with objects, and
    `addresses` those of further pages of the console. `most` bounds the pages that links lead to,
    of each resource, and `pages` those of one list.
    """

    tags: tuple[str, ...] = ()
    language: str = "en"
    who_can: tuple[tuple[str, str], ...] = ()
    addresses: tuple[str, ...] = ()
    most: int = 5000
    pages: int = 200

    @property
    def reach(self) -> Reach:
        """Return the instances that it is of."""
        return Reach(self.tags or None)


@dataclass(frozen=True, slots=True)
class Made:
    """What an export came to be. `digest` is the SHA-256 of its SHA256SUMS (hex)."""

    pages: int
    files: int
    failed: int
    is_whole: bool
    digest: str


def export(
    deps: SyncDeps, wanted: Wanted, target: Path, tell: Callable[[str], None] | None = None
) -> Made:
    """Write the pages of an export as files into a new or empty directory, or nothing at all.

    `tell` is told from time to time how far it is.

    Raises:
        ConfigurationError: the directory is not empty or can't be written, no instance is in
            reach, or what is asked for can't be answered.
        StoreUnavailable: the store does not answer.
    """
    asked = tuple({item.file(1, "html"): item for item in _asked(wanted)}.values())
    answers = Answers(deps, Viewer("export", reach=wanted.reach))
    _require_any(answers, wanted)
    with new_directory(target) as made:
        for name in _STATIC:
            content = (files("sync_pipeline.web") / "static" / name).read_bytes()
            made.write(f"{STYLES}{name}", content)
        work = _Export(answers, wanted, asked, made, deps.clock, tell)
        work.write()
    return Made(
        pages=sum(work.counts.values()),
        files=made.files,
        failed=work.failed,
        is_whole=not work.trail.left_out and not work.cut,
        digest=hashlib.sha256((target / SUMS).read_bytes()).hexdigest(),
    )


def _asked(wanted: Wanted) -> Iterator[Question]:
    """Yield every list that needs nothing to be asked, then what was asked for.

    Raises:
        ConfigurationError: an address is none of a page.
    """
    for resource in RESOURCES:
        if resource.is_listed and not resource.required:
            yield Question(resource, {})
    known = _with_pages()
    for privilege, on in wanted.who_can:
        yield Question(known[f"/{_WHO_CAN}"], {"privilege": (privilege,), "object": (on,)})
    for text in wanted.addresses:
        path, _, query = text.partition("?")
        try:
            found = question_of(known[path], query)
        except (KeyError, Refusal, UnicodeEncodeError) as error:
            why = getattr(error, "sentence", "there is no such page")
            raise ConfigurationError(
                f"{text!r} is no page of the console: {why}",
                hint="Give the path and the query of its address, as /accounts?superusers=yes.",
            ) from None
        yield found


def _with_pages() -> dict[str, Resource]:
    return {item.page: item for item in RESOURCES if item.has_page}


def _require_any(answers: Answers, wanted: Wanted) -> None:
    page, _ = answers.instances(InstanceQuestion(), Place(1))
    if page.items:
        return
    if wanted.tags:
        named = ", ".join(wanted.tags)
        raise ConfigurationError(
            f"No instance has any of the tags {named}: nothing was written.",
            hint="See which there are: sync-pipeline instances list.",
        )
    raise ConfigurationError(
        "There is no instance yet: nothing was written.", hint="sync-pipeline instances add."
    )


@dataclass(slots=True)
class _Export:
    """One export while it is written."""

    answers: Answers
    wanted: Wanted
    asked: Sequence[Question]
    made: NewDirectory
    clock: Callable[[], datetime]
    tell: Callable[[str], None] | None
    counts: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    cut: set[str] = field(default_factory=set)
    trail: Trail = field(init=False)
    texts: Texts = field(init=False)
    began: datetime = field(init=False)
    _titles: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.trail = Trail(_with_pages(), self.wanted.most)
        self.texts = Texts(self.wanted.language)
        self.began = self.clock()

    def write(self) -> None:
        """Write every page, and at the end the first one, which says what there is."""
        for question in self.asked:
            self.trail.begin(question)
        for question in self.trail.questions():
            self._question(question)
        self._first()

    def _question(self, question: Question) -> None:
        """Write all pages of an answer, one at a time."""
        key: Key | None = None
        for number in range(1, self.wanted.pages + 1):
            asked = Asked(question.values, Place(MOST_ROWS, key))
            view = self._answer(question, asked, number)
            if view is None:
                return
            key = _following(view)
            if key and number == self.wanted.pages:
                view = self._ended(question, view)
            self._page(question, asked, number, view)
            if key is None:
                return

    def _answer(self, question: Question, asked: Asked, number: int) -> View | None:
        """Return an answer; None: its page says why there is none.

        Raises:
            ConfigurationError: what somebody asked for by name can't be answered.
            StoreUnavailable: the store does not answer.
        """
        is_asked_for = not question.depth and bool(question.values)
        problem, view, is_wrong = NOT_FOUND, None, True
        try:
            view = question.resource.answer(self.answers, asked)
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - each is told as a problem
            problem = problem_of(error)
            is_wrong = isinstance(error, (ConfigurationError, Refusal))
        if view is None and is_asked_for and is_wrong:
            named = f"{question.resource.page}?{query_of(question.values)}"
            raise ConfigurationError(f"{named} can't be answered: {problem.detail}")
        if view is None:
            self.failed += 1
            look = self._look(question, number)
            self._put(question, number, problem_page(look, problem, question.resource))
        elif not question.depth and number == 1:
            self._titles[question.file(1, "html")] = view.about
        return view

    def _ended(self, question: Question, view: View) -> View:
        """Return an answer that says that there is more of it, which is not here."""
        self.cut.add(question.resource.name)
        note = self.texts("export.cut", pages=self.wanted.pages)
        return replace(
            view,
            notes=(*view.notes, note),
            tables=tuple(replace(table, following=None) for table in view.tables),
        )

    def _page(self, question: Question, asked: Asked, number: int, view: View) -> None:
        page = view_page(self._look(question, number), question.resource, asked, view)
        self._put(question, number, page)
        data = as_json(view)
        for table in data.get("tables", {"": data}).values():
            if table["next"]:
                table["next"] = question.file(number + 1, "json").rpartition("/")[2]
        self.made.write(question.file(number, "json"), _bytes(json_text(data)))
        for item in view.tables:
            if item.rows:
                ending = csv_ending(question.resource, item)
                self.made.write(
                    question.file(number, ending), _bytes(as_csv(view, item.layout.name))
                )

    def _put(self, question: Question, number: int, page: str) -> None:
        self.made.write(question.file(number, "html"), _bytes(page))
        self.counts[question.resource.name] += 1
        done = sum(self.counts.values())
        if self.tell and done % PAGES_BETWEEN_LINES == 0:
            self.tell(f"{done:,} pages are written, {len(self.trail):,} wait.")

    def _look(self, question: Question | None = None, number: int = 1) -> Look:
        moment = f"{self.began.astimezone(UTC):%Y-%m-%d %H:%M}Z"
        stamp = self.texts("export.stamp", moment=moment, version=version("sync_pipeline"))
        at = Filed(self.trail, self.asked, stamp, question, number)
        return Look(self.texts, self.answers.viewer, at=at)

    def _first(self) -> None:
        """Write what the export is: for people, and for programs."""
        about = self._about()
        described = {name: plain(value) for name, value in about.items()}
        self.made.write(DESCRIPTION, _bytes(json_text(described)))
        asked = [
            (item.resource, self._titles.get(item.file(1, "html"), ""), item.file(1, "html"))
            for item in self.asked
        ]
        self.made.write(INDEX, _bytes(export_page(self._look(), about, asked)))

    def _about(self) -> dict[str, Any]:
        return {
            "version": version("sync_pipeline"),
            "began": self.began,
            "ended": self.clock(),
            "tags": self.wanted.tags,
            "pages": dict(sorted(self.counts.items())),
            "most_of_each": self.wanted.most,
            "most_pages_of_a_list": self.wanted.pages,
            "left_out": tuple(sorted(self.trail.left_out)),
            "cut": tuple(sorted(self.cut)),
            "unanswered": self.failed,
        }


def _following(view: View) -> Key | None:
    return next((table.following for table in view.tables if table.following), None)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
