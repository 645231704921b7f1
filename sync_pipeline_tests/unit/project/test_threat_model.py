"""Each row of the threat model names tests that exist, or says that there is none."""

from __future__ import annotations

import re

import pytest

from sync_pipeline.settings import project_root

TESTS = project_root() / "sync_pipeline_tests"
CELL = re.compile(r"(?<!\\)\|")
REFERENCE = re.compile(r"`([\w/]+\.py)`(?: `(test_\w+)`)?")
NO_TEST = re.compile(r"none|documented")


def rows() -> list[str]:
    text = (project_root() / "docs" / "threat-model.md").read_text()
    tried = text.partition("## What was tried")[2].splitlines()
    found = [line for line in tried if line.startswith("| ")]
    return [line for line in found if not line.startswith("| attack |")]


def test_there_are_rows() -> None:
    assert len(rows()) > 50


@pytest.mark.parametrize("row", rows(), ids=range(len(rows())))
def test_a_row_names_tests_that_exist(row: str) -> None:
    attack, before, now, tests = (cell.strip() for cell in CELL.split(row)[1:-1])
    assert attack
    assert before
    assert now
    references = REFERENCE.findall(tests)
    assert references or NO_TEST.match(tests)
    for file, name in references:
        source = (TESTS / file).read_text()
        assert not name or re.search(rf"^(async )?def {name}\(", source, re.MULTILINE), name
