"""The report as CSV files in one archive: a file a table, numbers as they are, times in UTC."""

from __future__ import annotations

import io
from datetime import datetime
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from sync_pipeline.model.report import FleetReport
from sync_pipeline.report.csv_cells import csv_text
from sync_pipeline.report.tables import Table, every_table
from sync_pipeline.report.texts import ReportTexts

_MARK = "\ufeff"
"""Without it a spreadsheet takes UTF-8 for the code page of its machine."""


def render_csv(report: FleetReport, texts: ReportTexts) -> bytes:
    """Return the archive. What a spreadsheet would compute is text (`harmless`)."""
    moment = report.generated_at.timetuple()[:6]
    output = io.BytesIO()
    with ZipFile(output, "w", ZIP_DEFLATED) as archive:
        for table in every_table(report, texts):
            entry = ZipInfo(f"{table.name}.csv", moment)
            entry.compress_type = ZIP_DEFLATED
            archive.writestr(entry, f"{_MARK}{_text(table, texts)}".encode())
    return output.getvalue()


def _text(table: Table, texts: ReportTexts) -> str:
    columns = [texts(f"column.{column.name}") for column in table.columns]
    rows = [[_plain(value) for value in row] for row in table.rows]
    if table.more:
        rows.append([texts("more.rows", count=table.more)])
    return csv_text(columns, rows)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and "\n" in value:
        return tuple(value.split("\n"))
    return value
