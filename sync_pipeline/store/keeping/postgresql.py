"""Copies of a store in PostgreSQL, by its own programs, put in its place in one transaction."""

from __future__ import annotations

import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sqlalchemy import Connection

from sync_pipeline.errors import (
    ConfigurationError,
    LeaseHeld,
    Phase,
    StoreDamaged,
    StoreUnavailable,
    SyncError,
)
from sync_pipeline.files.private import make_private_file
from sync_pipeline.model.backup import Kept
from sync_pipeline.store.database import MIGRATION_LOCK, REVISIONS, Database, newest_revision
from sync_pipeline.store.keeping.postgresql_tools import APPLICATION, Tools, data_of
from sync_pipeline.store.keeping.sqlite import require_known
from sync_pipeline.store.looking import GIVEN
from sync_pipeline.store.upgrades import FORMER_TABLES, every_table
from sync_pipeline.store.views.views import SCHEMA, view_names, view_statements

_IN_USE = "sync_pipeline has it open"
_LOOKS = 30
_REQUIRE_NOBODY = f"""\
DO $body$ BEGIN
FOR turn IN 1 .. {_LOOKS} LOOP
    PERFORM pg_stat_clear_snapshot();
    EXIT WHEN NOT EXISTS (
        SELECT 1 FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND application_name LIKE 'sync_pipeline%' AND application_name <> '{APPLICATION}'
    );
    IF turn = {_LOOKS} THEN RAISE EXCEPTION '{_IN_USE}'; END IF;
    PERFORM pg_sleep(0.1);
END LOOP;
END $body$;"""  # noqa: S608 - of constants
"""What was closed a moment ago, as by this command, may take a moment to end."""
_GIVE_BACK = """\
DO $body$ BEGIN
IF to_regclass('daemon_lease') IS NOT NULL THEN UPDATE daemon_lease SET token = '';
END IF;
END $body$;"""
_LOCK_SECONDS = 10
_CHUNK = 2**20
_TABLES = (
    "SELECT n.nspname, c.relname, coalesce(p.relname, '') FROM pg_class c "
    "JOIN pg_namespace n ON n.oid = c.relnamespace "
    "LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class p ON p.oid = i.inhparent "
    "WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') ORDER BY c.relname"
)
_OF_OTHERS = (
    "SELECT c.relname FROM pg_class c WHERE c.relname = ANY(%(names)s) "
    "AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) "
    "AND NOT pg_has_role(c.relowner, 'USAGE') ORDER BY c.relname"
)
"""Of which this account is not the owner, nor a member of the owner."""
_HAS_VIEWS = "SELECT count(*) FROM pg_namespace WHERE nspname = %(schema)s"
_COLUMNS = {REVISIONS: "version_num", "credentials": "secret"}


@dataclass(frozen=True, slots=True)
class _Table:
    schema: str
    name: str
    parent: str

    @property
    def quoted(self) -> str:
        return f'"{self.schema}"."{self.name}"'


