"""Rows as CSV or Parquet files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.files.atomic import replaced
from sync_pipeline.report.csv_cells import csv_text


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
    try:
        with replaced(output) as file:
            if file_format is ExportFormat.CSV:
                columns = list(rows[0]) if rows else []
                file.write(csv_text(columns, [list(row.values()) for row in rows]).encode())
            else:
                _write_parquet(rows, file)
    except OSError as error:
        raise ConfigurationError(
            f"{output} can't be written: {error.strerror or error}.",
            hint="Choose another file with --output.",
        ) from None


def _write_parquet(rows: Sequence[Mapping[str, Any]], file: BinaryIO) -> None:
    # pandas takes half a second to import, which every command would pay.
    import pandas as pd  # noqa: PLC0415

    pd.DataFrame(list(rows)).convert_dtypes().to_parquet(file, index=False)
