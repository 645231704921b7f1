"""The views that others read, and the script that makes them and a role which reads nothing else.

They are in a schema of their own. Who made the tables makes them, so that they show to a role what
is in these. An upgrade of the tables takes the views away and makes them anew in its transaction:
a view would forbid to change a column that it shows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.text import LONGEST_NAME, shortened

SCHEMA = "sync_pipeline_views"
_IS_USED = "2BP01"
_SHOWN = 1000
_CREATE = re.compile(r"^CREATE VIEW \{schema\}\.(\w+)", re.MULTILINE)
_THERE = (
    "SELECT c.relname, pg_has_role(current_user, c.relowner, 'USAGE') "
    "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = %(schema)s AND c.relname = ANY(%(names)s)"
)
_IS_WANTED = (
    "SELECT has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = %(schema)s"
)
_PART_ONE = """\
-- Run it in the store's database, as the role that made the store's tables: the views show what
-- that role may read, of the tables that it finds by its search_path."""
_PART_TWO = """\

-- The role that reads them: replace <password>. It writes nothing, and nothing takes it long."""
_PART_THREE = """\
-- Upgrades make the views anew. This keeps them readable; it is said by who made the tables."""


@cache
def _text() -> str:
    return resources.files(__package__).joinpath("views.sql").read_text("utf-8")


def view_names() -> tuple[str, ...]:
    """Return the names of the views."""
    return tuple(_CREATE.findall(_text()))


def view_statements() -> Mapping[str, str]:
    """Return the statement that makes each view, by its name."""
    lines = (line for line in _text().splitlines() if not line.startswith("--"))
    parts = filter(None, map(str.strip, "\n".join(lines).split(";")))
    return {
        name: part.format(schema=SCHEMA) for name, part in zip(view_names(), parts, strict=True)
    }


def reader_script(user: str) -> str:
    """Return the script that makes the views anew and a role that reads them, and nothing else.

    Raises:
        ConfigurationError: no role can have the name.
    """
    if not 0 < len(user) <= LONGEST_NAME or "\0" in user:
        raise ConfigurationError("A role has a name.", hint="Give it with --user.")
    role = _quoted(user)
    lines = [
        _PART_ONE,
        "BEGIN;",
        f"CREATE SCHEMA IF NOT EXISTS {SCHEMA};",
        *(f"DROP VIEW IF EXISTS {SCHEMA}.{name};" for name in view_names()),
        *(f"{text};" for text in view_statements().values()),
        "COMMIT;",
        _PART_TWO,
        f"CREATE ROLE {role} LOGIN PASSWORD '<password>' CONNECTION LIMIT 10;",
        f"ALTER ROLE {role} SET default_transaction_read_only = on;",
        f"ALTER ROLE {role} SET statement_timeout = '30s';",
        f"ALTER ROLE {role} SET search_path = {SCHEMA};",
        f"GRANT USAGE ON SCHEMA {SCHEMA} TO {role};",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {SCHEMA} TO {role};",
        _PART_THREE,
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA {SCHEMA} GRANT SELECT ON TABLES TO {role};",
    ]
    return "\n".join(lines) + "\n"


def take_views(connection: Connection) -> bool:
    """Take the views away before the tables change; return whether they are wanted afterwards.

    They are where there is a schema for them. Those that another role made are left alone: only
    that one can take them away.

    Raises:
        ConfigurationError: somebody made something of one, which would be lost with it.
    """
    if connection.dialect.name != "postgresql":
        return False
    for name, is_owned in _there(connection).items():
        if is_owned:
            _take(connection, name)
    return bool(connection.exec_driver_sql(_IS_WANTED, {"schema": SCHEMA}).scalar())


def _take(connection: Connection, name: str) -> None:
    try:
        connection.exec_driver_sql(f"DROP VIEW {SCHEMA}.{name}")
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _IS_USED:
            raise
        by = getattr(getattr(error.orig, "diag", None), "message_detail", None)
        raise ConfigurationError(
            f"The store's tables can't be upgraded: {shortened(by or str(error.orig), _SHOWN)}.",
            hint="DROP VIEW what is yours, start again, and make it anew after that.",
        ) from None


def make_views(connection: Connection) -> None:
    """Make the views that are not there, of the tables that the connection finds."""
    there = _there(connection)
    for name, statement in view_statements().items():
        if name not in there:
            connection.exec_driver_sql(statement)


def _there(connection: Connection) -> dict[str, bool]:
    """Return the views that are there, and whether they are of who asks."""
    asked = {"schema": SCHEMA, "names": list(view_names())}
    return {row[0]: row[1] for row in connection.exec_driver_sql(_THERE, asked)}


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
