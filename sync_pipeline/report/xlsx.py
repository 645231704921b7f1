"""The report as a workbook: a sheet a table. Texts are texts, and nothing in it is computed."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from typing import Any

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from sync_pipeline.model.report import FleetReport
from sync_pipeline.model.text import shortened
from sync_pipeline.report.csv_cells import cell_text
from sync_pipeline.report.tables import Column, Kind, Table, every_table
from sync_pipeline.report.texts import ReportTexts

LONGEST_CELL = 32_767
"""Characters: Excel specifications and limits."""
_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "default_date_format": "yyyy-mm-dd",
}
_WIDTHS = {
    Kind.NAME: 30, Kind.TEXT: 60, Kind.WORD: 18, Kind.BYTES: 18, Kind.NUMBER: 14, Kind.DAY: 12,
    Kind.MOMENT: 17,
}  # fmt: skip
_LARGEST_EXACT = 2**53


def render_xlsx(report: FleetReport, texts: ReportTexts) -> bytes:
    """Return the workbook. Times are in UTC; bytes are numbers."""
    output = io.BytesIO()
    book = Workbook(output, _OPTIONS)
    made_at = report.generated_at.astimezone(UTC).replace(tzinfo=None)
    book.set_properties({"title": texts("title"), "created": made_at})
    sheet = _Sheet(book, texts)
    for table in every_table(report, texts):
        sheet.add(table)
    book.close()
    return output.getvalue()


class _Sheet:
    """Adds tables to a workbook."""

    def __init__(self, book: Any, texts: ReportTexts) -> None:
        self._book = book
        self._texts = texts
        self._head = book.add_format({"bold": True, "bottom": 1})
        self._formats = {
            Kind.DAY: book.add_format({"num_format": "yyyy-mm-dd", "valign": "top"}),
            Kind.MOMENT: book.add_format({"num_format": "yyyy-mm-dd hh:mm", "valign": "top"}),
            Kind.BYTES: book.add_format({"num_format": "#,##0", "valign": "top"}),
            Kind.NUMBER: book.add_format({"num_format": "#,##0.##", "valign": "top"}),
        }
        self._text = book.add_format({"text_wrap": True, "valign": "top"})

    def add(self, table: Table) -> None:
        """Write a table as a sheet of its own."""
        sheet = self._book.add_worksheet(self._texts(f"sheet.{table.name}"))
        for number, column in enumerate(table.columns):
            sheet.set_column(number, number, _WIDTHS[column.kind])
        for number, column in enumerate(table.columns):
            sheet.write_string(0, number, self._texts(f"column.{column.name}"), self._head)
        sheet.freeze_panes(1, 0)
        for number, row in enumerate(table.rows, 1):
            for place, (column, value) in enumerate(zip(table.columns, row, strict=True)):
                self._write(sheet, number, place, column, value)
        if table.more:
            sheet.write_string(
                len(table.rows) + 1, 0, self._texts("more.rows", count=table.more), self._text
            )

    def _write(self, sheet: Worksheet, row: int, place: int, column: Column, value: object) -> None:
        if isinstance(value, datetime):
            moment = value.astimezone(UTC).replace(tzinfo=None)
            sheet.write_datetime(row, place, moment, self._formats[Kind.MOMENT])
        elif isinstance(value, date):
            sheet.write_datetime(row, place, value, self._formats[Kind.DAY])
        elif isinstance(value, int | float) and abs(value) <= _LARGEST_EXACT:
            form = self._formats.get(column.kind, self._formats[Kind.NUMBER])
            sheet.write_number(row, place, value, form)
        elif value is not None and value != "":
            sheet.write_string(row, place, self._shown(column, value), self._text)

    def _shown(self, column: Column, value: object) -> str:
        if column.kind is Kind.WORD:
            return self._texts.or_as_it_is(column.name, str(value))
        lines = value if isinstance(value, tuple) else tuple(str(value).split("\n"))
        return shortened(cell_text(lines), LONGEST_CELL)
