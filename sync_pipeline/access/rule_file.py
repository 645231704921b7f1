"""YAML that people write, checked whole, with messages that name the file and the entry."""

from __future__ import annotations

from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.files.written_yaml import BadYaml, read_yaml

ModelT = TypeVar("ModelT", bound=BaseModel)
Place = tuple[int | str, ...]


def parse_rules(text: str, file: str, model: type[ModelT]) -> ModelT:
    """Return what a YAML text says, as a model; an empty text is an empty mapping.

    Raises:
        ConfigurationError: it is no YAML, has a key twice, or is not what the model asks.
    """
    try:
        written = read_yaml(text)
        root, value = written.root, written.value(written.root)
    except BadYaml as error:
        raise ConfigurationError(error.sentence(file)) from None
    try:
        return model.model_validate({} if value is None else value)
    except ValidationError as error:
        problems = [
            f"{_entry(root, item['loc'])}: {item['msg'].removeprefix('Value error, ')}"
            for item in error.errors(include_input=False, include_url=False)
        ]
        raise ConfigurationError(f"The file {file} is not valid. {'; '.join(problems)}.") from None


def _entry(root: yaml.Node | None, place: Place) -> str:
    """Return the line and the path of an entry: `line 4, suppressions[2].until`."""
    path, node = "", root
    for part in place:
        node = _child(node, part) or node
        path += f"[{part + 1}]" if isinstance(part, int) else f".{part}"
    line = f"line {node.start_mark.line + 1}, " if node else ""
    return f"{line}{path.removeprefix('.')}" if path else f"{line}the file"


def _child(node: yaml.Node | None, part: int | str) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        child: yaml.Node = node.value[part]
        return child
    return None
