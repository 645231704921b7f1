"""What the command costs before it does anything, beside an interpreter with typer and rich.

    python -m benchmarks.command [--rounds 15]

The rounds take turns, so that whatever else the machine does falls on all; each number is the
least CPU (user and system) of a process, and each ratio is to the baseline of the same run. The
baseline imports typer, and of rich what prints a table; `rich` alone, which imports next to
nothing of it, is shown too. `instances list` reads a store of SQLite with three instances: what
more rows cost is work, not start.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from sync_pipeline.model.credential import StoredCredential
from sync_pipeline.model.instance import EngineName, Instance
from sync_pipeline.store.store import Store

COMMAND = ("-m", "sync_pipeline.cli.main")
BASELINE = "import typer, rich.console, rich.table"
CASES = {
    BASELINE: ("-c", BASELINE),
    "import typer, rich": ("-c", "import typer, rich"),
    "--help": (*COMMAND, "--help"),
    "accounts list --help": (*COMMAND, "accounts", "list", "--help"),
    "instances list": (*COMMAND, "instances", "list"),
    "accounts list": (*COMMAND, "accounts", "list"),
    "settings": (*COMMAND, "settings"),
}
MOST = {"--help": 2.0, "instances list": 6.0}


def main() -> int:
    """Measure, print, and return 1 where a bound is passed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as home:
        _fill(Path(home))
        environment = {**os.environ, "SYNC_PIPELINE_HOME": home}
        least = dict.fromkeys(CASES, float("inf"))
        for _ in range(rounds):
            for name, arguments in CASES.items():
                least[name] = min(least[name], _cpu_seconds(arguments, environment))
    base = least[BASELINE]
    for name, seconds in least.items():
        bound = f"  at most {MOST[name]:g}" if name in MOST else ""
        print(f"{name:40} {seconds * 1000:7.0f} ms {seconds / base:6.2f}{bound}")  # noqa: T201
    return int(any(least[name] > bound * base for name, bound in MOST.items()))


def _fill(home: Path) -> None:
    store = Store.open(f"sqlite:///{home / 'sync_pipeline.db'}")
    now = datetime.now(UTC)
    store.registry.put_credential(StoredCredential("c", "u", "env:NO_SUCH"), now)
    fleet = [Instance(0, f"db-{number}", EngineName.MYSQL, "db", 3306, "c") for number in range(3)]
    store.registry.put_instances(fleet, now)
    store.close()


def _cpu_seconds(arguments: tuple[str, ...], environment: dict[str, str]) -> float:
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, *arguments],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    used = os.wait4(process.pid, 0)[2]
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
