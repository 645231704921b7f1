"""A process that connects to rogue servers and says what became of it, and of its memory.

python -m sync_pipeline_tests.servers.rogue.victim '[["label", "mysql", 3306], …]'
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from sync_pipeline.collect.understanding import identified
from sync_pipeline.connect import Deadline, open_connection
from sync_pipeline.engines.base import Target
from sync_pipeline.engines.limits import ReadLimits
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.errors import SyncError
from sync_pipeline.model.instance import EngineName, Instance, Timeouts, TlsMode, TlsOptions
from sync_pipeline.model.secret import Secret

PASSWORD = "what-nobody-may-see"
LIMITS = ReadLimits(rows=20_000, value_bytes=2**20, result_bytes=8 * 2**20, sync_bytes=64 * 2**20)
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
        database="postgres" if engine is EngineName.POSTGRESQL else None,
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


def outcome(wanted: Target) -> Outcome:
    """Return what became of a try; an exception that is not ours passes."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    kind, text = "", ""
    try:
        tried(wanted)
    except SyncError as error:
        kind, text = error.kind, str(error.at("rogue", "connect"))  # type: ignore[arg-type]
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return Outcome(kind, text, time.monotonic() - started, grown * 1024)


def run_victim(servers: Sequence[tuple[str, EngineName, int]]) -> dict[str, Outcome]:
    """Try servers one after the other in a process of its own, by their labels."""
    command = [sys.executable, "-m", __name__, json.dumps(servers)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert PASSWORD not in done.stdout + done.stderr
    return {label: Outcome(*fields) for label, *fields in json.loads(done.stdout)}


def main() -> None:
    """Try what the arguments name, and write what became of it."""
    found = []
    for label, engine, port in json.loads(sys.argv[1]):
        ended = outcome(target(EngineName(engine), port))
        found.append((label, ended.kind, ended.message, ended.seconds, ended.grown_bytes))
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
