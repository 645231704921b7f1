"""Rows as CSV or Parquet files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.files.atomic import replaced


class ExportFormat(StrEnum):
    """Formats of files."""

    CSV = "csv"
    PARQUET = "parquet"


def write_export(
    rows: Sequence[Mapping[str, Any]], output: Path, file_format: ExportFormat
) -> None:
    """Write rows, all with the same keys, as a file; whole or not at all.

    Bytes stay whole numbers where some are missing.

    Raises:
        ConfigurationError: the file can't be written.
    """
    # pandas takes half a second to import, which every command would pay.
    import pandas as pd  # noqa: PLC0415

    frame = pd.DataFrame(list(rows)).convert_dtypes()
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
