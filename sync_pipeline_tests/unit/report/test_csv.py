"""Every CSV that is written: names are no formulas, numbers are numbers, imports get all back."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.cli.context import show_csv
from sync_pipeline.fleet.files import read_instances, write_instances
from sync_pipeline.report.csv_cells import csv_text, restored
from sync_pipeline.report.export import ExportFormat, write_export
from sync_pipeline.settings import project_root
from workbench.benches.store_bench import an_instance

FORMULAS = ["=HYPERLINK(1)", "+1", "-1+1", "@SUM(1)", "\t=1", " =1", "'=1", "\r=1", "＝1"]
ACTS = "\x1b[2J\u202e"


def cells(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_csv_has_a_formula_made_of_a_name(
    formula: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show_csv(("name", "bytes"), [(formula, -5), (formula, -1.5), (formula, None)])
    (_, *rows) = cells(capsys.readouterr().out)
    assert [row[0][0] for row in rows] in (["'"] * 3, ["\\"] * 3)
    assert [row[1] for row in rows] == ["-5", "-1.5", ""]
    path = tmp_path / "export.csv"
    found = [{"instance": formula, "database": ACTS, "bytes": -5, "percent": -0.5, "none": None}]
    write_export(found, path, ExportFormat.CSV)
    ((name, database, *numbers),) = cells(path.read_text())[1:]
    assert name[0] in "'\\"
    assert database == r"\x1b[2J\u202e"
    assert numbers == ["-5", "-0.5", ""]
    assert pd.read_csv(path)["bytes"].sum() == -5


def test_parquet_has_names_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "export.parquet"
    write_export([{"instance": f"=1{ACTS}", "bytes": -5}], path, ExportFormat.PARQUET)
    assert pd.read_parquet(path).to_dict("records") == [{"instance": f"=1{ACTS}", "bytes": -5}]


@pytest.mark.parametrize("formula", [item for item in FORMULAS if item == item.strip()])
def test_an_instance_with_the_name_of_a_formula_is_exported_and_imported(
    formula: str, tmp_path: Path
) -> None:
    fleet = [
        replace(
            an_instance(formula),
            credential=formula,
            environment=formula,
            description=formula,
            tags=(formula, "x"),
        )
    ]
    text = write_instances(fleet, "csv")
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in cells(text) for cell in row)
    path = tmp_path / "fleet.csv"
    path.write_text(text, encoding="utf-8", newline="")
    assert list(read_instances(path).instances) == [
        replace(fleet[0], tags=tuple(sorted(fleet[0].tags)))
    ]


TEXTS = st.text(st.sampled_from("=+-@\t\r\n '\"＝＋－＠−;,|!aB1\u200b\ufeff\x00"), max_size=8)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = TEXTS | NUMBERS | st.none() | st.booleans() | st.lists(TEXTS, max_size=3).map(tuple)
SIGNS = tuple("=+-@\t\r\n＝＋－＠−")


@given(st.lists(st.lists(VALUES, min_size=2, max_size=2), max_size=4))
def test_no_cell_is_computed_and_no_number_is_a_text(rows: list[list[object]]) -> None:
    """As a spreadsheet sees it: blanks before a formula do not help, nor do quotes."""
    (header, *found) = cells(csv_text(("=name", "value"), rows))
    assert header == ["'=name", "value"]
    assert len(found) == len(rows)
    for written, row in zip(found, rows, strict=True):
        for cell, value in zip(written, row, strict=True):
            if isinstance(value, int | float) and not isinstance(value, bool):
                assert float(cell) == pytest.approx(value)
            else:
                assert not cell.strip().startswith(SIGNS)


@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_what_is_written_for_an_import_is_read_back(texts: list[str]) -> None:
    written = csv_text(("a", *texts), [("", *texts)], exact=True)
    (_, row) = csv.reader(io.StringIO(written, newline=""))
    assert [restored(cell) for cell in row] == ["", *texts]


def test_one_module_writes_csv() -> None:
    """The others ask it: a writer of their own would leave formulas as they are."""
    root = project_root()
    places = [
        path.relative_to(root)
        for folder in ("sync_pipeline", "demo", "scripts", "benchmarks")
        for path in (root / folder).rglob("*.py")
        if any(word in path.read_text() for word in ("csv.writer", "DictWriter", "to_csv("))
    ]
    assert places == [Path("sync_pipeline/report/csv_cells.py")]
