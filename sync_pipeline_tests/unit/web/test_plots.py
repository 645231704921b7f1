"""Plots: every value lies where it is, gaps are shown and named, and names are text."""

from __future__ import annotations

import re
from datetime import date, timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.catalogs import LANGUAGES
from sync_pipeline.model.page import Place
from sync_pipeline.report.readable import every_day, shown_size
from sync_pipeline.web.asked import Asked
from sync_pipeline.web.pages import Look, view_page
from sync_pipeline.web.plots import HEIGHT, WIDTH, Gap, drawing, gaps_of
from sync_pipeline.web.resource import Resource
from sync_pipeline.web.texts import Texts
from sync_pipeline.web.views import Column, Kind, Layout, Level, Line, Plot, Stroke, View
from workbench.fleet.teams import HOSTILE

FIRST = date(2026, 9, 1)
WORDS = Texts("en")
VALUES = st.one_of(st.none(), st.integers(0, 2**63 - 1))


def sizes(*values: int | None, level: int | None = None) -> Plot:
    points = tuple((FIRST + timedelta(days=number), size) for number, size in enumerate(values))
    return Plot(
        "sizes", "names", (Line("size", points),), level=Level("limit", level) if level else None
    )


def places(path: str) -> list[tuple[float, float]]:
    pairs = re.findall(r"[ML]([0-9.]+) ([0-9.]+)", path)
    return [(float(x), float(y)) for x, y in pairs]


@given(st.lists(VALUES, min_size=1, max_size=40), st.integers(0, 10**15))
def test_each_value_lies_where_it_is(values: list[int | None], level: int) -> None:
    plot = sizes(*values, level=level)
    drawn = drawing(plot, WORDS, "billing")
    known = [value for value in values if value is not None]
    if not known:
        assert drawn is None
        return
    assert drawn is not None
    found = places(drawn.lines[0].path)
    assert len(found) == len(known)
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in found)
    # The higher one lies higher, and the later one farther to the right.
    assert [x for x, _ in found] == sorted(x for x, _ in found)
    by_size = [y for _, (_, y) in sorted(zip(known, found, strict=True), key=lambda it: it[0])]
    assert by_size == sorted(by_size, reverse=True)
    highest = HEIGHT - min(y for _, y in found)
    if not level and max(known) >= 4:
        assert highest > HEIGHT / 2
    if drawn.level is not None and max(known) < level:
        assert drawn.level <= min(y for _, y in found)
    assert len(drawn.heights) == len(drawn.height_texts) <= 6
    assert (drawn.heights[0], drawn.heights[-1]) == (0, HEIGHT)
    steps = {round(b - a) for a, b in zip(drawn.heights, drawn.heights[1:], strict=False)}
    assert max(steps) - min(steps) <= 1, "the texts beside them are at equal distances"
    assert drawn.days[0] == FIRST
    assert len(set(drawn.days)) == len(drawn.days)
    assert len(drawn.gaps) == len(gaps_of(plot.lines[0]))


def test_gaps_are_shown_and_named() -> None:
    plot = sizes(5, None, None, 7, 8, None, level=20)
    drawn = drawing(plot, WORDS, "billing")
    assert drawn is not None
    assert gaps_of(plot.lines[0]) == [
        Gap(date(2026, 9, 2), date(2026, 9, 3)),
        Gap(date(2026, 9, 6), date(2026, 9, 6)),
    ]
    assert drawn.gaps == ((0.0, 600.0), (800.0, 200.0))
    assert drawn.lines[0].path == "M0.0 225.0h0M600.0 195.0L800.0 180.0"
    assert drawn.gap_texts == ("2026-09-02 – 2026-09-03", "2026-09-06")
    assert drawn.level == 0
    assert drawn.sentence == (
        "Size by day: billing. Size: from 5 bytes on 2026-09-01 to 8 bytes on 2026-09-05; at "
        "least 5 bytes, at most 8 bytes. Limit: 20 bytes. No size: 3 of these."
    )


def test_a_level_far_above_is_said_and_not_drawn() -> None:
    drawn = drawing(sizes(10, 20, level=1000), WORDS, "")
    assert drawn is not None
    assert (drawn.level, drawn.level_text) == (None, "1.0 kB")
    assert drawn.height_texts[0] == "20 bytes"


def test_what_is_expected_is_a_line_and_a_band() -> None:
    plot = sizes(10, 20)
    ahead = (FIRST + timedelta(days=1), 20), (FIRST + timedelta(days=31), 40)
    band = tuple((day, value / 2, value * 2.0) for day, value in ahead)
    whole = Plot("sizes", "t", (*plot.lines, Line("expected", ahead, Stroke.EXPECTED)), band)
    drawn = drawing(whole, WORDS, "")
    assert drawn is not None
    assert drawn.band.startswith("M32.3 ")
    assert drawn.band.endswith("Z")
    assert drawn.height_texts[0] == "80 bytes"
    assert drawn.days == tuple(FIRST + timedelta(days=n) for n in (0, 8, 16, 23, 31))


def test_days_between_have_no_value() -> None:
    days = {FIRST: 1, FIRST + timedelta(days=2): 3}
    assert [value for _, value in every_day(days)] == [1, None, 3]
    assert every_day({}) == []
    assert [shown_size(count) for count in (None, 0, 1, 1500, -1500)] == [
        "", "0 bytes", "1 byte", "1.5 kB", "-1.5 kB",
    ]  # fmt: skip


class _Tags(HTMLParser):
    """Collects the elements of a page, and what is within its pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[tuple[str, tuple[str, ...]]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.made.append((tag, tuple(name for name, _ in attrs if name != "title")))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


LAYOUT = Layout("names", (Column("until", Kind.DAY), Column("total", Kind.SIZE)))


def page_of(name: str, language: str = "en") -> _Tags:
    plot = sizes(5, None, 7, level=6)
    table = LAYOUT.of(plot.lines[0].points)
    resource = Resource("accounts", lambda *_: None, (LAYOUT,))
    view = View((table,), about=name, plots=(plot,))
    text = view_page(Look(Texts(language)), resource, Asked({}, Place()), view)
    assert "style=" not in text
    found = _Tags()
    found.feed(text)
    return found


@pytest.mark.parametrize("name", [*HOSTILE, "\ud800half", "</title></svg>", "' onload='"])
def test_hostile_names_are_text_of_the_picture(name: str) -> None:
    found, plain = page_of(name), page_of("plain")
    assert found.made == plain.made
    told = "".join(found.texts)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e]", told)
    (sentence,) = (text for text in found.texts if text.startswith("Size by day:"))
    assert len(sentence) < 400


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_picture_says_what_it_shows_and_leads_to_its_values(language: str) -> None:
    found = page_of("billing", language)
    (picture,) = (names for tag, names in found.made if tag == "svg")
    assert "role" in picture
    assert any("billing" in text and "2026-09-03" in text for text in found.texts)
    assert {"5 bytes", "7 bytes"} <= set(found.texts)
    assert "2026-09-02" in "".join(found.texts)
