"""The report as files of several formats."""

from __future__ import annotations

from pathlib import Path

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.files.atomic import replaced
from sync_pipeline.model.report import ReportFormat


def format_of(output: Path) -> ReportFormat:
    """Return the format that the name of a file says.

    Raises:
        ConfigurationError: it says none.
    """
    found = next((item for item in ReportFormat if item.suffix == output.suffix.lower()), None)
    if found is None:
        raise ConfigurationError(
            f"{output} does not say the format.",
            hint="End it with .html, .xlsx or .zip (of CSV), or add --format.",
        )
    return found


def written(output: Path, content: bytes) -> None:
    """Write a file, whole or not at all.

    Raises:
        ConfigurationError: it can't be written.
    """
    try:
        with replaced(output) as file:
            file.write(content)
    except OSError as error:
        raise ConfigurationError(
            f"{output} can't be written: {error.strerror or error}.",
            hint="Choose another file with --output.",
        ) from None
