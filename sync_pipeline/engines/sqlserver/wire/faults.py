"""What an ODBC driver says of an error: SQLSTATE, numbers and text, without its own prefixes.

pyodbc joins the records of an error as `[state] text (number) (function); [state] text
(number)`. The text is the server's or the driver's and may hold brackets and numbers itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_RECORD_END = r"(?=\s*(?:;\s\[\w{5}\]\s|$))"
_NUMBER = re.compile(rf"\((-?\d+)\)(?:\s*\(SQL[A-Za-z]+\))?{_RECORD_END}")
_PREFIX = re.compile(
    r"(^|;\s)\[\w{5}\]\s"
    r"(?:\[(?:Microsoft|FreeTDS|unixODBC|Driver Manager|SQL Server"
    r"|ODBC Driver \d+ for SQL Server)\])*"
)


@dataclass(frozen=True, slots=True)
class Fault:
    """What a driver said: SQLSTATE, the numbers of the server or the driver, the text."""

    state: str
    numbers: tuple[int, ...]
    text: str

    def has(self, numbers: frozenset[int]) -> bool:
        """Return whether one of these numbers was reported."""
        return not numbers.isdisjoint(self.numbers)

    @property
    def is_of_server(self) -> bool:
        """Return whether the server said it.

        The drivers' own words have numbers too, under SQLSTATEs of connections and time;
        FreeTDS has 20000 to 20199 for itself (sybdb.h).
        """
        if self.state.startswith(("08", "HYT", "IM")):
            return False
        return any(n > 0 and not 20000 <= n < 20200 for n in self.numbers)  # noqa: PLR2004


def fault(error: BaseException) -> Fault:
    """Read what pyodbc raised: its arguments are the SQLSTATE and all records as one text."""
    arguments = [str(item) for item in error.args] or [type(error).__name__]
    state = arguments[0] if len(arguments) > 1 else ""
    raw = arguments[-1]
    numbers = tuple(int(number) for number in _NUMBER.findall(raw))
    text = _PREFIX.sub(r"\1", _NUMBER.sub("", raw))
    return Fault(state, numbers, " ".join(text.split()).rstrip(". ;"))