@dataclass(frozen=True, slots=True)
class PostgresqlKeeper:
    """The tables of a store, in one schema of a database."""

    database: Database
    kind: str = "postgresql"
    file: str = "store.dump"

    @property
    def tools(self) -> Tools:
        """Return PostgreSQL's programs, for this database."""
        return Tools(self.database.url)

    def copy(self, target: Path) -> Kept:
        """See `Keeper.copy`: pg_dump reads one state, and holds no writer up."""
        with self.database.guarded(), self.database.read() as connection:
            tables = self._own(connection, self.database.revision())
        self.database.close()
        if not tables:
            raise ConfigurationError(
                "The store has no tables yet.", hint="There is nothing to be copied."
            )
        names = [f"--table={item.quoted}" for item in tables]
        arguments = ["--format=custom", "--no-owner", "--no-privileges", *names]
        try:
            make_private_file(target)
            with target.open("wb") as output:
                self.tools.run("pg_dump", *arguments, f"--dbname={self.tools.place}", output=output)
        except OSError as error:
            raise self.database.unavailable(error) from None
        return self._kept(target)

    def verify(self, copy: Path) -> Kept:
        """See `Keeper.verify`. All of it is read once; what it needs of upgrades comes after it."""
        found = self._kept(copy)
        self._require_rights()
        return found

    def _kept(self, copy: Path) -> Kept:
        try:
            self.tools.run("pg_restore", "--file=/dev/null", str(copy), output=subprocess.DEVNULL)
            tables = [f"--table={table}" for table in _COLUMNS]
            arguments = ["--data-only", *tables, "--file=-", str(copy)]
            with self.tools.started("pg_restore", *arguments, output=subprocess.PIPE) as process:
                assert process.stdout is not None  # noqa: S101 - it was asked for
                found = data_of(process.stdout, _COLUMNS)
                _, said = process.communicate()
            if process.returncode:
                raise self.tools.failed("pg_restore", said)
            (revision,) = found.values[REVISIONS]
        except (StoreUnavailable, ValueError) as error:
            raise StoreDamaged(
                f"{copy.name} of the backup is damaged or no copy of a store: {_text(error)}",
                phase=Phase.STORE,
                hint="Nothing was changed. Use another backup (docs/backup.md).",
            ) from None
        require_known(revision, newest_revision())
        self._require_schema(found.schemas)
        return Kept(revision, tuple(found.values["credentials"]))

    def _require_schema(self, schemas: frozenset[str]) -> None:
        """Refuse tables that would be made where this store is not looked for."""
        with self.database.guarded(), self.database.read() as connection:
            asked = "SELECT quote_ident(current_schema())"
            present = connection.exec_driver_sql(asked).scalar() or "none that is there"
        self.database.close()
        if schemas != {present}:
            raise ConfigurationError(
                f"The tables of the backup are of the schema {', '.join(sorted(schemas))}; those "
                f"of SYNC_PIPELINE_STORE_URL are of {present}.",
                hint="Nothing was changed. Name that schema in the URL (options=-csearch_path=…), "
                "and make it where it is not there.",
            )

    def _require_rights(self) -> None:
        """Refuse an account that may not drop the present tables: only their owner may."""
        with self.database.guarded():
            revision = self.database.revision()
            with self.database.read() as connection:
                own = [item.name for item in self._own(connection, revision)]
                asked = connection.exec_driver_sql(_OF_OTHERS, {"names": own})
                others = [str(row[0]) for row in asked]
        self.database.close()
        if others:
            raise ConfigurationError(
                f"The account of SYNC_PIPELINE_STORE_URL does not own {len(others)} of the present "
                f"tables, such as {others[0]}, and so can't replace them.",
                hint="Nothing was changed. Name their owner in the URL.",
            )

    def is_empty(self) -> bool:
        """See `Keeper.is_empty`."""
        revision = self.database.revision()
        if revision is None:
            return True
        with self.database.guarded(), self.database.read() as connection:
            return not any(
                connection.exec_driver_sql(f"SELECT 1 FROM {table} LIMIT 1").scalar()  # noqa: S608 - ours
                for table in GIVEN
                if connection.exec_driver_sql(f"SELECT to_regclass('{table}')").scalar()
            )

    def replace(self, copy: Path) -> str:
        """See `Keeper.replace`. One transaction drops the old tables and makes the new ones.

        Whoever is killed, psql or this process, ends it without a COMMIT.
        """
        with self.database.guarded(), self.database.read() as connection:
            tables = self._own(connection, self.database.revision())
            views = bool(connection.exec_driver_sql(_HAS_VIEWS, {"schema": SCHEMA}).scalar())
            schema = connection.exec_driver_sql("SELECT current_schema()").scalar()
        self.database.close()
        revision = self.verify(copy).revision
        made = views and revision == newest_revision()
        self._restore(copy, _before(tables, views=views), _after(str(schema), views=made))
        return ""

    def close(self) -> None:
        """See `Keeper.close`."""
        self.database.close()

    def _restore(self, copy: Path, before: str, after: str) -> None:
        tools = self.tools
        arguments = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-"]
        with (
            tools.started(
                "psql", *arguments, f"--dbname={tools.place}",
                output=subprocess.DEVNULL, stdin=subprocess.PIPE,
            ) as psql,
            tools.started(
                "pg_restore", "--no-owner", "--no-privileges", "--file=-", str(copy),
                output=subprocess.PIPE,
            ) as source,
        ):  # fmt: skip
            heard = _Heard(psql.stderr)
            assert psql.stdin is not None  # noqa: S101 - it was asked for
            assert source.stdout is not None  # noqa: S101 - as above
            try:
                psql.stdin.write(before.encode())
                while part := source.stdout.read(_CHUNK):
                    psql.stdin.write(part)
                _, said = source.communicate()
                if source.returncode:
                    raise tools.failed("pg_restore", said)
                psql.stdin.write(after.encode())
                psql.stdin.close()
            except BrokenPipeError:
                pass
            psql.wait()
            if psql.returncode:
                raise self._refused(heard.text())

    def _refused(self, said: bytes) -> SyncError:
        if _IN_USE.encode() in said:
            return LeaseHeld(
                "The store is open in another process of sync_pipeline.",
                phase=Phase.STORE,
                hint="Nothing was changed. Stop what uses it (up, console, metrics --serve, runs, "
                "workers) and run the command again.",
            )
        return self.tools.failed("psql", said)

    @staticmethod
    def _own(connection: Connection, revision: str | None) -> list[_Table]:
        """Return the tables of the store by their names: others have tables in its schema too.

        Raises:
            ConfigurationError: a newer version made the store, and which are its own nobody knows.
        """
        if revision is None:
            return []
        rows = connection.exec_driver_sql(_TABLES)
        found = [_Table(row[0], row[1], row[2]) for row in rows]
        known = {*every_table().tables, *FORMER_TABLES, REVISIONS}
        own = [item for item in found if item.name in known or item.parent in known]
        unknown = ", ".join(item.name for item in found if item not in own)
        if revision > newest_revision() and unknown:
            raise ConfigurationError(
                f"A newer version made the present store (revision {revision}), and its schema has "
                f"tables that this version does not know: {unknown}.",
                hint="Nothing was changed. Drop those that are of sync_pipeline, move others to a "
                "schema of their own, or restore into an empty database (docs/upgrading.md).",
            )
        return own


