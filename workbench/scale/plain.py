"""The baselines, each a process of its own: plain drivers that read and throw away.

    python -m workbench.scale.plain nothing
    python -m workbench.scale.plain catalog LOGIN STATEMENTS.json
    python -m workbench.scale.plain holders LOGIN PRIVILEGE TABLE
    python -m workbench.scale.plain count STORE_URL

`nothing` is the start of this program. `catalog` asks PostgreSQL what the collector asks, written
by the caller to a file: statements by database. `holders` asks the server itself who has a
privilege on a table, in one statement, and `count` counts the rows of every table of a store, in
one statement. LOGIN is libpq's. What was counted is printed, and before it (`told_work`) the CPU
seconds beyond the start of the program.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from time import process_time

import psycopg

from workbench.scale.work import told_work

_HOLDERS = (
    "SELECT rolname FROM pg_catalog.pg_roles"
    " WHERE pg_catalog.has_table_privilege(oid, %s, %s) AND rolname !~ '^pg_'"
)
_OF_SQLITE = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
_OF_POSTGRESQL = "SELECT relid::regclass::text FROM pg_catalog.pg_stat_user_tables ORDER BY relname"


def nothing() -> int:
    """Do nothing."""
    return 0


def catalog(login: str, path: str) -> int:
    """Return how many rows the statements have; each database is one connection."""
    rows = 0
    for database, statements in json.loads(Path(path).read_text()).items():
        with psycopg.connect(login, dbname=database) as connection:
            for statement in statements:
                with connection.cursor() as cursor:
                    cursor.execute(statement)
                    rows += sum(1 for _ in cursor)
    return rows


def holders(login: str, privilege: str, table: str) -> int:
    """Return how many roles have a privilege on a table, as the server itself decides.

    Its predefined roles are not counted: a sync leaves them out by default.
    """
    with psycopg.connect(login) as connection:
        return len(connection.execute(_HOLDERS, (table, privilege)).fetchall())


def count(url: str) -> int:
    """Return how many rows all tables of a store have together."""
    scheme, _, place = url.partition("://")
    if scheme == "sqlite":
        with closing(sqlite3.connect(place.removeprefix("/"))) as link:
            names = [name for (name,) in link.execute(_OF_SQLITE)]
            return int(link.execute(_counting(names)).fetchone()[0])
    with psycopg.connect(f"postgresql://{place}") as connection:
        names = [name for (name,) in connection.execute(_OF_POSTGRESQL)]
        (found,) = connection.execute(_counting(names).encode()).fetchone() or (0,)
        return int(found)


def _counting(tables: Iterable[str]) -> str:
    counted = " UNION ALL ".join(f"SELECT count(*) AS n FROM {name}" for name in tables)
    return f"SELECT sum(n) FROM ({counted}) AS counted"


PROGRAMS: Mapping[str, Callable[..., int]] = {
    item.__name__: item for item in (nothing, catalog, holders, count)
}


def main() -> int:
    """Do what the command line says."""
    program, *arguments = sys.argv[1:]
    begun = process_time()
    found = PROGRAMS[program](*arguments)
    sys.stdout.write(f"{told_work(process_time() - begun)}\n{found}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
