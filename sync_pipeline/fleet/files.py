"""Import and export of instances as YAML or CSV. Files never hold a secret."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from yaml.emitter import ScalarAnalysis

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.files.reading import LARGEST_TEXT, read_file
from sync_pipeline.fleet.rows import InstanceRow
from sync_pipeline.model.instance import Instance
from sync_pipeline.report.csv_cells import harmless, restored
from sync_pipeline.visible import visible_lines

TAG_SEPARATOR = ";"


@dataclass(frozen=True, slots=True)
class BadRow:
    """What is wrong in a file, and the line it begins on."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """The instances of a file, and every row that is not one.

    `without_tls_mode` are the names of those whose row says no mode.
    """

    instances: tuple[Instance, ...]
    problems: tuple[BadRow, ...]
    without_tls_mode: frozenset[str] = frozenset()


def read_instances(path: Path) -> ParsedFile:
    """Read a YAML or CSV file whole, and check every row.

    Raises:
        ConfigurationError: the file can't be read, or has another format.
    """
    try:
        text = read_file(path, LARGEST_TEXT)[0].decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The file {path} can't be read ({type(error).__name__}).",
            hint="Give a UTF-8 file that exists.",
        ) from None
    if path.suffix.lower() == ".csv":
        return _checked(_csv_rows(text, path))
    if path.suffix.lower() in (".yaml", ".yml"):
        return _checked(_yaml_rows(text, path))
    raise ConfigurationError(
        f"The file {path} has no known format.", hint="Name it .yaml, .yml or .csv."
    )


def write_instances(instances: Sequence[Instance], file_format: str) -> str:
    """Return the text of a file that `read_instances` makes the same instances from."""
    rows = [InstanceRow.of(item).plain() for item in instances]
    if file_format == "yaml":
        shown = {"instances": rows}
        return yaml.dump(shown, Dumper=_VisibleDumper, allow_unicode=True, sort_keys=False)
    output = io.StringIO()
    columns = list(InstanceRow.model_fields)
    writer = csv.DictWriter(output, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        tags = TAG_SEPARATOR.join(row.pop("tags", ()))
        cells = {**row, "tags": tags}
        writer.writerow({key: harmless(value, str(value)) for key, value in cells.items()})
    return output.getvalue()


def _checked(rows: Iterator[tuple[int, Any]]) -> ParsedFile:
    instances: list[Instance] = []
    problems: list[BadRow] = []
    lines: dict[str, int] = {}
    silent: set[str] = set()
    for line, row in rows:
        if not isinstance(row, dict):
            problems.append(BadRow(line, "an instance is a mapping of its properties"))
            continue
        try:
            instance = InstanceRow.model_validate(row).instance()
        except ValidationError as error:
            problems.extend(BadRow(line, reason) for reason in reasons(error))
            continue
        if instance.name in lines:
            first = lines[instance.name]
            problems.append(BadRow(line, f"{instance.name!r} is already on line {first}"))
            continue
        lines[instance.name] = line
        instances.append(instance)
        if "tls" not in row:
            silent.add(instance.name)
    return ParsedFile(tuple(instances), tuple(problems), frozenset(silent))


def reasons(error: ValidationError) -> Iterator[str]:
    """Yield one sentence for each problem, without the values: one might be a secret."""
    for item in error.errors(include_input=False, include_url=False, include_context=False):
        where = ".".join(str(part) for part in item["loc"] if isinstance(part, str))
        yield f"{where}: {item['msg']}"


def _csv_rows(text: str, path: Path) -> Iterator[tuple[int, Any]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey="(too many columns)")
    line = 2
    try:
        for row in reader:
            given: dict[str, Any] = {key: _given(value) for key, value in row.items() if value}
            if "tags" in given:
                given["tags"] = [tag for tag in given["tags"].split(TAG_SEPARATOR) if tag]
            yield line, given
            line = reader.line_num + 1
    except csv.Error as error:
        raise ConfigurationError(
            f"The file {path}, line {line}, is not valid CSV ({error}).",
            hint="Nothing was imported.",
        ) from None


def _given(value: Any) -> Any:
    """Return what a cell stands for; what is over in a row is a list."""
    return restored(value) if isinstance(value, str) else value


class _VisibleDumper(yaml.SafeDumper):
    """Writes what can't be seen as an escape, which YAML has in double quotes alone."""

    def analyze_scalar(self, scalar: str) -> ScalarAnalysis:
        """Allow nothing but double quotes around what can't be seen."""
        found = super().analyze_scalar(scalar)
        if visible_lines(scalar) != scalar:
            found.allow_block = found.allow_single_quoted = False
            found.allow_flow_plain = found.allow_block_plain = False
        return found

    def write_double_quoted(self, text: str, split: bool = True) -> None:  # noqa: FBT001, FBT002
        """Escape everything that is not ASCII where something can't be seen."""
        everything, self.allow_unicode = self.allow_unicode, visible_lines(text) == text
        super().write_double_quoted(text, split)
        self.allow_unicode = everything


def _yaml_rows(text: str, path: Path) -> Iterator[tuple[int, Any]]:
    loader = None
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        entries = _entries(root)
        if entries is None:
            raise ConfigurationError(
                f"The file {path} does not hold a list under `instances`.",
                hint="Begin it with `instances:` and a list.",
            )
        for node in entries.value:
            yield node.start_mark.line + 1, loader.construct_object(node, deep=True)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise ConfigurationError(
            f"The file {path}{where} is not valid YAML.", hint="Nothing was imported."
        ) from None
    finally:
        if loader is not None:
            loader.dispose()


def _entries(root: yaml.Node | None) -> yaml.SequenceNode | None:
    if isinstance(root, yaml.MappingNode):
        for key, value in root.value:
            if key.value == "instances" and isinstance(value, yaml.SequenceNode):
                return value
    return root if isinstance(root, yaml.SequenceNode) else None
