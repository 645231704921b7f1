"""Rows as CSV or Parquet files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.files.atomic import replaced
from sync_pipeline.report.csv_cells import harmless
from sync_pipeline.visible import visible


class ExportFormat(StrEnum):
    """Formats of files."""

    CSV = "csv"
    PARQUET = "parquet"


def write_export(
    rows: Sequence[Mapping[str, Any]], output: Path, file_format: ExportFormat
) -> None:
    """Write rows, all with the same keys, as a file; whole or not at all.

    Bytes stay whole numbers where some are missing. In CSV, names that a spreadsheet would
    compute or that hide something are written as `harmless` and `visible` do; Parquet has
    them as they are.

    Raises:
        ConfigurationError: the file can't be written.
    """
    # pandas takes half a second to import, which every command would pay.
    import pandas as pd  # noqa: PLC0415

    written = rows if file_format is ExportFormat.PARQUET else [_csv_row(row) for row in rows]
    frame = pd.DataFrame(list(written)).convert_dtypes()
    try:
        with replaced(output) as file:
            if file_format is ExportFormat.CSV:
                frame.to_csv(file, index=False)
            else:
                frame.to_parquet(file, index=False)
    except OSError as error:
        raise ConfigurationError(
            f"{output} can't be written: {error.strerror or error}.",
            hint="Choose another file with --output.",
        ) from None


def _csv_row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: harmless(value, visible(value)) if isinstance(value, str) else value
        for key, value in row.items()
    }
