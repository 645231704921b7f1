"""The report in one of its formats."""

from __future__ import annotations

from sync_pipeline.model.report import FleetReport, ReportFormat
from sync_pipeline.report.texts import ReportTexts


def rendered(report: FleetReport, file_format: ReportFormat, texts: ReportTexts) -> bytes:
    """Return the content of a file."""
    # Each costs what it imports, and most ask for one.
    if file_format is ReportFormat.HTML:
        from sync_pipeline.report.html import render_html  # noqa: PLC0415

        return render_html(report, texts).encode()
    if file_format is ReportFormat.XLSX:
        from sync_pipeline.report.xlsx import render_xlsx  # noqa: PLC0415

        return render_xlsx(report, texts)
    from sync_pipeline.report.csv_archive import render_csv  # noqa: PLC0415

    return render_csv(report, texts)
