"""A process that connects to rogue servers and says what became of it, and of its memory.

python -m workbench.servers.rogue.victim '[["label", "mysql", 3306], …]'
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import astuple, dataclass, replace
from datetime import UTC, datetime

from sync_pipeline.collect.accounts import CollectScope, collect_accounts
from sync_pipeline.collect.sizes import SizeScope, collect_sizes
from sync_pipeline.collect.understanding import identified
from sync_pipeline.connect import Deadline, open_connection
from sync_pipeline.engines.base import Connection, Target
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.engines.wire.limits import ReadLimits
from sync_pipeline.errors import Phase, SyncError
from sync_pipeline.model.instance import EngineName, Instance, Timeouts, TlsMode, TlsOptions
from sync_pipeline.model.secret import Secret

PASSWORD = "what-nobody-may-see"
LIMITS = ReadLimits(rows=20_000, value_bytes=2**20, result_bytes=8 * 2**20, sync_bytes=64 * 2**20)
BRIEF = Timeouts(2, 2, 4)
AT_ONCE = 8
DATABASES = {EngineName.POSTGRESQL: "postgres", EngineName.ORACLE: "service"}
UNMAPPED = "unmapped"
CONNECT_SECONDS, STATEMENT_SECONDS, TOTAL_SECONDS = 4, 2, 12


@dataclass(frozen=True)
class Outcome:
    """What one server did: the kind of the error, what it says, and how far memory grew."""

    kind: str
    message: str
    seconds: float
    grown_bytes: int


def target(
    engine: EngineName,
    port: int,
    limits: ReadLimits = LIMITS,
    total: float = TOTAL_SECONDS,
    mode: TlsMode = TlsMode.DISABLE,
) -> Target:
    """Return a target on this machine with short limits."""
    timeouts = Timeouts(CONNECT_SECONDS, STATEMENT_SECONDS, total)
    instance = Instance(
        id=1,
        name="rogue",
        engine=engine,
        host="127.0.0.1",
        port=port,
        credential="c",
        database=DATABASES.get(engine),
        timeouts=timeouts,
        tls=TlsOptions(mode),
    )
    return Target(instance, "mon", Secret(PASSWORD), STATEMENT_SECONDS, {}, limits)


def tried(wanted: Target) -> str:
    """Connect and identify; return what an error says, nothing where there is none."""
    instance = wanted.instance
    deadline = Deadline(instance.timeouts.total_seconds)
    engine = ENGINES[instance.engine]
    with open_connection(engine, wanted, deadline) as connection:
        identified(engine, connection)
    return ""


def collected(wanted: Target) -> None:
    """Collect all accounts of a server and the sizes of its databases."""
    instance = wanted.instance
    deadline = Deadline(instance.timeouts.total_seconds)
    engine = ENGINES[instance.engine]

    def opener(database: str | None) -> AbstractContextManager[Connection]:
        return open_connection(engine, wanted, deadline, database)

    collect_accounts(engine, opener, CollectScope(wanted.username), datetime.now(UTC))
    collect_sizes(engine, opener, SizeScope(wanted.username), datetime.now(UTC))


def outcome(wanted: Target, work: Callable[[Target], object]) -> Outcome:
    """Return what became of a try; an exception that is not ours is named."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    kind, text = "", ""
    try:
        work(wanted)
    except SyncError as error:
        kind, text = error.kind, str(error.at("rogue", Phase.CONNECT))
    except Exception:  # noqa: BLE001 - the test fails with it
        kind, text = UNMAPPED, traceback.format_exc()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return Outcome(kind, text, time.monotonic() - started, grown * 1024)


def run_victim(
    servers: Sequence[tuple[str, EngineName, int]], user: str = "", password: str = PASSWORD
) -> dict[str, Outcome]:
    """Try servers one after the other in a process of its own, by their labels.

    With a user everything is collected, of several servers at once.
    """
    command = [sys.executable, "-X", "faulthandler", "-m", __name__, json.dumps(servers), user]
    done = subprocess.run(
        command, input=password, capture_output=True, text=True, timeout=150, check=False
    )
    assert done.returncode == 0, (done.returncode, done.stderr[-4000:])
    assert PASSWORD not in done.stdout + done.stderr
    return {label: Outcome(*fields) for label, *fields in json.loads(done.stdout)}


def main() -> None:
    """Try what the arguments name, and write what became of it."""
    _, servers, user = sys.argv
    password = sys.stdin.read()
    wanted = [(label, target(EngineName(name), port)) for label, name, port in json.loads(servers)]
    if user:
        given = [
            (
                label,
                replace(
                    item,
                    instance=replace(item.instance, timeouts=BRIEF),
                    username=user,
                    password=Secret(password),
                ),
            )
            for label, item in wanted
        ]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = list(pool.map(lambda one: (one[0], outcome(one[1], collected)), given))
    else:
        found = [(label, outcome(item, tried)) for label, item in wanted]
    rows = [(label, *astuple(ended)) for label, ended in found]
    json.dump(rows, sys.stdout)
    sys.stdout.flush()
    # A thread that was left behind in a driver is not waited for.
    os._exit(0)


if __name__ == "__main__":
    main()
