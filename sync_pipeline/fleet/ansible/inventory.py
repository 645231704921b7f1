"""An inventory: hosts, groups of them, and which variable of all that are set counts for a host.

docs.ansible.com, Building an inventory ("How variables are merged"), Patterns of ranges.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv6Address
from itertools import product
from string import ascii_letters

MOST_HOSTS = 100_000
MOST_GROUPS = 2_000
MOST_NAMES = 1_000_000
"""Of hosts in all lines together: each host, in each group that lists it."""
MOST_VARIABLES = 100
"""That mean something here, of one host or one group."""
OURS = "sync_pipeline_"
ADDRESSES = ("ansible_ssh_host", "ansible_host")
"""The one that wins first: Ansible still takes the older name, and takes it over the other."""
ALL, UNGROUPED = "all", "ungrouped"
_BRACKETS = re.compile(r"\[[^\]]*\]")
_PRIORITY = "ansible_group_priority"
_RANGE = re.compile(
    r"\[(?P<first>[0-9]{1,9}|[A-Za-z]):(?P<last>[0-9]{1,9}|[A-Za-z])(?::(?P<step>[0-9]{1,6}))?\]"
)

_MEANT = (OURS, *ADDRESSES, _PRIORITY)

Variables = dict[str, object]


class Encrypted:
    """Stands for a value that Ansible Vault encrypted: it is not looked at."""


ENCRYPTED = Encrypted()


class BadInventory(Exception):
    """A text is no inventory; `line` is None where it is not known."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.line = line

    def sentence(self, file: str) -> str:
        """Return what is wrong with a file."""
        where = f", line {self.line}" if self.line else ""
        return f"The file {file}{where} is no inventory: {self}."


@dataclass(slots=True)
class _Group:
    parents: set[str] = field(default_factory=set)
    variables: Variables = field(default_factory=dict)


@dataclass(slots=True)
class _Host:
    line: int
    groups: set[str] = field(default_factory=set)
    variables: Variables = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Host:
    """A host with what counts for it. `groups` are all that it is in, but for `all`."""

    name: str
    line: int
    groups: tuple[str, ...]
    variables: Mapping[str, object]


class Inventory:
    """An inventory while it is read. Variables that mean nothing here are not kept."""

    def __init__(self) -> None:
        self._names = 0
        self._hosts: dict[str, _Host] = {}
        self._groups: dict[str, _Group] = {ALL: _Group()}

    def add_hosts(self, pattern: str, group: str, variables: Variables, line: int) -> None:
        """Put the hosts of a pattern into a group; what is said again of one counts.

        Raises:
            BadInventory: it has a range that is none, or there are too many hosts or variables.
        """
        self.add_group(group)
        names = _expanded(_without_port(pattern), line)
        self._names += len(names)
        if self._names > MOST_NAMES:
            raise BadInventory(f"it names hosts more than {MOST_NAMES} times", line)
        meant = _meant(variables)
        for name in names:
            host = self._hosts.setdefault(name, _Host(line))
            host.groups.add(group)
            _set(host.variables, meant, line)
        if len(self._hosts) > MOST_HOSTS:
            raise BadInventory(f"it has more than {MOST_HOSTS} hosts", line)

    def set_variables(self, host: str, variables: Variables) -> None:
        """Set variables of a host that is in a group, too; of others they mean nothing."""
        found = self._hosts.get(_without_port(host))
        if found is not None:
            _set(found.variables, _meant(variables), found.line)

    def add_group(self, name: str, parent: str = "") -> None:
        """Note a group, and in which other it is.

        Raises:
            BadInventory: there are too many.
        """
        group = self._groups.setdefault(name, _Group())
        if len(self._groups) > MOST_GROUPS:
            raise BadInventory(f"it has more than {MOST_GROUPS} groups")
        if parent:
            self._groups.setdefault(parent, _Group())
            group.parents.add(parent)

    def set_of_group(self, name: str, variables: Variables) -> None:
        """Set variables of a group."""
        self.add_group(name)
        _set(self._groups[name].variables, _meant(variables), None)

    def hosts(self) -> Iterator[Host]:
        """Yield all hosts, in the order of the file.

        Raises:
            BadInventory: a group is in itself.
        """
        depths = self._depths()
        above = self._above(depths)
        merged: dict[frozenset[str], tuple[tuple[str, ...], Variables]] = {}
        for name, host in self._hosts.items():
            # One that is in another group, too, is not ungrouped.
            own = frozenset(host.groups - {UNGROUPED} or host.groups)
            if own not in merged:
                merged[own] = self._merged(own.union(*(above[group] for group in own)), depths)
            shown, variables = merged[own]
            yield Host(name, host.line, shown, {**variables, **host.variables})

    def _merged(
        self, groups: frozenset[str], depths: Mapping[str, int]
    ) -> tuple[tuple[str, ...], Variables]:
        """Return the groups that are shown, and what all of them say together."""
        variables: Variables = {}
        for group in sorted(groups | {ALL}, key=lambda group: self._rank(group, depths)):
            variables.update(self._groups[group].variables)
        return tuple(sorted(groups - {ALL, UNGROUPED})), variables

    def _rank(self, group: str, depths: Mapping[str, int]) -> tuple[int, int, str]:
        """Return the order in which groups are merged: the last one wins."""
        written = str(self._groups[group].variables.get(_PRIORITY, "1"))
        priority = int(written) if re.fullmatch(r"-?[0-9]{1,9}", written) else 1
        return depths[group], priority, group

    def _depths(self) -> dict[str, int]:
        """Return how deep each group is, parents before their children."""
        below: dict[str, list[str]] = {}
        waits: dict[str, int] = {}
        for name, group in self._groups.items():
            waits[name] = len(group.parents)
            for parent in group.parents:
                below.setdefault(parent, []).append(name)
        ready = [name for name, count in waits.items() if not count]
        depths = {name: 0 if name == ALL else 1 for name in ready}
        for name in ready:
            for child in below.get(name, ()):
                depths[child] = max(depths.get(child, 0), depths[name] + 1)
                waits[child] -= 1
                if not waits[child]:
                    ready.append(child)
        stuck = sorted(name for name, count in waits.items() if count)
        if stuck:
            raise BadInventory(f"the group {stuck[0]!r} is in itself")
        return {name: depths[name] for name in ready}

    def _above(self, ordered: Iterable[str]) -> dict[str, frozenset[str]]:
        found: dict[str, frozenset[str]] = {}
        for name in ordered:
            parents = self._groups[name].parents
            found[name] = frozenset(parents).union(*(found[parent] for parent in parents))
        return found


