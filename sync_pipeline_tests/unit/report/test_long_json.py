"""A long JSON list is the text that one made at once would be, byte for byte."""

from __future__ import annotations

import io
import json
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_pipeline.cli import long_json
from sync_pipeline.cli.context import show_json
from sync_pipeline.cli.long_json import indented, long_list

ODD = st.characters(categories=["Cs", "Cc", "Cf", "Zl", "Zp", "L"])
TEXTS = st.text(ODD, max_size=4)
MOMENT = datetime(2026, 1, 2, tzinfo=UTC)
LEAVES = st.none() | st.booleans() | st.integers() | TEXTS | st.just(MOMENT)
FLAT = st.lists(LEAVES, max_size=3) | st.dictionaries(TEXTS, LEAVES, max_size=3)
VALUES = LEAVES | FLAT | st.lists(FLAT, max_size=3) | st.dictionaries(TEXTS, FLAT, max_size=3)
ITEMS = st.lists(st.dictionaries(TEXTS, VALUES, max_size=3), max_size=3)
QUICK = settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])


@QUICK
@given(VALUES | st.tuples(FLAT, LEAVES))
def test_a_value_is_indented_as_json_does_it(value: object) -> None:
    plain = json.dumps(value, indent=2, ensure_ascii=False, default=lambda item: item.isoformat())
    assert indented(value, "") == plain


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii"])
@pytest.mark.parametrize("size", [1, 1 << 20])
@QUICK
@given(items=ITEMS)
def test_a_list_is_what_is_shown_at_once(
    monkeypatch: pytest.MonkeyPatch, encoding: str, size: int, items: list[dict[str, object]]
) -> None:
    """Also where the output lacks a sign, of which the whole text is then written without any."""
    monkeypatch.setattr(long_json, "_IN_MEMORY", 50)
    monkeypatch.setattr(long_json, "_CHARACTERS_AT_ONCE", size)
    shown = []
    for is_long in (False, True):
        written = io.BytesIO()
        output = io.TextIOWrapper(written, encoding=encoding, newline="\n")
        monkeypatch.setattr(sys, "stdout", output)
        if is_long:
            with long_list(items) as text:
                assert written.getvalue() == b""
                assert text.count == len(items)
                text.show()
        else:
            show_json(items)
        output.flush()
        shown.append(written.getvalue())
        monkeypatch.undo()
        monkeypatch.setattr(long_json, "_IN_MEMORY", 50)
        monkeypatch.setattr(long_json, "_CHARACTERS_AT_ONCE", size)
    assert shown[0] == shown[1]
