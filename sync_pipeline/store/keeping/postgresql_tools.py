"""PostgreSQL's own programs (pg_dump, pg_restore, psql), given no password that others see."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO, Any

from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import URL

from sync_pipeline.errors import ConfigurationError, Phase, StoreUnavailable
from sync_pipeline.store.masking import SHOWN, without_secrets

APPLICATION = "sync_pipeline_restore"
_MOST_SAID = 1000
_OF_LIBPQ = {"options": "PGOPTIONS", "passfile": "PGPASSFILE"}
"""Parameters of a URL that are no part of what other users see, by the variables for them
(PostgreSQL's manual, 32.15)."""
_LEFT_OUT = frozenset({"application_name"})


@dataclass(frozen=True, slots=True)
class Tools:
    """Runs the programs on the database of a URL."""

    url: URL

    @property
    def place(self) -> str:
        """Return where the database is, without the password: it may be an argument.

        Raises:
            ConfigurationError: the URL has a secret that the programs can't be given.
        """
        given: dict[str, Any] = {
            "host": self.url.host,
            "port": self.url.port,
            "user": self.url.username,
            "dbname": self.url.database,
        }
        for name, value in self.url.query.items():
            if name in _LEFT_OUT or name in _OF_LIBPQ:
                continue
            if name not in SHOWN or not isinstance(value, str):
                raise ConfigurationError(
                    f"The programs of PostgreSQL can't be given the parameter {name} of "
                    "SYNC_PIPELINE_STORE_URL without other users seeing it.",
                    hint="Run pg_dump yourself, with a service file (docs/backup.md).",
                )
            given[name] = value
        return make_conninfo(**{name: value for name, value in given.items() if value is not None})

    def environment(self) -> Mapping[str, str]:
        """Return the environment of a program: libpq's variables, and the password."""
        kept = ("HOME", "LANG", "PATH", "SSL_CERT_DIR", "SSL_CERT_FILE", "TMPDIR")
        found = {
            name: value
            for name, value in os.environ.items()
            if name in kept or name.startswith(("PG", "LC_"))
        }
        for name, variable in _OF_LIBPQ.items():
            if isinstance(value := self.url.query.get(name), str):
                found[variable] = value
        if self.url.password:
            found["PGPASSWORD"] = str(self.url.password)
        return {**found, "PGAPPNAME": APPLICATION}

    def run(self, program: str, *arguments: str, output: IO[bytes] | int) -> None:
        """Run a program to its end, and let it write to a file.

        Raises:
            ConfigurationError: it is not installed.
            StoreUnavailable: it failed.
        """
        with self.started(program, *arguments, output=output) as process:
            _, said = process.communicate()
        if process.returncode:
            raise self.failed(program, said)

    @contextmanager
    def started(
        self,
        program: str,
        *arguments: str,
        output: IO[bytes] | int,
        stdin: int = subprocess.DEVNULL,
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Start a program; it is killed at the end of the block if it is still there.

        Raises:
            ConfigurationError: it is not installed.
        """
        process = subprocess.Popen(  # noqa: S603 - PostgreSQL's own, with arguments of ours
            [found_program(program), *arguments],
            stdin=stdin,
            stdout=output,
            stderr=subprocess.PIPE,
            env=dict(self.environment()),
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    # One that was killed takes no more of what is in the buffer for it.
                    with suppress(BrokenPipeError):
                        stream.close()

    def failed(self, program: str, said: bytes) -> StoreUnavailable:
        """Return what a program said when it failed, without the secrets of the URL."""
        text = " ".join(said.decode(errors="replace").split())[:_MOST_SAID]
        return StoreUnavailable(
            f"{program} failed: {without_secrets(text, self.url)}",
            phase=Phase.STORE,
            hint="The store is as it was.",
        )


def found_program(name: str) -> str:
    """Return where a program is.

    Raises:
        ConfigurationError: it is not installed.
    """
    found = shutil.which(name)
    if found is None:
        raise ConfigurationError(
            f"{name} is not on PATH, which a store in PostgreSQL is copied and restored with.",
            hint="Install the client programs of PostgreSQL, of the server's version or a newer "
            "one (on Debian postgresql-client), or run them elsewhere: the commands are in "
            "docs/backup.md.",
        )
    return found


@dataclass(frozen=True, slots=True)
class Data:
    """The values of one column of some tables, and the schemas of these, quoted as SQL has them."""

    values: Mapping[str, list[str]] = field(repr=False)
    schemas: frozenset[str]


def data_of(lines: Iterable[bytes], columns: Mapping[str, str]) -> Data:
    """Return one column of some tables, from what pg_restore writes of their data.

    PostgreSQL's manual, COPY, "Text Format".
    """
    found: dict[str, list[str]] = {table: [] for table in columns}
    schemas: set[str] = set()
    table, place = "", 0
    for line in lines:
        text = line.decode("utf-8", "replace").rstrip("\n")
        if not table and text.startswith("COPY "):
            name, _, rest = text[5:].partition(" (")
            schema, _, short = name.rpartition(".")
            if (short := short.strip('"')) in columns:
                schemas.add(schema)
                names = [item.strip(' "') for item in rest.partition(")")[0].split(",")]
                table, place = short, names.index(columns[short])
        elif text == "\\.":
            table = ""
        elif table:
            found[table].append(_unescaped(text.split("\t")[place]))
    return Data(found, frozenset(schemas))


def _unescaped(text: str) -> str:
    return text.replace("\\\\", "\\")
