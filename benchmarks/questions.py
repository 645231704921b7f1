"""Questions over a large fleet: what each costs, beside one statement over the same store.

    python -m benchmarks.questions [--store postgresql] [--instances 1000 --accounts 103]
    python -m benchmarks.questions --instances 10000 --accounts 100 --home /var/tmp/ten-thousand

The store holds a fleet as its syncs left it, half of it PostgreSQL and half MariaDB, written by
what syncs write with, without any server. `--grants` is for the whole fleet. After the first
session there is one more, of the `--changed` share of the instances, in each of which one account
was granted one privilege. Nothing of it keeps findings, as after an upgrade: `findings, none kept`
makes them all, the first time that it is asked. With `--home` the store is kept, and used again.

Each line is a process of its own, with its wall time, CPU (user and system) and peak memory.
`ratio` compares the CPU beyond the start of the command with that of `rows`, one statement that
counts the rows of all tables of the store, by a plain driver; `start` is the command on an
instance that was never synced.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from workbench.fleet.homes import environment_of
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
from workbench.scale.filled import NEVER_SYNCED, FilledFleet, OtherWorld, filled_fleet
from workbench.scale.inventories import FleetWorld

PLAIN = "workbench.scale.plain"
QUESTION = ("UPDATE", "table:s1.t5")
ROWS, START, PLAIN_START = "rows", "start", "plain-start"
BEFORE = "2026-03-01T12:45:00Z"
"""Between the two sessions of the store."""


def cases(fleet: FilledFleet, world: FleetWorld) -> list[Case]:
    """Return the baselines, and the questions as people ask them."""
    who_can = (COMMAND, "access", "who-can", *QUESTION, "--json")
    accounts = (COMMAND, "accounts", "list", "--json")
    findings = (COMMAND, "findings", "--json")
    one = ("--instance", f"instance-{world.instances // 4 * 2:05}")
    url = fleet.url.replace("postgresql+psycopg", "postgresql")
    return [
        Case(PLAIN_START, (PLAIN, "nothing")),
        Case(ROWS, (PLAIN, "count", url), "", PLAIN_START, number_of("rows")),
        Case(START, (*who_can, "--instance", NEVER_SYNCED), exit_status=2),
        Case("who-can", who_can, ROWS, START, counted("holders", "holders")),
        Case("who-can, one instance", (*who_can, *one), ROWS, START, counted("holders", "holders")),
        Case("findings, none kept", findings, ROWS, START, counted("findings", "findings")),
        Case("findings", findings, ROWS, START, counted("findings", "findings")),
        Case("findings, one instance", (*findings, *one), ROWS, START,
             counted("findings", "findings")),
        Case("findings trend", (COMMAND, "findings", "trend", "--json"), ROWS, START,
             counted("", "days")),
        Case("accounts list", accounts, ROWS, START, counted("", "accounts")),
        Case("accounts list, 10,000", (*accounts, "--limit", "10000"), ROWS, START,
             counted("", "accounts")),
        Case("accounts list, 10,000, as a table",
             (COMMAND, "accounts", "list", "--limit", "10000"), ROWS, START),
        Case("access of", (COMMAND, "access", "of", "u1", *one, "--json"), ROWS, START,
             counted("privileges", "privileges")),
        Case("accounts changes", (COMMAND, "accounts", "changes", "--json"), ROWS, START,
             counted("", "changes")),
        Case("accounts at, one instance", (COMMAND, "accounts", "at", "--time", BEFORE, *one,
             "--json"), ROWS, START, counted("", "accounts")),
    ]  # fmt: skip


@contextmanager
def place_of(options: argparse.Namespace) -> Iterator[Path]:
    """Yield the directory that is kept, or one that is removed at last."""
    if options.home:
        options.home.mkdir(mode=0o755, parents=True, exist_ok=True)
        yield options.home
        return
    with tempfile.TemporaryDirectory(prefix="questions-", dir="/tmp") as name:
        # The database server refuses root, so its user must be able to enter.
        Path(name).chmod(0o755)
        yield Path(name)


def measured(options: argparse.Namespace) -> dict[str, Any] | str:
    """Fill the store, measure everything, and return it as JSON values or as a table."""
    each = max(1, options.grants // options.instances)
    world = FleetWorld(options.instances, options.accounts, each, options.seed)
    with (
        place_of(options) as place,
        filled_fleet(place, options.store, world, options.changed) as fleet,
        tempfile.TemporaryDirectory(prefix="questions-", dir="/tmp") as logs,
    ):
        size = fleet.size_bytes()
        say(f"{options.store}, {size / 10**6:.0f} MB: {world}")
        settings = {
            **({"store_url": fleet.url} if fleet.server else {}),
            **dict(item.split("=", 1) for item in options.setting),
        }
        pid = fleet.server.process.pid if fleet.server else 0
        measuring = Measuring(
            environment_of(fleet.home, settings), Path(logs), options.limit, pid,
            options.profile, options.rounds, options.only,
        )  # fmt: skip
        measuring.run(*cases(fleet, world))
    found = measuring.found
    if options.json:
        figures = {"store MB": round(size / 10**6, 1), **as_json(found)}
        return {"store": options.store, "world": str(world), **figures}
    an_account = size / (options.instances * options.accounts)
    return (
        f"{options.store}: {world}\n\n{table(found)}\n\n"
        f"The store has {size / 10**6:.1f} MB, {an_account:.0f} bytes an account."
    )


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.questions",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--instances", type=int, default=1000)
    parser.add_argument("--accounts", type=int, default=103, help="of each instance")
    parser.add_argument("--grants", type=int, default=2_400_000, help="of the whole fleet")
    parser.add_argument("--changed", type=float, default=0.02, help="share, 0 to 1")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--home", type=Path, help="a directory in which the store is kept")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--profile", action="store_true", help="where the time goes; costs some")
    parser.add_argument("--limit", type=float, default=1800, help="seconds of one process")
    parser.add_argument("--json", action="store_true", help="instead of a table")
    parser.add_argument(
        "--only", action="append", default=[], metavar="LINE", help="only this one; repeated"
    )
    parser.add_argument(
        "--setting", action="append", default=[], metavar="NAME=VALUE",
        help="one more SYNC_PIPELINE_ setting",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    options.json = options.json or options.profile
    return options


def main() -> int:
    """Measure and print."""
    options = parsed()
    try:
        result = measured(options)
    except (OtherWorld, WrongEnd) as wrong:
        say(f"The benchmark failed: {wrong}")
        return 1
    sys.stdout.write((result if isinstance(result, str) else json.dumps(result, indent=2)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
