"""Texts of others: what acts or hides is shown, and JSON, YAML and CSV mean the same."""

from __future__ import annotations

import csv
import io
import json
import logging
import sys
import unicodedata

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.errors import ConfigurationError, SyncError
from sync_pipeline.fleet.files import _VisibleDumper
from sync_pipeline.model.text import shortened, visible_start
from sync_pipeline.report.csv_cells import harmless, restored
from sync_pipeline.visible import VisibleFormatter, escaped_json, visible, visible_lines

ACTING = ("Cc", "Cf", "Cs", "Zl", "Zp")
HIDING = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u3164\ufe0f\uffa0\U000e0100\U000e0041"
UNSEEN = [
    character
    for character in map(chr, range(sys.maxunicode + 1))
    if unicodedata.category(character) in ACTING
] + list(HIDING)
texts = st.lists(
    st.one_of(st.sampled_from(UNSEEN), st.text(max_size=4), st.sampled_from("\"\\'=+-@ü数\n\t"))
).map("".join)


def unseen(text: str) -> list[str]:
    return [
        character
        for character in text
        if unicodedata.category(character) in ACTING or character in HIDING
    ]


def test_every_character_that_acts_or_hides_is_shown() -> None:
    assert unseen(visible("".join(UNSEEN))) == []
    assert visible("\x1b[2J\x9b\u202e\u2028\ufeff\U000e0041\ud800") == (
        r"\x1b[2J\x9b\u202e\u2028\ufeff\U000e0041\ud800"
    )
    assert visible("a\r\n\tb\b\x7f") == r"a\r\n\tb\x08\x7f"


def test_other_texts_stay_as_they_are() -> None:
    seen = "DOMAIN\\user 'root'@'%' o'brien 数据库 Ω é 🐘 عربي"
    assert visible(seen) == visible_lines(seen) == escaped_json(seen) == seen


@given(texts, st.integers(1, 40))
def test_the_start_of_a_text_is_that_of_all_of_it(text: str, most: int) -> None:
    assert visible_start(text, most) == shortened(visible(text), most)


@given(texts)
def test_no_text_acts(text: str) -> None:
    assert unseen(visible(text)) == []
    assert set(unseen(visible_lines(text))) <= {"\n", "\t"}
    assert visible_lines(text).count("\n") == text.count("\n")


@given(texts)
def test_json_means_the_same(text: str) -> None:
    shown = escaped_json(json.dumps({text: text}, ensure_ascii=False, indent=2))
    assert set(unseen(shown)) <= {"\n"}
    assert json.loads(shown) == json.loads(json.dumps({text: text}))


@given(texts.filter(lambda text: not any("\ud800" <= item <= "\udfff" for item in text)))
def test_yaml_means_the_same(text: str) -> None:
    shown = yaml.dump({"a": [text, "数"]}, Dumper=_VisibleDumper, allow_unicode=True)
    assert set(unseen(shown)) <= {"\n", "\t"}
    assert "数" in shown
    assert yaml.safe_load(shown) == {"a": [text, "数"]}


@given(texts)
def test_an_error_is_one_line_and_its_details_one_each(text: str) -> None:
    error = SyncError(text, instance="db", hint=text, details=[text, "b"])
    lines = str(error).split("\n")
    assert len(lines) == 3
    assert not any(unseen(line) for line in lines)
    assert error.message == text


def test_a_log_shows_what_is_in_it() -> None:
    record = logging.LogRecord("x", logging.INFO, "x", 1, "%s", ("\x1b[2J\u202e",), None)
    assert VisibleFormatter("%(message)s").format(record) == r"\x1b[2J\u202e"
    try:
        raise ValueError("\x1b]52;c;x\x07")
    except ValueError:
        record.exc_info = sys.exc_info()
    shown = VisibleFormatter("%(message)s").format(record)
    assert "Traceback" in shown.split("\n")[1]
    assert set(unseen(shown)) == {"\n"}


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@a", "\t=1", "\r=1", "\n=1", " =1", "'=1", " ' =1", "＝1", "''@'%'", "-"],
)
def test_a_cell_that_begins_a_formula_begins_with_an_apostrophe(text: str) -> None:
    assert harmless(text, text) == f"'{text}"
    assert restored(f"'{text}") == text


@pytest.mark.parametrize("text", ["", "a=1", "'root'@'%'", "2026-01-01", "1-2", "…", "''"])
def test_another_cell_stays(text: str) -> None:
    assert harmless(text, text) == restored(text) == text


@pytest.mark.parametrize("number", [-5, -1.5, 0])
def test_a_number_stays_a_number(number: float) -> None:
    assert harmless(number, str(number)) == str(number)


@given(texts)
def test_no_cell_begins_a_formula_and_each_is_restored(text: str) -> None:
    cell = harmless(text, text)
    assert restored(cell) == text
    written = io.StringIO()
    csv.writer(written).writerow([cell])
    assert not cell.lstrip().startswith(("=", "+", "-", "@"))


def test_an_error_of_another_kind_is_still_one() -> None:
    assert str(ConfigurationError("a", hint="b")) == "a b"
