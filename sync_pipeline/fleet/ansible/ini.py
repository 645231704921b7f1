"""Inventories in Ansible's INI form: docs.ansible.com, ansible.builtin.ini inventory."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv6Address

from sync_pipeline.fleet.ansible.inventory import ALL, UNGROUPED, BadInventory, Inventory, Variables

_SECTION = re.compile(r"\[(?P<name>[^:\]\s]+)(?::(?P<kind>\w+))?\]\s*(?:[#;].*)?")
_NUMBER = re.compile(r"(?P<digits>[0-9]+)\s*#.*")
_NOTHING = re.compile(r"None\s*(?:#.*)?")
_LITERALS = ("'", '"', "[", "(", "{")
_LONGEST_LITERAL = 10_000
_HOSTS, _CHILDREN, _VARS = "hosts", "children", "vars"


def read_ini(text: str) -> Inventory:
    """Read a text whole.

    Raises:
        BadInventory: a line is none of an inventory.
    """
    made = Inventory()
    group, kind = UNGROUPED, _HOSTS
    for number, line in _lines(text):
        if line.startswith("["):
            found = _SECTION.fullmatch(line)
            if found is not None:
                group, kind = found["name"], found["kind"] or _HOSTS
                if kind not in (_HOSTS, _CHILDREN, _VARS):
                    raise BadInventory(f"a section has hosts, children or vars, not {kind}", number)
                made.add_group(group)
                continue
            if line.endswith("]") and not _is_address(line):
                raise BadInventory("it begins a section as none is written", number)
        if kind == _VARS:
            made.set_of_group(group, _variable(line, number))
        elif kind == _CHILDREN:
            made.add_group(line.partition("#")[0].strip(), group)
        else:
            _add(made, group, line, number)
    return made


def _is_address(line: str) -> bool:
    try:
        IPv6Address(line[1:-1])
    except AddressValueError:
        return False
    return True


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        plain = line.strip()
        if plain and not plain.startswith(("#", ";")):
            yield number, plain


def _add(made: Inventory, group: str, line: str, number: int) -> None:
    """Add the hosts of a line: a name or a pattern, then variables of theirs."""
    try:
        name, *more = shlex.split(line, comments=True)
    except ValueError:
        raise BadInventory("a quote is not closed", number) from None
    variables: Variables = {}
    for item in more:
        variables.update(_variable(item, number))
    group = UNGROUPED if group == ALL else group
    made.add_hosts(name, group, variables, number)


def _variable(text: str, line: int) -> Variables:
    name, separator, value = text.partition("=")
    if not separator or not name.strip():
        raise BadInventory("a variable is name=value", line)
    return {name.strip(): _value(value.strip())}


def _value(text: str) -> object:
    """Return a value as it is written: a number stays text. Quotes and lists are Python's.

    Ansible lets Python read it, to which what follows a `#` is a comment where it is a literal.
    """
    number = _NUMBER.fullmatch(text)
    if number is not None:
        return number["digits"]
    if _NOTHING.fullmatch(text):
        return None
    if text.startswith(_LITERALS) and len(text) < _LONGEST_LITERAL:
        try:
            found: object = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return text
        return list(found) if isinstance(found, tuple) else found
    return text
