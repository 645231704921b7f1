"""Inventories in Ansible's YAML form, and what `ansible-inventory --list` writes as JSON.

docs.ansible.com: ansible.builtin.yaml inventory; Developing dynamic inventory.
"""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from sync_pipeline.files.written_yaml import read_yaml
from sync_pipeline.fleet.ansible.inventory import (
    ALL,
    ENCRYPTED,
    UNGROUPED,
    BadInventory,
    Inventory,
    Variables,
)

_META, _OF_HOSTS = "_meta", "hostvars"
_NULL, _MERGE = "tag:yaml.org,2002:null", "tag:yaml.org,2002:merge"
_VAULT = "!vault"
_IN_JSON_VAULT, _IN_JSON_UNSAFE = "__ansible_vault", "__ansible_unsafe"
_DEEPEST = 50


def read_written(text: str) -> Inventory:
    """Read a text whole.

    Raises:
        BadInventory: it is none.
        BadYaml: it is neither YAML nor JSON.
    """
    try:
        return _read(read_yaml(text).root)
    except RecursionError:
        raise BadInventory("it is nested too deeply") from None


def _read(root: yaml.Node | None) -> Inventory:
    made = Inventory()
    if not isinstance(root, yaml.MappingNode):
        raise BadInventory("it has no groups")
    meta: yaml.Node | None = None
    for name, key, node in _pairs(root):
        if name == _META:
            meta = node
        elif isinstance(node, yaml.ScalarNode) and node.tag != _NULL:
            raise BadInventory(f"{name!r} is no group (of a plugin, give its list)", _line(key))
        else:
            _add_group(made, name, "", node, ())
    for name, _, node in _pairs(meta):
        if name == _OF_HOSTS:
            for host, _, variables in _pairs(node):
                made.set_variables(host, _variables(variables))
    return made


def _add_group(
    made: Inventory, name: str, parent: str, node: yaml.Node, within: tuple[int, ...]
) -> None:
    if len(within) > _DEEPEST or id(node) in within:
        raise BadInventory(f"a group is in more than {_DEEPEST} others, or in itself", _line(node))
    made.add_group(name, "" if parent == ALL else parent)
    for key, _, value in _pairs(node):
        if key == "vars":
            made.set_of_group(name, _variables(value))
        elif key == "hosts":
            group = UNGROUPED if name == ALL else name
            for host, at, variables in _members(value):
                made.add_hosts(host, group, _variables(variables), _line(at))
        elif key == "children":
            for child, at, inner in _members(value):
                _add_group(made, child, name, inner or at, (*within, id(node)))


def _members(node: yaml.Node) -> Iterator[tuple[str, yaml.Node, yaml.Node | None]]:
    """Yield hosts or children: keys of a mapping, or the texts of a list."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            if isinstance(item, yaml.ScalarNode):
                yield item.value, item, None
    elif isinstance(node, yaml.ScalarNode):
        if node.tag != _NULL:
            yield node.value, node, None
    else:
        yield from _pairs(node)


def _pairs(node: yaml.Node | None) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
    """Yield the pairs of a mapping; what `<<` names comes first, so that its own pairs win."""
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        if key.tag == _MERGE:
            merged = value.value if isinstance(value, yaml.SequenceNode) else [value]
            for item in reversed(merged):
                yield from _pairs(item)
    for key, value in node.value:
        if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
            yield key.value, key, value


def _variables(node: yaml.Node | None) -> Variables:
    return {name: _value(value) for name, _, value in _pairs(node)}


def _value(node: yaml.Node) -> object:
    """Return a text, a list of texts, or nothing; deeper values are no property of ours."""
    if node.tag == _VAULT:
        return ENCRYPTED
    if isinstance(node, yaml.ScalarNode):
        return None if node.tag == _NULL else node.value
    if isinstance(node, yaml.SequenceNode):
        return [_value(item) for item in node.value if isinstance(item, yaml.ScalarNode)]
    said = {name: value for name, _, value in _pairs(node)}
    if _IN_JSON_VAULT in said:
        return ENCRYPTED
    unsafe = said.get(_IN_JSON_UNSAFE)
    return unsafe.value if isinstance(unsafe, yaml.ScalarNode) else {}


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
