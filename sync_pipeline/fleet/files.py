"""Import and export of instances as YAML or CSV. Files never hold a secret."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from yaml.emitter import ScalarAnalysis

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.files.reading import LARGEST_TEXT, read_file
from sync_pipeline.files.written_yaml import BadYaml, read_yaml
from sync_pipeline.fleet.csv_rows import TAG_SEPARATOR, csv_rows
from sync_pipeline.fleet.foreign import Defaults, ForeignFormat, ForeignRow, foreign_rows
from sync_pipeline.fleet.rows import InstanceRow
from sync_pipeline.model.instance import Instance
from sync_pipeline.report.csv_cells import csv_text
from sync_pipeline.visible import visible_lines

UTF_8 = "utf-8-sig"
BYTE_ORDER_MARK = "\ufeff"


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

    `without_tls_mode` are the names of those whose row says no mode. `left_out` are entries of
    another tool's list that are no instances of ours.
    """

    instances: tuple[Instance, ...]
    problems: tuple[BadRow, ...]
    without_tls_mode: frozenset[str] = frozenset()
    left_out: tuple[BadRow, ...] = ()


def read_instances(path: Path, encoding: str = UTF_8) -> ParsedFile:
    """Read a YAML or CSV file whole, and check every row.

    Raises:
        ConfigurationError: the file can't be read, or has another format.
    """
    text = _text_of(path, encoding)
    if path.suffix.lower() == ".csv":
        return _checked(csv_rows(text, path))
    if path.suffix.lower() in (".yaml", ".yml"):
        return _checked(_yaml_rows(text, path))
    raise ConfigurationError(
        f"The file {path} has no known format.", hint="Name it .yaml, .yml or .csv."
    )


def read_foreign(path: Path, kind: ForeignFormat, defaults: Defaults) -> ParsedFile:
    """Read another tool's list whole, and check every instance of it.

    Raises:
        ConfigurationError: the file can't be read, or is no such list.
    """
    rows = list(_named_once(foreign_rows(kind, _text_of(path), path, defaults)))
    parsed = _checked(iter([(row.line, dict(row.values)) for row in rows if not row.reason]))
    left_out = tuple(BadRow(row.line, f"{row.name}: {row.reason}") for row in rows if row.reason)
    return replace(parsed, left_out=left_out)


def _named_once(rows: Iterator[ForeignRow]) -> Iterator[ForeignRow]:
    """Yield rows, but the later ones of a name without their values: a list may have it often.

    Names are free in those tools, and each of two folders may have its `main`; here it is one.
    """
    lines: dict[object, int] = {}
    for row in rows:
        name = row.values.get("name")
        if not row.reason and lines.setdefault(name, row.line) != row.line:
            reason = f"its name is that of line {lines[name]}: give one of them another there"
            yield replace(row, values={}, reason=reason)
        else:
            yield row


def _text_of(path: Path, encoding: str = UTF_8) -> str:
    """Return what a file says. No encoding is guessed: a name in another one is another name."""
    try:
        text = read_file(path, LARGEST_TEXT)[0].decode(encoding)
    except LookupError:
        raise ConfigurationError(
            f"{encoding!r} is no encoding.", hint="Give one as Python names it, such as gbk."
        ) from None
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(
            f"The file {path} can't be read ({type(error).__name__}).",
            hint="Give a UTF-8 file that exists, or name the encoding of a spreadsheet's: "
            "--encoding gbk.",
        ) from None
    # Which codec takes it away, and which leaves it, is nobody's to know.
    return text.removeprefix(BYTE_ORDER_MARK)


def write_instances(instances: Sequence[Instance], file_format: str) -> str:
    """Return the text of a file that `read_instances` makes the same instances from."""
    rows = [InstanceRow.of(item).plain() for item in instances]
    if file_format == "yaml":
        shown = {"instances": rows}
        return yaml.dump(shown, Dumper=_VisibleDumper, allow_unicode=True, sort_keys=False)
    columns = list(InstanceRow.model_fields)
    cells = [{**row, "tags": TAG_SEPARATOR.join(row.get("tags", ()))} for row in rows]
    return csv_text(columns, [[row.get(name) for name in columns] for row in cells], exact=True)


def _checked(rows: Iterator[tuple[int, Any]]) -> ParsedFile:
    instances: list[Instance] = []
    problems: list[BadRow] = []
    lines: dict[str, int] = {}
    silent: set[str] = set()
    for line, row in rows:
        if not isinstance(row, dict) or not all(isinstance(key, str) for key in row):
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
    try:
        written = read_yaml(text)
        entries = _entries(written.root)
        if entries is None:
            raise ConfigurationError(
                f"The file {path} does not hold a list under `instances`.",
                hint="Begin it with `instances:` and a list.",
            )
        for node in entries.value:
            yield node.start_mark.line + 1, written.value(node)
    except BadYaml as error:
        raise ConfigurationError(error.sentence(str(path)), hint="Nothing was imported.") from None


def _entries(root: yaml.Node | None) -> yaml.SequenceNode | None:
    if isinstance(root, yaml.MappingNode):
        for key, value in root.value:
            if key.value == "instances" and isinstance(value, yaml.SequenceNode):
                return value
    return root if isinstance(root, yaml.SequenceNode) else None