class _Heard:
    """Reads what a program says while it works, so that it never waits for that."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        self._parts: list[bytes] = []
        self._thread = threading.Thread(target=self._listen, args=(stream,), daemon=True)
        self._thread.start()

    def text(self) -> bytes:
        """Return what it said, when it has ended."""
        self._thread.join()
        return b"".join(self._parts)

    def _listen(self, stream: IO[bytes] | None) -> None:
        while stream is not None and (part := stream.read(_CHUNK)):
            self._parts.append(part)


def _before(tables: list[_Table], *, views: bool) -> str:
    """Return what takes the old tables away, where nobody uses them.

    What somebody else made of one, such as a view, is not taken along: then nothing is changed.
    """
    dropped = ", ".join(item.quoted for item in tables)
    lines = [
        "BEGIN;",
        f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s';",
        f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK});",
        _REQUIRE_NOBODY,
    ]
    if views:
        lines += [f"DROP VIEW IF EXISTS {SCHEMA}.{name};" for name in view_names()]
    if dropped:
        lines.append(f"DROP TABLE {dropped};")
    return "\n".join(lines) + "\n"


def _after(schema: str, *, views: bool) -> str:
    """Return what gives the lease of the backup back, makes the views, and ends it all."""
    quoted = '"' + schema.replace('"', '""') + '"'
    lines = [
        f"\nSET LOCAL search_path = {quoted};",
        _GIVE_BACK,
    ]
    if views:
        lines += [f"{statement};" for statement in view_statements().values()]
    return "\n".join([*lines, "COMMIT;"]) + "\n"


def _text(error: Exception) -> str:
    return error.message if isinstance(error, SyncError) else "it has not the tables of one"
