"""What a server is set to: settings and properties that decide whether a review is content."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

MOST_FACTS = 4_000
"""So many are kept of one instance; a section with more counts as not read."""
MOST_CHARACTERS = 2_000
"""So long a part of one may be; a longer one is not kept, and its section counts as not read."""


@dataclass(frozen=True, slots=True, order=True)
class ServerFact:
    """One setting or property of a server, or (`database`) of one of its databases.

    `name` is what the rules ask for. `subject` tells several of a name apart: a routine, a line
    of a file, a login; empty where there is one. `value` is a text as the server has it.
    """

    name: str
    database: str = ""
    subject: str = ""
    value: str = ""

    def __str__(self) -> str:
        of = " ".join(filter(None, (self.name, self.subject)))
        where = f" in database {self.database}" if self.database else ""
        return f"{of}{where}: {self.value}"


class ServerFacts:
    """The facts of one server by name. What is not among them is not known, and never "fine"."""

    def __init__(self, items: Iterable[ServerFact] = ()) -> None:
        self._by_name: dict[str, list[ServerFact]] = {}
        for item in sorted(items):
            self._by_name.setdefault(item.name, []).append(item)

    def each(self, name: str) -> tuple[ServerFact, ...]:
        """Return all facts of a name, by database and subject."""
        return tuple(self._by_name.get(name, ()))

    def value(self, name: str, database: str = "") -> str | None:
        """Return the value of a fact that has no subject; None: it is not known."""
        for item in self._by_name.get(name, ()):
            if (item.database, item.subject) == (database, ""):
                return item.value
        return None

    def is_on(self, name: str, database: str = "") -> bool | None:
        """Return whether a switch is on, however the server writes that; None: not known."""
        value = self.value(name, database)
        return None if value is None else _SWITCH.get(value.strip().lower())


_SWITCH: Mapping[str, bool] = {
    **dict.fromkeys(("on", "1", "true", "yes", "t", "y"), True),
    **dict.fromkeys(("off", "0", "false", "no", "f", "n"), False),
}
