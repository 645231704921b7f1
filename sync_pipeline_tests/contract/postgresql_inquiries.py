"""What a PostgreSQL server itself says accounts may do, asked in bulk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from sync_pipeline.model.privilege import Securable, SecurableKind
from workbench.servers.postgresql_bench import PostgresBench, raw
from workbench.strategies.postgresql_access import DATABASES
from workbench.strategies.postgresql_roles import quoted

K = SecurableKind
RELATIONS = (K.TABLE, K.PARTITIONED_TABLE, K.VIEW, K.MATERIALIZED_VIEW, K.FOREIGN_TABLE)
ROUTINES = (K.FUNCTION, K.PROCEDURE, K.AGGREGATE)
Answer = tuple[str, Securable, str]
"""An account, an object, and a privilege that it has there."""


@dataclass(frozen=True)
class Inquiry:
    """One of the server's functions, and how it is told which object is meant."""

    function: str
    kinds: tuple[SecurableKind, ...]
    privileges: tuple[str, ...]
    since: int = 14
    by_oid: str = ""
    on_server: bool = False

    def asked(self, major: int) -> list[str]:
        """Return the privileges as the function takes them, options included."""
        names = [name for name in self.privileges if name != "MAINTAIN" or major >= 17]
        return [f"{name}{option}" for name in names for option in ("", " WITH GRANT OPTION")]


ON_TABLES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
INQUIRIES = (
    Inquiry("has_table_privilege", RELATIONS, (*ON_TABLES, "MAINTAIN")),
    Inquiry("has_sequence_privilege", (K.SEQUENCE,), ("USAGE", "SELECT", "UPDATE")),
    Inquiry("has_schema_privilege", (K.SCHEMA,), ("USAGE", "CREATE")),
    Inquiry("has_type_privilege", (K.TYPE,), ("USAGE",)),
    Inquiry("has_language_privilege", (K.LANGUAGE,), ("USAGE",)),
    Inquiry("has_foreign_data_wrapper_privilege", (K.FOREIGN_DATA_WRAPPER,), ("USAGE",)),
    Inquiry("has_server_privilege", (K.FOREIGN_SERVER,), ("USAGE",)),
    Inquiry(
        "has_function_privilege",
        ROUTINES,
        ("EXECUTE",),
        by_oid="SELECT oid, pronamespace::regnamespace::text, proname || '(' || "
        "pg_get_function_identity_arguments(oid) || ')' FROM pg_proc",
    ),
    Inquiry(
        "has_largeobject_privilege",
        (K.LARGE_OBJECT,),
        ("SELECT", "UPDATE"),
        since=18,
        by_oid="SELECT oid, '', oid::text FROM pg_largeobject_metadata",
    ),
    Inquiry("has_database_privilege", (K.DATABASE,), ("CREATE", "CONNECT", "TEMPORARY")),
    Inquiry("has_tablespace_privilege", (K.TABLESPACE,), ("CREATE",), on_server=True),
    Inquiry("has_parameter_privilege", (K.PARAMETER,), ("SET", "ALTER SYSTEM"), 15, on_server=True),
)


class Oracle:
    """The server's own answers, a statement a function and database."""

    def __init__(
        self, bench: PostgresBench, accounts: Sequence[str], known: Sequence[Securable]
    ) -> None:
        self.bench = bench
        self.accounts = list(accounts)
        self.known = known
        self.asked: set[Answer] = set()
        self.granted: set[Answer] = set()

    def ask(self) -> None:
        """Fill in every question, and those that the server says yes to."""
        for database in DATABASES:
            with self.bench.admin(database) as link:
                link.execute("SET search_path = pg_catalog")
                for inquiry in INQUIRIES:
                    if self.bench.major < inquiry.since:
                        continue
                    if not inquiry.on_server or database == DATABASES[0]:
                        self._ask(link, inquiry, database)
                self._ask_columns(link, database)

    def _ask(
        self, link: psycopg.Connection[tuple[Any, ...]], inquiry: Inquiry, database: str
    ) -> None:
        where = "" if inquiry.on_server else database
        objects = [on for on in self.known if on.kind in inquiry.kinds and on.database == where]
        if inquiry.by_oid:
            oids = {
                (schema.strip('"'), name): oid
                for oid, schema, name in link.execute(raw(inquiry.by_oid)).fetchall()
            }
            texts = [str(oids[on.schema, on.name]) for on in objects]
        else:
            texts = [path(on) for on in objects]
        cast = "::oid" if inquiry.by_oid else ""
        self._put(
            objects,
            link.execute(
                raw(
                    f"SELECT r, n, p, {inquiry.function}(r::name, o{cast}, p) "
                    "FROM unnest(%s::text[]) AS r, "
                    "unnest(%s::text[]) WITH ORDINALITY AS x (o, n), unnest(%s::text[]) AS p"
                ),
                (self.accounts, texts, inquiry.asked(self.bench.major)),
            ).fetchall(),
        )

    def _ask_columns(self, link: psycopg.Connection[tuple[Any, ...]], database: str) -> None:
        """Ask for every column of every table, whether anything was granted on it or not."""
        relations = [on for on in self.known if on.kind in RELATIONS and on.database == database]
        columns = [
            Securable(K.COLUMN, database, on.schema, on.name, column, database)
            for on in relations
            for column in ("a", "b")
        ]
        privileges = [
            f"{name}{option}"
            for name in ("SELECT", "INSERT", "UPDATE", "REFERENCES")
            for option in ("", " WITH GRANT OPTION")
        ]
        self._put(
            columns,
            link.execute(
                raw(
                    "SELECT r, n, p, has_column_privilege(r::name, o, c, p) "
                    "FROM unnest(%s::text[]) AS r, "
                    "unnest(%s::text[], %s::text[]) WITH ORDINALITY AS x (o, c, n), "
                    "unnest(%s::text[]) AS p"
                ),
                (
                    self.accounts,
                    [path(c) for c in columns],
                    [c.column for c in columns],
                    privileges,
                ),
            ).fetchall(),
        )

    def _put(self, objects: Sequence[Securable], rows: Sequence[tuple[Any, ...]]) -> None:
        for account, position, privilege, answer in rows:
            key = (account, objects[position - 1], privilege)
            self.asked.add(key)
            if answer:
                self.granted.add(key)

    def roles(self, mode: str) -> set[tuple[str, str, str]]:
        """Return in which database an account has which role, as a word says it."""
        names = [name for name in self.accounts if name != "public"]
        found: set[tuple[str, str, str]] = set()
        for database in DATABASES:
            with self.bench.admin(database) as link:
                found.update(
                    link.execute(
                        "SELECT current_database()::text, m, r "
                        "FROM unnest(%s::text[]) AS m, unnest(%s::text[]) AS r "
                        "WHERE pg_has_role(m::name, r::name, %s)",
                        (names, names, mode),
                    ).fetchall()
                )
        return found


def path(on: Securable) -> str:
    """Return the text by which the server's functions find an object."""
    if on.kind is K.DATABASE:
        return on.database
    if on.kind is K.SCHEMA:
        return on.schema
    if not on.schema:
        return on.name
    return f"{quoted(on.schema)}.{quoted(on.name)}"
