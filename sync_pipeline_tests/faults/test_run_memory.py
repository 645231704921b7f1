"""What a run takes of the memory is bounded, and one that dies of it leaves true records.

Real runs of Dagster in processes of their own. The servers that send without end are rogues
of the tests, their neighbour is a real one.
"""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain, repeat
from pathlib import Path

from sync_pipeline.model.instance import EngineName, TlsMode, TlsOptions
from sync_pipeline.model.session import RecordStatus
from sync_pipeline.orchestration.instance import open_instance
from workbench.fleet.worker import account_sync, create_run
from workbench.running.cancelled_runs import carry_out, run_processes
from workbench.running.system import Fleet, environment_of, in_environment
from workbench.servers.rogue import mysql, postgresql, tds
from workbench.servers.rogue.mysql import rogue_mysql
from workbench.servers.rogue.postgresql import rogue_postgresql
from workbench.servers.rogue.victim import PASSWORD
from workbench.servers.running import RunningServer
from workbench.servers.tds import Stream, tds_server

SECONDS = 120
BUDGET = 64 * 2**20
MOST_GROWTH = 3 * BUDGET
Server = Callable[[], AbstractContextManager[int]]


def many_rows(sql: str) -> Iterator[bytes] | None:
    row = mysql.text(b"x" * 2000) * 2
    rows = chain(mysql.head("version", "comment"), repeat(row))
    return rows if "SELECT" in sql else None


def many_tuples(sql: str) -> Iterator[bytes] | None:
    columns = postgresql.description("product", "version", "version_number", "tls")
    row = postgresql.row(b"x" * 2000, b"16", b"160001", None)
    return chain([columns], repeat(row * 100)) if "SELECT" in sql.upper() else None


@contextmanager
def many_tokens() -> Iterator[int]:
    with tds_server(
        on_batch=lambda _, sql: Stream(tds.endless_rows()) if "SELECT" in sql else None
    ) as server:
        yield server.port


ROGUES: dict[str, tuple[EngineName, Server]] = {
    **{f"mysql-{n}": (EngineName.MARIADB, lambda: rogue_mysql(many_rows)) for n in (1, 2, 3)},
    **{
        f"postgresql-{n}": (
            EngineName.POSTGRESQL,
            lambda: rogue_postgresql(many_tuples, password=PASSWORD),
        )
        for n in (1, 2, 3)
    },
    **{f"sqlserver-{n}": (EngineName.SQLSERVER, many_tokens) for n in (1, 2)},
}


def measured(run_id: str, result: str) -> None:
    """Carry a run out, and write how far its process grew."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    carry_out(run_id)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    Path(result).write_text(str(grown * 1024))


def at(fleet: Fleet, name: str, server: RunningServer, engine: EngineName, port: int) -> None:
    added = fleet.add(name, server, port=port, password=PASSWORD)
    database = "postgres" if engine is EngineName.POSTGRESQL else None
    changed = replace(added, engine=engine, database=database, tls=TlsOptions(TlsMode.DISABLE))
    fleet.store.registry.put_instances([changed], datetime.now(UTC))


def test_rogues_together_take_what_all_may_hold_and_their_neighbour_is_synced(
    tmp_path: Path, postgresql_server: RunningServer
) -> None:
    settings = {"retry_limit": 0, "step_concurrency": 16, "max_run_bytes": BUDGET}
    environment = environment_of(tmp_path / "home", connections_per_host=0, **settings)
    (tmp_path / "home").mkdir()
    with in_environment(environment), ExitStack() as stack:
        fleet = Fleet(tmp_path / "home")
        for name, (engine, server) in ROGUES.items():
            at(fleet, name, postgresql_server, engine, stack.enter_context(server()))
        fleet.add("good", postgresql_server)
        with run_processes() as processes, open_instance() as instance:
            run = create_run(instance, account_sync(), config={}, tags={})
            process = processes.Process(
                target=measured, args=(run.run_id, str(tmp_path / "grown")), daemon=True
            )
            process.start()
            process.join(SECONDS)
            assert process.exitcode == 0
        records = {item.instance_name: item for item in fleet.store.sessions.records(run.run_id)}
        fleet.store.close()
    assert records["good"].status is RecordStatus.COMPLETED, records["good"].error_message
    said = {name: records[name].error_message or "" for name in ROGUES}
    refused = [text for text in said.values() if "SYNC_PIPELINE_MAX_RUN_BYTES" in text]
    assert refused, said
    for name in ROGUES:
        assert records[name].status is RecordStatus.FAILED
        assert records[name].error_kind in ("memory", "result_limit", "query_timeout"), said[name]
    assert int((tmp_path / "grown").read_text()) < MOST_GROWTH