def _meant(variables: Variables) -> Variables:
    """Return those variables that mean something here."""
    return {name: value for name, value in variables.items() if name.startswith(_MEANT)}


def _set(known: Variables, more: Variables, line: int | None) -> None:
    known.update(more)
    if len(known) > MOST_VARIABLES:
        raise BadInventory(f"it sets more than {MOST_VARIABLES} variables {OURS}… of one", line)


def _without_port(name: str) -> str:
    """Return a host without its port, which is that of SSH, and without an address's brackets."""
    head, _, port = name.rpartition(":")
    if port.isdigit() and ":" not in _BRACKETS.sub("", head) and "[" not in port:
        name = head
    try:
        return str(IPv6Address(name.removeprefix("[").removesuffix("]")))
    except AddressValueError:
        return name


def _expanded(pattern: str, line: int) -> list[str]:
    """Return the names of a pattern, such as `db[01:10].example.com`."""
    parts: list[list[str]] = []
    count, end = 1, 0
    for found in _RANGE.finditer(pattern):
        # One that starts a name in brackets is an address.
        values = _between(found["first"], found["last"], int(found["step"] or 1), line)
        count *= len(values)
        if count > MOST_HOSTS:
            break
        parts += [[pattern[end : found.start()]], list(values)]
        end = found.end()
    if count > MOST_HOSTS:
        raise BadInventory(f"it has more than {MOST_HOSTS} hosts", line)
    rest = pattern[end:]
    if not parts and not pattern:
        raise BadInventory("a host has no name", line)
    return ["".join(item) for item in product(*parts, [rest])]


def _between(first: str, last: str, step: int, line: int) -> _Values:
    """Return the values of a range, both ends included."""
    if first.isdigit() is not last.isdigit() or not step:
        raise BadInventory(f"[{first}:{last}] is no range", line)
    if first.isdigit():
        numbers = range(int(first), int(last) + 1, step)
        width = len(first) if first.startswith("0") else 0
        if width and len(last) != width:
            raise BadInventory(f"the ends of [{first}:{last}] have different lengths", line)
    else:
        numbers = range(ascii_letters.index(first), ascii_letters.index(last) + 1, step)
        width = -1
    if not numbers:
        raise BadInventory(f"[{first}:{last}] is no range", line)
    return _Values(numbers, width)


@dataclass(frozen=True, slots=True)
class _Values:
    """Values that are not made before they are counted. `width` -1: letters."""

    numbers: range
    width: int

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[str]:
        for number in self.numbers:
            yield ascii_letters[number] if self.width < 0 else str(number).zfill(self.width)
