"""The rows of a CSV file as spreadsheets of any country write it.

What one of them adds to what a person typed (rows and columns without a word, blanks around it,
capitals in a header, a line that names the separator, a decimal comma) changes nothing. What
would be lost, or could be read in two ways, is refused.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.report.csv_cells import restored

TAG_SEPARATOR = ";"
SEPARATORS = (",", ";", "\t", "|")
"""What may separate the cells of a CSV file."""
_BLANKS = " \t\u00a0\u3000"
_SECONDS = "_timeout"
_NAMED_SEPARATOR = re.compile(r'"?sep=([,;\t|])"?(?=\r|\n)', re.IGNORECASE)
"""The first line by which Excel is told the separator: it takes it for no row."""
_DECIMAL_COMMA = re.compile(r"[0-9]+,[0-9]{1,2}")
"""Where commas separate no cells; not `1,500`, which is a thousand and a half to some."""


def csv_rows(text: str, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the rows of a CSV file with the line on which each begins.

    Raises:
        ConfigurationError: it is not valid CSV, or a column of it would be lost.
    """
    separator, text = _separated(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    header: list[str] | None = None
    line = 1
    try:
        for cells in reader:
            begins_on, line = line, reader.line_num + 1
            if not any(cell.strip(_BLANKS) for cell in cells):
                continue
            if header is None:
                header = _header(cells)
                _require_names(header, path, begins_on)
            else:
                yield begins_on, _row(header, cells, has_decimal_commas=separator != ",")
    except csv.Error as error:
        raise ConfigurationError(
            f"The file {path}, line {line}, is not valid CSV ({error}).",
            hint="Nothing was imported.",
        ) from None


def _separated(text: str) -> tuple[str, str]:
    """Return what separates cells, and the text without a line that says so.

    Spreadsheets of many countries separate by semicolons; the header shows it.
    """
    if named := _NAMED_SEPARATOR.match(text):
        return named[1], text[named.end() :]  # its line stays, without a word: lines are counted
    header = next((line for line in text.splitlines() if re.search(r"\w", line)), "")
    for separator in SEPARATORS:
        names = _header(name.strip(f'"{_BLANKS}') for name in header.split(separator))
        if "name" in names and len(names) > 1:
            return separator, text
    return SEPARATORS[0], text


def _header(cells: Iterable[str]) -> list[str]:
    """Return names of columns as ours are written, without those after the last that has one."""
    names = [re.sub(r"[\s_-]+", "_", cell.strip(_BLANKS)).lower() for cell in cells]
    while names and not names[-1]:
        names.pop()
    return names


def _require_names(header: list[str], path: Path, line: int) -> None:
    """Refuse a header of which a column would be lost.

    Raises:
        ConfigurationError: a column has no name, or two have one.
    """
    for number, name in enumerate(header, 1):
        problem = f"{name!r} is there twice" if name in header[: number - 1] else None
        if not name:
            problem = f"column {number} has no name"
        if problem:
            raise ConfigurationError(
                f"The file {path}, line {line}: {problem}.", hint="Nothing was imported."
            )


def _row(header: list[str], cells: list[str], *, has_decimal_commas: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        name: _value(name, restored(cell), has_decimal_commas=has_decimal_commas)
        for name, cell in zip(header, cells, strict=False)
        if cell.strip(_BLANKS)
    }
    if beyond := "".join(cells[len(header) :]).strip(_BLANKS):
        row["(too many columns)"] = beyond
    if "tags" in row:
        tags = (tag.strip(_BLANKS) for tag in row["tags"].split(TAG_SEPARATOR))
        row["tags"] = [tag for tag in tags if tag]
    return row


def _value(name: str, cell: str, *, has_decimal_commas: bool) -> str:
    """Return what a cell says; a description alone may have blanks around it."""
    if name == "description":
        return cell
    text = cell.strip(_BLANKS)
    if has_decimal_commas and name.endswith(_SECONDS) and _DECIMAL_COMMA.fullmatch(text):
        return text.replace(",", ".")
    return text
