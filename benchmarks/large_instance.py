"""One large instance: what its syncs and the questions about it cost, beside plain statements.

    python -m benchmarks.large_instance [--scale 0.1] [--rounds 3]
    python -m benchmarks.large_instance --shape chain --depth 400
    python -m benchmarks.large_instance --shape holders --holders 2400

A private PostgreSQL server of the newest version installed holds roles in nested groups and tables
that are granted to them; `--grants` counts what the collector finds, the nine of each table's owner
among them. `--scale` multiplies roles, tables and grants. With a shape the world is small, and has
a chain of nested roles, or many direct holders of one privilege.

Each line is one process or more, with its wall time, CPU (user and system, of all its processes)
and peak memory. `ratio` compares the CPU beyond the start of the program with that of the baseline
named: `catalog-queries` are the collector's statements by psycopg, its rows thrown away, and
`server` is one statement with `has_table_privilege` over all roles. `sync` lines are the work on
the instance alone, as a step of the job does it; `run` is the whole command `sync-pipeline run`,
with the processes that Dagster starts. Baselines and syncs tell themselves where their start ends:
that of one program differs from one time to the next by as much as a sync takes that finds nothing.
For the others, starts are the same programs on an instance that refuses connections and was never
synced. The sync of one changed grant is measured after a grant that was
given and taken.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sync_pipeline.model.instance import EngineName, Instance, Timeouts, TlsMode, TlsOptions
from sync_pipeline.store.store import Store
from workbench.fleet.homes import Home, fresh_home
from workbench.fleet.server import MONITOR
from workbench.scale.asked import catalog_statements
from workbench.scale.cases import (
    COMMAND,
    Case,
    Measuring,
    WrongEnd,
    as_json,
    counted,
    number_of,
    say,
    table,
)
from workbench.scale.roles import DATABASE, RoleWorld, change, fill
from workbench.servers import postgresql
from workbench.servers.running import RunningServer

LARGE, NOWHERE = "large", "nowhere"
QUESTION = ("UPDATE", "table:s1.t5")
PLAIN = "workbench.scale.plain"
CATALOG, SERVER = "catalog-queries", "server"
PLAIN_START, SYNC_START, RUN_START, START = "plain-start", "sync-start", "run-start", "start"


@dataclass(frozen=True, slots=True)
class Large:
    """The server, the home in which it is an instance, and what is measured there."""

    server: RunningServer
    home: Home
    measuring: Measuring

    def baselines(self) -> None:
        """Measure what the same work takes without the product, and the starts."""
        login = f"host={self.server.host} port={self.server.port}"
        login += f" user={self.server.admin_user}"
        statements = self.home.directory / "statements.json"
        statements.write_text(json.dumps(catalog_statements(self.server)))
        plain = [
            Case(PLAIN_START, (PLAIN, "nothing")),
            Case(CATALOG, (PLAIN, "catalog", login, str(statements)), "", PLAIN_START,
                 number_of("rows")),
            Case(
                SERVER,
                (PLAIN, "holders", f"{login} dbname={DATABASE}", QUESTION[0], "s1.t5"),
                "", PLAIN_START, number_of("roles"),
            ),
        ]  # fmt: skip
        asked = (*QUESTION, "--json", "--instance", NOWHERE)
        starts = [
            Case(START, (COMMAND, "access", "who-can", *asked), exit_status=2),
            self._sync(SYNC_START, NOWHERE),
        ]
        self.measuring.run(*plain, *starts)

    def syncs(self) -> None:
        """Measure the first sync, one that finds nothing and one that finds a changed grant."""
        rounds, self.measuring.rounds = self.measuring.rounds, 1
        self.measuring.run(self._sync("first sync", LARGE))
        self.measuring.rounds = rounds
        self.measuring.run(self._sync("sync, nothing changed", LARGE, updated=0))
        self.measuring.rounds = 1
        change(self.server, granted=True)
        self.measuring.run(self._sync("sync, one grant given", LARGE, updated=1))
        change(self.server, granted=False)
        self.measuring.run(self._sync("sync, one grant taken", LARGE, updated=1))
        self.measuring.rounds = rounds

    def runs(self) -> None:
        """Measure the whole command, that finds nothing changed."""
        job = (COMMAND, "run", "account-sync", "--instance")
        start = Case(RUN_START, (*job, NOWHERE), exit_status=1)
        found = Case("run, nothing changed", (*job, LARGE), CATALOG, RUN_START)
        if self.measuring.takes(start) or self.measuring.takes(found):
            self.home.make_dagster_storage()
        self.measuring.run(start, found)

    def questions(self, account: str) -> None:
        """Measure what people ask about the instance."""
        of = ("--json", "--instance", LARGE)
        who_can = (COMMAND, "access", "who-can", *QUESTION)
        self.measuring.run(
            Case("who-can", (*who_can, *of), SERVER, START, counted("holders", "holders")),
            Case("who-can, as a table", (*who_can, *of[1:]), SERVER, START),
            Case("access of", (COMMAND, "access", "of", account, *of), CATALOG, START,
                 counted("privileges", "privileges")),
            Case("findings", (COMMAND, "findings", *of), CATALOG, START,
                 counted("findings", "findings")),
        )  # fmt: skip

    def store_bytes(self) -> int:
        """Return the size of the store's files."""
        files = self.home.directory.glob("sync_pipeline.db*")
        return sum(file.stat().st_size for file in files)

    def _sync(self, name: str, instance: str, updated: int = 0) -> Case:
        result = self.home.directory / f"{len(self.measuring.found)}-{instance}.json"
        command = ("workbench.fleet.bare", "store", str(result), "--instance", instance)
        if instance == NOWHERE:
            return Case(name, command)
        return Case(name, command, CATALOG, SYNC_START, self._outcome(result, updated))

    def _outcome(self, result: Path, updated: int) -> Callable[[str], str]:
        """Return what tells from its record how a sync ended, which updated so many accounts."""

        def told(said: str) -> str:
            found = json.loads(result.read_text())
            store = Store.open(f"sqlite:///{self.home.directory / 'sync_pipeline.db'}")
            try:
                (record,) = store.sessions.records(found["session_id"])
            finally:
                store.close()
            counters = record.counters
            if found["failed"] or counters.items_updated != updated:
                raise WrongEnd(f"{record.status}, {counters}: {record.error_message}\n{said}")
            words = {"created": counters.items_created, "updated": counters.items_updated}
            return ", ".join(f"{count} {word}" for word, count in words.items())

        return told


