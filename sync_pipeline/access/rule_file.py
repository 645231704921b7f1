"""YAML that people write, checked whole, with messages that name the file and the entry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from sync_pipeline.errors import ConfigurationError

ModelT = TypeVar("ModelT", bound=BaseModel)
Place = tuple[int | str, ...]


def parse_rules(text: str, file: str, model: type[ModelT]) -> ModelT:
    """Return what a YAML text says, as a model; an empty text is an empty mapping.

    Raises:
        ConfigurationError: it is no YAML, has a key twice, or is not what the model asks.
    """
    try:
        root = yaml.compose(text, yaml.SafeLoader)
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or error
        raise ConfigurationError(f"The file {file}{where} is not valid YAML: {reason}.") from None
    twice = next(_repeated(root, set()), None)
    if twice:
        raise ConfigurationError(f"The file {file}, line {twice[0]}: {twice[1]!r} is there twice.")
    try:
        return model.model_validate({} if value is None else value)
    except ValidationError as error:
        problems = [
            f"{_entry(root, item['loc'])}: {item['msg'].removeprefix('Value error, ')}"
            for item in error.errors(include_input=False, include_url=False)
        ]
        raise ConfigurationError(f"The file {file} is not valid. {'; '.join(problems)}.") from None


def _repeated(node: yaml.Node | None, seen: set[int]) -> Iterator[tuple[int, str]]:
    """Yield each key that a mapping has twice, with its line: YAML would take the last."""
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        keys: set[Any] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in keys:
                yield key.start_mark.line + 1, str(key.value)
            keys.add(key.value if isinstance(key, yaml.ScalarNode) else id(key))
            yield from _repeated(value, seen)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _repeated(value, seen)


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
