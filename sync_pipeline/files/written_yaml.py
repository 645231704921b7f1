"""YAML as it is written: every value is the text that stands in the file.

YAML 1.1 makes 1734 of `03306` and 3272 of `54:32` (yaml.org/type/int.html), false of `no`
and a date of `2026-01-31`; whoever wrote `port: 03306` meant none of that. What a text means
is for whoever reads it to say. Only `null` and `~` are no text.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import yaml

MOST_VALUES = 1_000_000
"""Values of a file with all that its aliases repeat; a fleet of 10,000 has 200,000."""
_MOST_KEYS = 10_000
_TAG = "tag:yaml.org,2002:"
_RESOLVED = (f"{_TAG}null", f"{_TAG}merge")
_TEXTS = ("int", "float", "bool", "timestamp", "binary")


class BadYaml(Exception):
    """A text is no YAML, or would lose a part of it; `line` is None where it is not known."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self._where = f", line {line}" if line else ""

    def sentence(self, file: str) -> str:
        """Return what is wrong with a file."""
        return f"The file {file}{self._where} is not valid YAML: {self}."


class KeyTwice(BadYaml):
    """A mapping has a key twice, of which YAML's readers take the last."""

    def sentence(self, file: str) -> str:
        """Return what is wrong with a file."""
        return f"The file {file}{self._where}: {self} is there twice."


class _Loader(yaml.SafeLoader):
    """Reads every scalar that is not null as the text that it is."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge what `<<` names, as long as aliases don't multiply it without end."""
        super().flatten_mapping(node)
        if len(node.value) > _MOST_KEYS:
            raise yaml.constructor.ConstructorError(
                None, None, f"a mapping has more than {_MOST_KEYS} keys", node.start_mark
            )


def _text(loader: _Loader, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag in _RESOLVED]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _name in _TEXTS:
    _Loader.add_constructor(f"{_TAG}{_name}", _text)


@dataclass(frozen=True, slots=True)
class WrittenYaml:
    """What a text holds; `root` is None where it holds nothing."""

    root: yaml.Node | None
    _loader: _Loader

    def value(self, node: yaml.Node | None) -> Any:
        """Return the texts, lists and mappings of a node; None of none.

        Raises:
            BadYaml: it can't be, such as a list as a key.
        """
        with _told():
            return None if node is None else self._loader.construct_document(node)


def read_yaml(text: str) -> WrittenYaml:
    """Read a text whole.

    Raises:
        BadYaml: it is no YAML, a mapping has a key twice, or its aliases repeat too much.
    """
    with _told():
        loader = _Loader(text)
        root: yaml.Node | None = loader.get_single_node()
        if root is not None and _values(root, {}) > MOST_VALUES:
            raise BadYaml(f"its aliases make more than {MOST_VALUES} values of it")
    return WrittenYaml(root, loader)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or str(error).split("\n")[0]
        raise BadYaml(reason, mark.line + 1 if mark else None) from None
    except RecursionError:
        raise BadYaml("it is nested too deeply") from None


def _values(node: yaml.Node, counted: dict[int, int]) -> int:
    """Count a node with all that is in it, as often as aliases repeat it.

    Raises:
        KeyTwice: a mapping has a key twice.
    """
    known = counted.get(id(node))
    if known is not None:
        return known
    counted[id(node)] = 1  # What contains itself is counted once.
    children: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        _require_different_keys(node)
        children = [child for pair in node.value for child in pair]
    elif isinstance(node, yaml.SequenceNode):
        children = node.value
    counted[id(node)] = 1 + sum(_values(child, counted) for child in children)
    return counted[id(node)]


def _require_different_keys(node: yaml.MappingNode) -> None:
    found: set[str | None] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            continue
        # `~` and `null` are the same key, "null" is another.
        read = None if key.tag == f"{_TAG}null" else key.value
        if read in found:
            raise KeyTwice(repr(key.value), key.start_mark.line + 1)
        found.add(read)
