"""Names in Dagster's Markdown are text: no link, no image, no HTML, no other cell or list."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from sync_pipeline.orchestration.markdown import bullets, cell, table
from sync_pipeline.visible import visible

RENDERER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
TEXT = {"text", "code_inline", "text_special", "softbreak"}
# What the UI's renderer (mdast-util-gfm-autolink-literal) takes for a link in each text node,
# after it has taken escapes away.
LINKS = (
    re.compile(r"(https?://|www(?=\.))([-.\w]+)([^ \t\r\n]*)", re.IGNORECASE),
    re.compile(r"([-.\w+]+)@([-\w]+(?:\.[-\w]+)+)"),
)
NASTY = [
    '<a href="https://evil.example">x</a>', "[x](javascript:alert(1))", "![x](http://evil/p)",
    "http://evil.example/x", "HTTPS://evil.example", "www.evil.example", "WWW.evil.example",
    "dba@evil.example", "a.b+c@evil-1.example.org", "<https://evil.example>", "[x]: http://evil",
    "`code`", "``", "a`b", "|a|b|", "\\", "\\|", "a\\", "&lt;img src=x&gt;", "&#60;", "~~x~~",
    "**x**",
    "# x", "- x", "+ x", "1. x", "10) x", "=== ", "---", "    x", "x\n\n# y", "a\tb", "<!-- x -->",
    "<script>alert(1)</script>", "*a*_b_", "http\\://x", "http://www.a@b.example", "x\r\n<b>",
    "javascript:alert(1)", "mailto:a@b.example", "xmpp:a@b.example", "[x][y]", "^[x]", "[^1]",
]  # fmt: skip
texts = st.one_of(
    st.lists(st.sampled_from([*NASTY, *"<>[]()!`*_#|~&\\:/.@-+=1 \n\twh数"]), max_size=6).map(
        "".join
    ),
    st.text(max_size=20),
)


def flat(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from flat(token.children or [])


def nodes(tokens: list[Token]) -> list[str]:
    """Return the texts as the renderer has them: neighbours are one node."""
    found: list[str] = [""]
    for token in flat(tokens):
        if token.type in ("text", "text_special"):
            found[-1] += token.content
        elif found[-1]:
            found.append("")
    return found


def shown(tokens: list[Token]) -> str:
    return "".join(token.content for token in flat(tokens) if token.type in TEXT)


def check(text: str) -> None:
    expected = visible(text.replace("\n", " ")).lstrip()
    row = RENDERER.parse(table(("a", "b"), [(cell(text), "end")], 1))
    line = RENDERER.parse(bullets([text]))
    for tokens in (row, line):
        kinds = {token.type for token in flat(tokens)}
        assert not kinds & {"link_open", "image", "html_inline", "html_block", "em_open"}
        assert not kinds & {"strong_open", "s_open", "heading_open", "hr", "code_block", "fence"}
        for node in nodes(tokens):
            assert not any(pattern.search(node) for pattern in LINKS), node
    assert sum(token.type == "td_open" for token in row) == 2
    assert sum(token.type == "list_item_open" for token in line) == 1
    assert sum(token.type in ("bullet_list_open", "ordered_list_open") for token in line) == 1
    assert shown(line).strip() == expected.strip()


@pytest.mark.parametrize("text", NASTY)
def test_what_would_be_markup_is_text(text: str) -> None:
    check(text)


@given(texts)
@example("http`://x")
def test_any_name_is_text(text: str) -> None:
    check(text)
