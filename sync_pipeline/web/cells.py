"""Values of an answer in HTML: one at a time, and the rows of a table.

In Python and not in templates, because a page has hundreds of them. Every text passes `seen`,
and is escaped, as whatever a template shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from markupsafe import Markup, escape

from sync_pipeline.model.text import shortened
from sync_pipeline.report.readable import shown_size
from sync_pipeline.visible import visible_lines
from sync_pipeline.web.addresses import Addresses
from sync_pipeline.web.texts import Texts
from sync_pipeline.web.views import Kind, Link, Table, Tree

SHOWN, LONGEST = 80, 400
"""Characters of a name, and of a text, that a table shows; the rest is a click or a look away."""
_ESCAPED = (
    *(("\t", " "), ("&", "&amp;"), (">", "&gt;"), ("<", "&lt;")),
    *(("'", "&#39;"), ('"', "&#34;")),
)
"""What stands for characters that mean something in HTML; `&` first."""
_NONE = '<span class="none">–</span>'
_MOODS = {
    **dict.fromkeys(("well", "synced", "completed", "active", "read"), "good"),
    **dict.fromkeys(
        ("failing", "failed", "critical", "high", "superuser", "power given", "given"), "bad"
    ),
    **dict.fromkeys(
        ("overdue", "never-reached", "medium", "cancelled", "skipped", "unknown", "denied", "held"),
        "odd",
    ),
}


def seen(value: object) -> object:
    """Return a text without what hides or turns other texts; Markup is the templates' own."""
    if type(value) is str:
        return visible_lines(value).replace("\t", " ")
    return visible_lines(value.text) if isinstance(value, Link) else value


def short(text: str) -> str:
    """Return the beginning of a name that is long."""
    return shortened(text, SHOWN)


def whole(value: object) -> object:
    """Return a number with commas."""
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else value


@dataclass(frozen=True, slots=True)
class Cells:
    """Shows values in a language, with links as they are `at` a place."""

    texts: Texts
    at: Addresses

    def rows(self, table: Table) -> Markup:
        """Return the rows of a table, each with its cells."""
        heads = [
            (
                item.kind,
                f'<td class="is-{item.kind}',
                f'" data-label="{_html(self.texts(f"column.{item.name}"))}">',
            )
            for item in table.layout.columns
        ]
        made: list[str] = []
        for row in table.rows:
            made.append("<tr>\n")
            for (kind, begin, end), value in zip(heads, row, strict=True):
                is_empty = " is-empty" if _is_empty(value) else ""
                made.append(f"{begin}{is_empty}{end}{self._cell(kind, value)}</td>\n")
            made.append("</tr>\n")
        return Markup("".join(made))  # noqa: S704 - each value was escaped

    def cell(self, kind: str, value: object) -> Markup:
        """Return one value."""
        return Markup(self._cell(kind, value))  # noqa: S704 - it was escaped

    def _cell(self, kind: str, value: object) -> str:
        if _is_empty(value):
            return _NONE
        of_type = _OF_TYPE.get(type(value))
        if of_type is not None:
            return of_type(self, value)
        of_kind = _OF_KIND.get(kind)
        return _whole(value) if of_kind is None else of_kind(self, value)

    def _link(self, link: Link) -> str:
        address = self.at.link(link)
        if not address:
            return _whole(link.text)
        shown = short(link.text)
        outside = ' rel="noreferrer"' if link.is_outside else ""
        title = f' title="{_html(link.text)}"' if shown != link.text else ""
        return f'<a href="{_html(address)}"{outside}><bdi{title}>{_html(shown)}</bdi></a>'

    def _tree(self, tree: Tree) -> str:
        more = ""
        if tree.more:
            text = _html(self.texts("tree.more", count=tree.more))
            more = f'<li class="words">{text}</li>'
        return f'<ul class="tree">\n{"".join(map(self._branch, tree.branches))}{more}</ul>'

    def _branch(self, item: Tree) -> str:
        words = f' <span class="words"><bdi>{_html(item.words)}</bdi></span>' if item.words else ""
        if item.is_repeated:
            words += f' <span class="words">{_html(self.texts("tree.repeated"))}</span>'
        below = self._tree(item) if item.branches or item.more else ""
        return f"<li>{self._cell(Kind.NAME, item.value)}{words}{below}</li>\n"

    def _state(self, value: object) -> str:
        word = str(value)
        mood = _MOODS.get(word.partition(",")[0], "plain")
        return f'<span class="state {mood}">{_html(self.texts.or_as_it_is("state", word))}</span>'

    def _code(self, value: object) -> str:
        # What is copied has to be the statement itself, and not what is shown of it.
        is_exact = seen(str(value)) == value
        exact = " data-exact" if is_exact else ""
        code = f'<pre class="code" tabindex="0"{exact}><code>{_html(value)}</code></pre>'
        return code if is_exact else f'{code}<p class="inexact">{_html(self.texts("inexact"))}</p>'

    def _flag(self, value: object) -> str:
        return _html(self.texts("yes" if value else "no"))


def _is_empty(value: object) -> bool:
    return value is None or value in ("", ())


def _html(value: object) -> str:
    if type(value) is not str:
        return str(escape(seen(value)))
    # As `escape` does it, without an object of its own for each.
    text = visible_lines(value)
    if text.isalnum():
        return text
    for character, shown in _ESCAPED:
        text = text.replace(character, shown)
    return text


def _whole(value: object) -> str:
    """Return a text whole, or, where it is long, so that the rest is a click away."""
    if isinstance(value, str) and len(value) > LONGEST:
        return (
            f'<details class="long"><summary><bdi>{_html(short(value))}</bdi></summary>'
            f"<bdi>{_html(value)}</bdi></details>"
        )
    return f"<bdi>{_html(value)}</bdi>"


def _moment(value: datetime) -> str:
    text = f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
    return f'<time datetime="{value.isoformat()}">{text}</time>'


def _day(value: date) -> str:
    return f'<time datetime="{value.isoformat()}">{value.isoformat()}</time>'


def _lines(lines: tuple[str, ...]) -> str:
    return f'<ul class="lines">{"".join(f"<li>{_whole(line)}</li>" for line in lines)}</ul>'


def _size(value: object) -> str:
    shown = shown_size(round(value)) if isinstance(value, int | float) else value
    return f'<span title="{_html(whole(value))}">{_html(shown)}</span>'


def _change(value: object) -> str:
    return _html(f"{value:+,.1f} %" if isinstance(value, int | float) else value)


Shown = Callable[[Cells, object], str]
_OF_TYPE: Mapping[type, Callable[..., str]] = {
    datetime: lambda _, value: _moment(value),
    date: lambda _, value: _day(value),
    bool: Cells._flag,  # noqa: SLF001 - of this module
    Link: Cells._link,  # noqa: SLF001
    tuple: lambda _, value: _lines(value),
    Tree: Cells._tree,  # noqa: SLF001
}
_OF_KIND: Mapping[str, Shown] = {
    Kind.NUMBER: lambda _, value: _html(whole(value)),
    Kind.SIZE: lambda _, value: _size(value),
    Kind.CHANGE: lambda _, value: _change(value),
    Kind.STATE: Cells._state,  # noqa: SLF001
    Kind.CODE: Cells._code,  # noqa: SLF001
}
