"""Rows as CSV or Parquet files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from sync_pipeline.errors import ConfigurationError


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
    partial = output.with_name(f".{output.name}.partial")
    try:
        if file_format is ExportFormat.CSV:
            frame.to_csv(partial, index=False)
        else:
            frame.to_parquet(partial, index=False)
        partial.replace(output)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise ConfigurationError(
            f"{output} can't be written: {error.strerror or error}.",
            hint="Choose another file with --output.",
        ) from None
