"""What another system kept as JSON, in lines: whatever it says, a page has so much of it."""

from __future__ import annotations

import json

import pytest

from sync_pipeline.web.resources.imported import lines_of_json
from sync_pipeline.web.resources.lines import LONGEST_LINE, MOST_OF_LIST


def test_paths_and_values_are_in_the_order_of_the_text() -> None:
    text = '{"b": {"x": 1, "y": [1, "two"]}, "a": [{"c": null}, {"c": "", "d": true}, 5], "e": []}'
    assert lines_of_json(text) == ("b.x: 1", "b.y: 1, two", "a.2.d: true", "a.3: 5")
    assert lines_of_json('"plain"') == ("plain",)
    assert lines_of_json("") == lines_of_json("{}") == lines_of_json("null") == ()


@pytest.mark.parametrize("deep", [50, 900, 100_000])
def test_what_is_nested_deep_is_shown(deep: int) -> None:
    """Python reads no text that is nested too deep for it; one that an import read, it may."""
    for begin, end in (('{"a":', "}"), ("[", "]")):
        (line,) = lines_of_json(f"{begin * deep}7{end * deep}")
        assert "7" in line or len(line) == LONGEST_LINE
        assert len(line) <= LONGEST_LINE


def test_lines_are_so_long_and_so_many() -> None:
    found = lines_of_json(json.dumps({"n" * 100_000: ["v" * 5, "w" * 100_000], "m": "x" * 100_000}))
    assert [len(line) for line in found] == [LONGEST_LINE] * 2
    many = lines_of_json(json.dumps({f"k{number}": number for number in range(1000)}))
    assert len(many) == MOST_OF_LIST + 1
    assert many[-1].startswith("and 960 more")
