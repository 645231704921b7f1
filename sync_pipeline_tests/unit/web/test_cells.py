"""What a value looks like on a page: as text, escaped, and with nothing that hides or turns."""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

import pytest

from sync_pipeline.web.addresses import SERVED, Served
from sync_pipeline.web.cells import Cells
from sync_pipeline.web.texts import Texts
from sync_pipeline.web.views import Column, Kind, Layout, Link, Tree

CELLS = Cells(Texts("en"), SERVED)
LONG, LONGER = "n" * 81, "<" * 401
SHORT = "n" * 79 + "…"


class Word(StrEnum):
    """A state, as values of an enumeration are."""

    FAILED = "failed"


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("text", None, '<span class="none">–</span>'),
        ("number", "", '<span class="none">–</span>'),
        ("lines", (), '<span class="none">–</span>'),
        ("text", "<b>&\"'", "<bdi>&lt;b&gt;&amp;&#34;&#39;</bdi>"),
        ("name", "a\u202eb\x1b\tc", r"<bdi>a\u202eb\x1b c</bdi>"),
        ("name", "中文 é", "<bdi>中文 é</bdi>"),
        ("text", 0, "<bdi>0</bdi>"),
        ("number", 1234567, "1,234,567"),
        ("number", 1234.56, "1,234.6"),
        ("number", 0, "0"),
        ("size", 2048, '<span title="2,048">2.0 kB</span>'),
        ("change", 1234.5, "+1,234.5 %"),
        ("flag", True, "yes"),
        ("flag", False, "no"),
        ("state", "well", '<span class="state good">well</span>'),
        ("state", Word.FAILED, '<span class="state bad">failed</span>'),
        ("state", "<new>", '<span class="state plain">&lt;new&gt;</span>'),
        (
            "moment",
            datetime(2026, 11, 30, 9, 5, tzinfo=UTC),
            '<time datetime="2026-11-30T09:05:00+00:00">2026-11-30 09:05:00Z</time>',
        ),
        ("day", date(2026, 11, 30), '<time datetime="2026-11-30">2026-11-30</time>'),
        (
            "lines",
            ("a", "<"),
            '<ul class="lines"><li><bdi>a</bdi></li><li><bdi>&lt;</bdi></li></ul>',
        ),
        (
            "code",
            "DROP USER a;",
            '<pre class="code" tabindex="0" data-exact><code>DROP USER a;</code></pre>',
        ),
        (
            "text",
            Link("a<", "/account", {"name": "a&b"}),
            '<a href="/account?name=a%26b"><bdi>a&lt;</bdi></a>',
        ),
        (
            "text",
            Link(LONG, "/account", {}),
            f'<a href="/account"><bdi title="{LONG}">{SHORT}</bdi></a>',
        ),
        ("text", Link("run", "/runs/1", is_outside=True), "<bdi>run</bdi>"),
        (
            "text",
            LONGER,
            (
                f'<details class="long"><summary><bdi>{"&lt;" * 79}…</bdi></summary>'
                f"<bdi>{'&lt;' * 401}</bdi></details>"
            ),
        ),
    ],
)
def test_a_value_is_text(kind: str, value: Any, shown: str) -> None:
    assert CELLS.cell(kind, value) == shown


def test_a_link_outside_needs_an_address() -> None:
    cells = Cells(Texts("en"), Served("http://ui"))
    shown = cells.cell("text", Link("run", "/runs/1", is_outside=True))
    assert shown == '<a href="http://ui/runs/1" rel="noreferrer"><bdi>run</bdi></a>'


def test_what_is_not_shown_as_it_is_can_not_be_copied() -> None:
    shown = CELLS.cell("code", "DROP\u200b")
    assert "data-exact" not in shown
    assert '<p class="inexact">' in shown


def test_a_tree_has_its_branches() -> None:
    tree = Tree(None, "", (Tree("a<", "w<", (Tree("b"),), is_repeated=True),), more=2)
    shown = CELLS.cell("tree", tree)
    assert shown.startswith(
        '<ul class="tree">\n<li><bdi>a&lt;</bdi> <span class="words"><bdi>w&lt;</bdi></span>'
    )
    assert '<ul class="tree">\n<li><bdi>b</bdi></li>\n</ul></li>\n<li class="words">' in shown


def test_rows_have_a_cell_for_each_column() -> None:
    layout = Layout("x", (Column("account", Kind.NAME), Column("instances", Kind.NUMBER)))
    shown = CELLS.rows(layout.of([("<", None)]))
    assert shown == (
        '<tr>\n<td class="is-name" data-label="Account"><bdi>&lt;</bdi></td>\n'
        '<td class="is-number is-empty" data-label="Instances">'
        '<span class="none">–</span></td>\n</tr>\n'
    )