def instances(server: RunningServer) -> list[Instance]:
    """Return the large instance, and one that refuses connections."""

    def instance(name: str, port: int) -> Instance:
        return Instance(
            0, name, EngineName.POSTGRESQL, server.host, port, MONITOR,
            tls=TlsOptions(TlsMode.DISABLE), timeouts=Timeouts(10, 600, 1800),
        )  # fmt: skip

    return [instance(LARGE, server.port), instance(NOWHERE, 1)]


@contextmanager
def opened(world: RoleWorld, options: argparse.Namespace) -> Iterator[Large]:
    """Start a server with a world in it, and a home."""
    settings = {
        "retry_limit": 0,
        "step_concurrency": 2,
        **dict(item.split("=", 1) for item in options.setting),
    }
    with tempfile.TemporaryDirectory(prefix="large-", dir="/tmp") as name:
        directory = Path(name)
        # The database server refuses root, so its user must be able to enter.
        directory.chmod(0o755)
        newest = postgresql.installations()[-1]
        with (
            postgresql.run_postgresql(newest, directory / "server") as server,
            fresh_home(directory / "home", None, settings) as home,
        ):
            fill(server, world)
            say(f"made on PostgreSQL {server.version}: {world}")
            home.register(instances(server))
            measuring = Measuring(
                home.environment, directory, options.limit, server.process.pid,
                options.profile, options.rounds, options.only,
            )  # fmt: skip
            yield Large(server, home, measuring)


def world_of(options: argparse.Namespace) -> RoleWorld:
    """Return the world that the options ask for."""
    if options.shape == "groups":
        count = options.scale
        return RoleWorld(
            round(options.roles * count), options.schemas, round(options.tables * count),
            round(options.grants * count), options.nesting, seed=options.seed,
        )  # fmt: skip
    more = {"chain": options.depth} if options.shape == "chain" else {"holders": options.holders}
    return RoleWorld(roles=30, schemas=1, tables=10, grants=120, seed=options.seed, **more)


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.large_instance",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    world = RoleWorld()
    for name in ("roles", "schemas", "tables", "grants", "nesting", "seed"):
        parser.add_argument(f"--{name}", type=int, default=getattr(world, name))
    parser.add_argument("--scale", type=float, default=1, help="of roles, tables and grants")
    parser.add_argument("--shape", choices=("groups", "chain", "holders"), default="groups")
    parser.add_argument("--depth", type=int, default=400, help="of the chain")
    parser.add_argument("--holders", type=int, default=2400, help="direct ones")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument(
        "--only", action="append", default=[], metavar="LINE", help="only this one; repeated"
    )
    parser.add_argument("--profile", action="store_true", help="where the time goes; costs some")
    parser.add_argument("--limit", type=float, default=1800, help="seconds of one process")
    parser.add_argument("--json", action="store_true", help="instead of a table")
    parser.add_argument(
        "--setting", action="append", default=[], metavar="NAME=VALUE",
        help="one more SYNC_PIPELINE_ setting",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    options.json = options.json or options.profile
    return options


def measured(options: argparse.Namespace) -> dict[str, Any] | str:
    """Measure everything, and return it as JSON values or as a table."""
    world = world_of(options)
    account = {"groups": "u1", "chain": f"c{world.chain}", "holders": "h1"}[options.shape]
    with opened(world, options) as large:
        large.baselines()
        large.syncs()
        large.runs()
        large.questions(account)
        size = large.store_bytes() / 10**6
        found = large.measuring.found
    if options.json:
        return {"world": str(world), **as_json(found), "store MB": round(size, 1)}
    return f"{world}\n\n{table(found)}\n\nThe store has {size:.1f} MB."


def main() -> int:
    """Measure and print."""
    options = parsed()
    try:
        result = measured(options)
    except WrongEnd as wrong:
        say(f"The benchmark failed: {wrong}")
        return 1
    sys.stdout.write((result if isinstance(result, str) else json.dumps(result, indent=2)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
