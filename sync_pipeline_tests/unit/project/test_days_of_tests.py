"""No test keeps the time of its import: midnight may pass before it runs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
CLOCKS = {"now", "today", "utcnow", "time.time", "time.time_ns"}
"""Names of functions that tell the time, with their module where the name alone says little."""
Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def called_at_import(node: ast.AST) -> Iterator[ast.Call]:
    """Find the calls that an import makes: none in a body, but those of decorators and defaults."""
    if isinstance(node, ast.Call):
        yield node
    inside: set[ast.AST] = set()
    if isinstance(node, Function):
        inside = set(node.body) if isinstance(node.body, list) else {node.body}
    for child in ast.iter_child_nodes(node):
        if child not in inside:
            yield from called_at_import(child)


def is_clock(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    return name in CLOCKS or name.rpartition(".")[2] in CLOCKS


def kept(source: str) -> list[str]:
    """Return the calls of the clock that the import of a module makes, with their lines."""
    if not any(f"{name}(" in source for name in CLOCKS):  # to parse is dear
        return []
    calls = called_at_import(ast.parse(source))
    return [f"{call.lineno}: {ast.unparse(call)}" for call in calls if is_clock(call)]


def test_no_module_of_tests_asks_the_clock_when_it_is_imported() -> None:
    files = [*(ROOT / "sync_pipeline_tests").rglob("*.py"), *(ROOT / "workbench").rglob("*.py")]
    assert len(files) > 100
    assert {str(file): found for file in files if (found := kept(file.read_text("utf-8")))} == {}


@pytest.mark.parametrize(
    "source",
    [
        "TODAY = datetime.now(UTC).date()",
        "DAYS = {'first': today() - timedelta(days=3)}",
        "SINCE = datetime.datetime.utcnow()",
        "STARTED = time.time()",
        "@given(st.dates(max_value=date.today()))\ndef test(day): ...",
        "def days(last=today()): ...",
        "class Case:\n    day: date = date.today()",
        "if True:\n    NOW = datetime.now(UTC)",
        "AGES = [today() - day for day in DAYS]",
    ],
)
def test_a_kept_time_is_found(source: str) -> None:
    assert len(kept(source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "def test():\n    assert today() > START",
        "class Case:\n    def day(self):\n        return datetime.now(UTC)",
        "ASKED = [lambda: today()]",
        "AT = time(8)",
        "async def test():\n    return time.time()",
    ],
)
def test_a_time_that_is_asked_in_a_test_is_fine(source: str) -> None:
    assert kept(source) == []
