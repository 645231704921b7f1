"""What a session of ours is, whatever the server, the database or the role sets. Pure.

Every transaction sets its own parameters, SET LOCAL, before its first statement: a login
trigger runs without them (but for those of the start-up packet), a pooler that gives each
transaction another connection of the server can't lose them, and nobody else who is given
that connection meets them. Source: PostgreSQL manual, "Client Connection Defaults",
"Version and Platform Compatibility", "Lock Management"; SET.
"""

from __future__ import annotations

from dataclasses import dataclass

OWN_LIMIT = "<the limit of this instance>"
"""Stands for the milliseconds that one statement may take."""
_MINIMUM = (14,)
_CHANGED = (
    "SELECT s.name::text AS name, s.setting::text AS setting FROM pg_catalog.pg_settings AS s JOIN "
)
_FROM_WANTED = " AS p (name, value) ON p.name = s.name WHERE s.setting <> p.value"


@dataclass(frozen=True, slots=True)
class Pinned:
    """A parameter that could change what is read, and the value that it has in our sessions.

    `at_login` ones are in the start-up packet as well, since they count before any statement
    of ours: they bound the login and what it runs, and change none of it.
    """

    name: str
    value: str
    reason: str
    since: tuple[int, ...] = _MINIMUM
    at_login: bool = False

    def is_on(self, version: tuple[int, ...]) -> bool:
        """Return whether servers of a version have the parameter."""
        return self.since <= version


PINNED: tuple[Pinned, ...] = (
    # Before the path, which the server keeps as it would write the names in it.
    Pinned("quote_all_identifiers", "off", "how the server writes names in signatures"),
    # Before whatever is looked up by it.
    Pinned("search_path", "pg_catalog", "which functions, operators and types a name means"),
    Pinned(
        "default_transaction_read_only",
        "on",
        "a login trigger would write as us",
        at_login=True,
    ),
    Pinned("statement_timeout", OWN_LIMIT, "ends our statements", at_login=True),
    Pinned("lock_timeout", OWN_LIMIT, "ends our statements", at_login=True),
    Pinned("idle_in_transaction_session_timeout", "0", "ends our session", at_login=True),
    Pinned("idle_session_timeout", "0", "ends our session", at_login=True),
    Pinned("transaction_timeout", "0", "ends our session", since=(17,)),
    Pinned("exit_on_error", "off", "one refused statement would end the session"),
    Pinned("standard_conforming_strings", "on", "what a backslash in a literal means"),
    Pinned("backslash_quote", "safe_encoding", "which literals are refused"),
    Pinned("escape_string_warning", "off", "a notice for each statement"),
    Pinned("array_nulls", "on", "whether NULL in an array is a text"),
    Pinned("transform_null_equals", "off", "what = NULL means"),
    Pinned("bytea_output", "hex", "how bytes are written"),
    Pinned("DateStyle", "ISO, MDY", "how dates are written"),
    Pinned("IntervalStyle", "postgres", "how intervals are written"),
    Pinned("TimeZone", "UTC", "how moments are written"),
    Pinned("extra_float_digits", "1", "how numbers are written"),
    Pinned("lc_numeric", "C", "how to_char writes numbers"),
    Pinned("lc_monetary", "C", "how money is written"),
    Pinned("lc_time", "C", "how to_char writes months and days"),
    Pinned("xmlbinary", "base64", "how bytes in XML are written"),
    Pinned("xmloption", "content", "what is taken for XML"),
    Pinned("row_security", "on", "off makes an error of each table that has policies"),
    Pinned("gin_fuzzy_search_limit", "0", "cuts the rows of some indexes off"),
    Pinned("plan_cache_mode", "auto", "how long a statement takes"),
    Pinned("jit", "off", "compiling short statements takes longer than they do"),
    Pinned("max_parallel_workers_per_gather", "0", "workers that others need"),
    Pinned("client_min_messages", "warning", "notices beside the rows"),
)
"""Every parameter that anybody may set for a database or a role and that could change rows,
types, text, order or time of what we read, or end it. Which ones were looked at and can't is
in `contract/test_postgresql_session.py`."""


def start_up(statement_seconds: float) -> str:
    """Return the parameters of the start-up packet, which beat those set for the role."""
    given = (item for item in PINNED if item.at_login)
    return " ".join(f"-c {item.name}={_value(item, statement_seconds)}" for item in given)


def begin(version: tuple[int, ...], statement_seconds: float) -> str:
    """Return the one message that begins a transaction and makes it ours.

    Its last statement returns the parameters that do not hold, none where all is well.
    """
    here = [item for item in PINNED if item.is_on(max(version, _MINIMUM))]
    pairs = [(item.name, _value(item, statement_seconds)) for item in here]
    lines = ["BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"]
    lines += [f"SET LOCAL {name} = {_written(value)}" for name, value in pairs]
    wanted = ", ".join(f"('{name}', '{value}')" for name, value in pairs)
    lines.append(_CHANGED + f"(VALUES {wanted})" + _FROM_WANTED)
    return "; ".join(lines)


def _value(item: Pinned, statement_seconds: float) -> str:
    """Return a value; limits are milliseconds."""
    milliseconds = max(1, int(statement_seconds * 1000))
    return str(milliseconds) if item.value == OWN_LIMIT else item.value


def _written(value: str) -> str:
    """Return a value as SET takes it: a list is one only without quotes."""
    return ", ".join(f"'{part}'" for part in value.split(", "))
