"""Kill the daemon at work again and again, and count what became of the ticks.

Two `sync-pipeline up` with a home each, as two machines have them, are on one PostgreSQL store.
Their schedules tick every minute. The one at work is ended in one of four ways at a random
moment, half of them around a tick; the other takes over; the first comes back to stand by.

    python -m benchmarks.takeovers --kills 100
    python -m benchmarks.takeovers --kills 30 --storage own

Dagster does the last of several ticks that no daemon was there for. Where a daemon is killed
before it has begun, again and again (`--settle 0` on a slow machine), the others count as lost.

With `--storage shared` Dagster's state is in PostgreSQL too (docs/more-machines.md), with `own`
each home has its own. Ways: `kill` (the process of `up`), `power` (all of its processes, and its
runs), `freeze` (`up` and daemon, which wake up when the other one is at work), `stop` (SIGINT).
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.takeovers.machines import Up, two_machines
from benchmarks.takeovers.ticks import TICK_SECONDS, Ledger, count
from sync_pipeline.store.store import Store
from workbench.servers import postgresql

WAYS = {"kill": 4, "power": 2, "freeze": 3, "stop": 1}
SECONDS_TO_TAKE_OVER = 120.0
LONGEST_WORK_SECONDS = 16.0
SECONDS_AFTER_A_TICK = 8.0
SHARE_AT_A_TICK = 0.6


class NobodyTookOver(Exception):
    """The daemon of a store stood still for too long."""


@dataclass
class Outcome:
    """What was counted."""

    ways: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)


def at_work(store: Store, ups: list[Up]) -> Up | None:
    """Return the one whose lease it is, once its daemon is there."""
    holder = store.daemon_lease.read().holder
    found = next((up for up in ups if holder is not None and up.pid == holder.pid), None)
    return found if found is not None and found.daemon() else None


def await_work(store: Store, ups: list[Up], not_this: int | None = None) -> Up:
    """Wait until one is at work, another one than `not_this`."""
    deadline = time.monotonic() + SECONDS_TO_TAKE_OVER
    while time.monotonic() < deadline:
        found = at_work(store, ups)
        if found is not None and found.pid != not_this:
            return found
        time.sleep(0.1)
    raise NobodyTookOver(f"Nobody took over in {SECONDS_TO_TAKE_OVER:g} s: see the logs.")


def await_moment(chance: random.Random) -> None:
    """Wait for a random moment of the next half minute, or of the seconds after a tick."""
    wait = chance.uniform(0, LONGEST_WORK_SECONDS)
    left = TICK_SECONDS - time.time() % TICK_SECONDS
    if left < LONGEST_WORK_SECONDS + SECONDS_AFTER_A_TICK and chance.random() < SHARE_AT_A_TICK:
        wait = left + chance.uniform(-1, SECONDS_AFTER_A_TICK)
    time.sleep(max(wait, 0))


def kill_again_and_again(
    store: Store, ups: list[Up], kills: int, chance: random.Random, outcome: Outcome, settle: float
) -> None:
    """End the one at work `kills` times; each time the other one has to take over."""
    for number in range(1, kills + 1):
        up = await_work(store, ups)
        time.sleep(settle)
        await_moment(chance)
        (way,) = chance.choices(list(WAYS), list(WAYS.values()))
        before, killed_at = up.pid, time.monotonic()
        frozen = up.end(way)
        await_work(store, ups, before)
        seconds = time.monotonic() - killed_at
        outcome.ways[way] += 1
        outcome.seconds.append(seconds)
        say(f"{number}: {way}, {seconds:.1f} s")
        for pid in frozen:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        if not frozen:
            if up.process is not None:
                up.process.wait()
            up.start()


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Kill as often as the command line says, and print what was counted."""
    parser = argparse.ArgumentParser(prog="takeovers", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--storage", choices=["shared", "own"], default="shared")
    parser.add_argument("--lease", type=int, default=10, help="seconds; the setting's default: 30")
    parser.add_argument(
        "--settle", type=float, default=20.0, help="seconds that a daemon has to begin, at least"
    )
    parser.add_argument("--seed", type=int, default=23)
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    directory = Path(tempfile.mkdtemp(prefix="takeovers-"))
    say(f"Logs are in {directory}.")
    newest = postgresql.installations()[-1]
    with (
        postgresql.run_postgresql(newest, directory / "server") as server,
        two_machines(directory, server, options.storage, options.lease) as (url, ups, places),
    ):
        store = Store.open(url)
        try:
            for up in ups:
                up.start()
            await_work(store, ups)
            # The schedules begin when the first daemon has seen them.
            time.sleep(TICK_SECONDS / 2)
            first = ceiling(datetime.now(UTC))
            chance = random.Random(options.seed)  # noqa: S311 - no secret
            outcome = Outcome()
            try:
                kill_again_and_again(store, ups, options.kills, chance, outcome, options.settle)
            except (NobodyTookOver, KeyboardInterrupt) as error:
                say(f"Ended early. {error}")
            last = ceiling(datetime.now(UTC)) - timedelta(seconds=TICK_SECONDS)
            await_work(store, ups)
            time.sleep(TICK_SECONDS * 1.5)
        finally:
            for up in ups:
                up.close()
            store.close()
        counts, wrong = count(Ledger.read(url, places), first, last)
    ways = ", ".join(f"{number} by {way}" for way, number in outcome.ways.most_common())
    say(f"{len(outcome.seconds)} takeovers, {ways}; Dagster's storage: {options.storage}")
    say(
        f"seconds until the other daemon ran: median {statistics.median(outcome.seconds):.1f}, "
        f"longest {max(outcome.seconds):.1f}, with a lease of {options.lease} s"
    )
    for name, number in sorted(counts.items()):
        say(f"ticks {name}: {number}")
    for line in wrong:
        say(line)
    return 1 if wrong else 0


def ceiling(moment: datetime) -> datetime:
    """Return the next tick."""
    seconds = -(-moment.timestamp() // TICK_SECONDS) * TICK_SECONDS
    return datetime.fromtimestamp(seconds, UTC)


if __name__ == "__main__":
    sys.exit(main())
