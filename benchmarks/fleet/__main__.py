"""The account sync of a whole fleet, by each way to run it, in one invocation.

    python -m benchmarks.fleet --instances 100 --storage sqlite
    python -m benchmarks.fleet --instances 100,1000,10000 --runners bare-store,threaded
    python -m benchmarks.fleet --instances 1000 --runners multiprocess,threaded --storage postgresql

Endpoints. One real PostgreSQL server with the contents that `--accounts`, `--databases` and
`--tables` say is asked once by the real collector; a process (the responder) then plays its
answers back, byte for byte, at an address of 127.0.0.0/8 for each instance. With
`--endpoints proxy` every address leads to that one server instead. `--connect-ms` is how long
the start of a connection takes, `--round-trip-ms` each statement in it; a collection opens one
connection and one more for each database. 5 % of the instances accept a connection and say
nothing: these take `--connect-timeout` seconds, and again for each retry. 2 % refuse, half at
the socket and half with a FATAL. Nothing asks for a password or TLS.

Runners. `bare-collect` and `bare-store` are a thread pool without Dagster, the second with all that
the product writes, `bare-untold` the same without events; the others are a run of the job with
SYNC_PIPELINE_EXECUTOR, in the process that a launcher starts for it. Every run has a fresh process,
home, store and Dagster storage; with `--storage postgresql` the last two are databases of one more
server. The store is empty, so that every account is new; with `--synced-before` it is not, and
nothing has changed since: most syncs are such. `--changed 0,0.02` measures that, and a fleet of
which 2 % have one grant more since; the first is compared with `bare-collect`, which is not asked a
second time, and the second with the first. With `--powers` the change makes a team a superuser
instead, and with it all of its members, each of whom is an event. With `--rounds` the runners take
turns, and the figures of each are those of its run that took the least of the CPU. On SQLite all of
them start from a copy of the store of one first sync. Retries are the product's own
(`--retry-limit`). `multiprocess` has `--processes` at once and `in_process` one, the others
`--concurrency`.
`--most NAME=N` leaves a slow runner out where there are more. A session has as many runs side by
side, each with its part of the fleet, as the schedule would start on this machine; `--shards`
makes another number of them.

Figures. CPU seconds are those of the run's processes (user and system, all descendants), those
of the responder and of the store's server stand apart. "CPU ms an instance" has the start of
the processes in it, "of one more instance" has not: for each run, one of one instance is
subtracted. The peak is the proportional set size of all processes together, sampled twice a
second. The limit of the wall time is the most of: the run's CPU seconds divided by the cores
that it can use (one interpreter one core), those of everything that ran on this machine divided
by its cores, all waits for endpoints divided by the instances at once, and the attempts of one
silent instance with the pauses between them. Everything on this machine is the run, the
responder and the store's server; with "the run's processes" it is the run alone, as if the
others had a machine of their own. A run that lasts longer than `--limit` is cut, and its
figures are those of the instances that had ended. A run that leaves an instance without a true
record ends the benchmark with 1.

`--profile` prints where the CPU time of each runner went (of all its threads; not of
`multiprocess`); it costs some itself, so that the figures beside it count for nothing.
"""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from sync_pipeline.fleet.shards import runs_of
from sync_pipeline.settings import Settings, StepExecutor
from workbench.fleet.addresses import Mix
from workbench.fleet.endpoints import Endpoints, handed_through, replayed
from workbench.fleet.figures import Comparison, Measured, flatness
from workbench.fleet.homes import FleetPlan, Home, fresh_home
from workbench.fleet.limits import Means, Patience, Waits
from workbench.fleet.processes import cpu_seconds
from workbench.fleet.recording import Recording
from workbench.fleet.responder import Latency
from workbench.fleet.runners import LostRecords, Runner, Watching, run_once
from workbench.fleet.server import Contents, change, empower, real_server, recorded
from workbench.fleet.steady import steady_targets
from workbench.servers import postgresql
from workbench.servers.running import RunningServer


@dataclass(frozen=True, slots=True)
class Bench:
    """What all the runs of one invocation share."""

    directory: Path
    endpoints: Endpoints
    recording: Recording
    storage: RunningServer | None
    options: argparse.Namespace

    def run(self, runner: Runner, plan: FleetPlan) -> Measured:
        """Run a runner over a fleet, from a fresh home on."""
        plan = replace(plan, shards=self.shards(runner, plan))
        place = self.directory / f"{runner}-{plan.count}-{plan.changed:g}"
        shutil.rmtree(place, ignore_errors=True)
        with fresh_home(place, self.storage, self._settings(runner)) as home:
            self._fill(home, runner, plan)
            if runner.is_dagster:
                home.make_dagster_storage()
            self._change(plan.changed)
            before = self.endpoints.cpu_seconds, self._server_cpu_seconds()
            is_profiled = self.options.profile and runner is not Runner.MULTIPROCESS
            outcome = run_once(runner, home, plan, Watching(self.options.limit, is_profiled))
            self._change(0)
            return Measured(
                outcome,
                self._means(runner, plan.shards),
                self.endpoints.cpu_seconds - before[0],
                self._server_cpu_seconds() - before[1],
            )

    def plan(self, count: int, changed: float = 0) -> FleetPlan:
        """Return a fleet of so many instances, of which a share has changed."""
        options = self.options
        return FleetPlan(
            count,
            self.endpoints.port,
            Mix(options.silent, options.refusing),
            options.connect_timeout,
            is_synced_before=options.synced_before,
            changed=changed,
        )

    def shards(self, runner: Runner, plan: FleetPlan) -> int:
        """Return over how many runs a runner spreads a session."""
        if not runner.is_dagster or plan.count == 1:
            return 1
        settings = Settings(executor=StepExecutor(runner))
        return self.options.shards or runs_of(settings, plan.instances())

    def waits(self, plan: FleetPlan) -> Waits:
        """Return what a fleet makes every run wait for."""
        base = Settings.model_fields["retry_base_seconds"].default
        patience = Patience(self.options.retry_limit, base)
        return Waits.of(plan, self.recording, latency_of(self.options), patience)

    def _fill(self, home: Home, runner: Runner, plan: FleetPlan) -> None:
        """Register the fleet in a home, and sync it once where it was synced before."""
        if not plan.is_synced_before or runner is Runner.BARE_COLLECT:
            home.register(plan.instances())
        elif self.storage:
            home.register(plan.instances())
            self._first_sync(home, plan)
        else:
            home.take_store(self._synced_once(plan))

    def _synced_once(self, plan: FleetPlan) -> Path:
        """Return a home whose SQLite store knows the fleet: made once, for every run of it.

        A first sync of ten thousand instances takes longer than all that is measured after it.
        """
        place = self.directory / f"synced-{plan.count}"
        if not place.exists():
            with fresh_home(place, None, self._settings(Runner.BARE_STORE)) as home:
                home.register(plan.instances())
                self._first_sync(home, plan)
        return place

    def _first_sync(self, home: Home, plan: FleetPlan) -> None:
        first = replace(plan, is_synced_before=False)
        outcome = run_once(Runner.BARE_STORE, home, first, Watching(self.options.limit))
        if outcome.usage.is_cut:
            raise LostRecords(f"the first sync was cut after {self.options.limit:g} s by --limit")
        say(f"first sync: {plan.count} instances in {outcome.usage.wall_seconds:.1f} s")

    def _change(self, share: float) -> None:
        if any(self.options.changed):
            self.endpoints.change(share)

    def _means(self, runner: Runner, runs: int) -> Means:
        options = self.options
        if runner is Runner.MULTIPROCESS:
            return Means(options.processes * runs, options.processes * runs, runs)
        if runner is Runner.IN_PROCESS:
            return Means(runs, runs, runs)
        return Means(options.concurrency * runs, runs, runs)

    def _settings(self, runner: Runner) -> dict[str, object]:
        options = self.options
        at_once = options.processes if runner is Runner.MULTIPROCESS else options.concurrency
        executor = {"executor": runner} if runner.is_dagster else {}
        return {
            **executor,
            "step_concurrency": at_once,
            "retry_limit": options.retry_limit,
            **dict(item.split("=", 1) for item in options.setting),
        }

    def _server_cpu_seconds(self) -> float:
        return cpu_seconds(self.storage.process.pid) if self.storage else 0.0


def compare(bench: Bench) -> list[Comparison]:
    """Run every runner over every fleet that it is not too slow for."""
    options = bench.options
    most = {Runner(name): int(count) for name, count in (item.split("=") for item in options.most)}
    alone = replace(bench.plan(1), mix=Mix(0, 0))
    idle = {
        runner: bench.run(runner, alone).outcome.usage.cpu_seconds
        for runner in ([] if options.start_included else options.runners)
    }
    found = []
    for count, changed in itertools.product(options.instances, options.changed):
        runs = {}
        plan = bench.plan(count, changed)
        for runner in options.runners * options.rounds:
            if changed and options.changed[0] == 0 and runner is Runner.BARE_COLLECT:
                continue
            if count > most.get(runner, count):
                say(f"{runner}: left out of {count} instances by --most")
                continue
            run = bench.run(runner, plan)
            runs[runner] = min(runs.get(runner, run), run, key=_spent)
            usage = run.outcome.usage
            ended = "CUT at" if usage.is_cut else "ended in"
            say(
                f"{runner}: {count} instances {ended} {usage.wall_seconds:.1f} s, "
                f"{usage.cpu_seconds:.1f} s of CPU"
            )
        found.append(Comparison(count, options.storage, bench.waits(plan), runs, idle, changed))
    return found


def _spent(run: Measured) -> tuple[bool, float]:
    return run.outcome.usage.is_cut, run.outcome.usage.cpu_seconds


def shown(comparisons: list[Comparison], options: argparse.Namespace) -> dict[str, object]:
    """Return everything that is printed."""
    named = {name: str(value) for name, value in vars(options).items()}
    result: dict[str, object] = {"options": named}
    for item in comparisons:
        changed = f", {item.changed:.0%} changed" if item.changed else ""
        result[f"instances {item.count}{changed}"] = {
            str(runner): {
                **item.shown(runner),
                "targets": {
                    **item.targets(runner),
                    **(steady_targets(item, runner, comparisons) if options.synced_before else {}),
                },
            }
            for runner in item.runs
        }
    changes = {str(runner): flatness(comparisons, runner) for runner in options.runners}
    result["cost of one more instance, most to fewest (0.8 to 1.2)"] = {
        name: change for name, change in changes.items() if change
    }
    return result


@contextmanager
def opened(options: argparse.Namespace) -> Iterator[Bench]:
    """Start the servers and the endpoints that the options ask for."""
    latency = latency_of(options)
    contents = Contents(options.accounts, options.databases, options.tables)
    with ExitStack() as stack:
        directory = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="fleet-", dir="/tmp"))
        )
        # The database servers refuse root, so their user must be able to enter.
        directory.chmod(0o755)
        with ExitStack() as until_recorded:
            is_proxy = options.endpoints == "proxy"
            server = (stack if is_proxy else until_recorded).enter_context(
                real_server(directory / "recorded", contents)
            )
            recording = recorded(server)
            after = None
            if any(options.changed):
                if options.powers:
                    empower(server)
                else:
                    change(server, granted=True)
                after = recorded(server)
        endpoints = stack.enter_context(
            handed_through(server.port, latency)
            if is_proxy
            else replayed(recording, latency, directory, after)
        )
        storage = None
        if options.storage == "postgresql":
            newest = postgresql.installations()[-1]
            storage = stack.enter_context(
                postgresql.run_postgresql(newest, directory / "storage")
            )  # fmt: skip
        yield Bench(directory, endpoints, recording, storage, options)


def latency_of(options: argparse.Namespace) -> Latency:
    """Return how far away the endpoints are."""
    return Latency(options.connect_ms / 1000, options.round_trip_ms / 1000)


def say(text: str) -> None:
    """Tell how far the benchmark is, beside its result."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.fleet",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )

    def numbers(text: str) -> list[int]:
        return [int(item) for item in text.split(",")]

    def runners(text: str) -> list[Runner]:
        return [Runner(item) for item in text.split(",")]

    def shares(text: str) -> list[float]:
        return [float(item) for item in text.split(",")]

    parser.add_argument("--instances", type=numbers, default=[100])
    parser.add_argument("--runners", type=runners, default=list(Runner))
    parser.add_argument("--most", action="append", default=[], metavar="RUNNER=N")
    parser.add_argument("--storage", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--endpoints", choices=("replay", "proxy"), default="replay")
    parser.add_argument("--connect-ms", type=float, default=50)
    parser.add_argument("--round-trip-ms", type=float, default=0)
    parser.add_argument("--silent", type=float, default=0.05, help="share, 0 to 1")
    parser.add_argument("--refusing", type=float, default=0.02, help="share, 0 to 1")
    parser.add_argument("--connect-timeout", type=float, default=5, help="seconds")
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--retry-limit", type=int, default=2)
    parser.add_argument("--synced-before", action="store_true", help="measure a second sync")
    parser.add_argument(
        "--changed", type=shares, default=[0.0],
        help="shares of which one grant has changed since, 0 to 1",
    )  # fmt: skip
    parser.add_argument(
        "--powers", action="store_true", help="what has changed is who is a superuser"
    )
    parser.add_argument("--rounds", type=int, default=1, help="of all runners by turns")
    parser.add_argument(
        "--shards", type=int, default=0, help="runs side by side; 0: as the schedule"
    )
    parser.add_argument(
        "--start-included", action="store_true", help="no run of one instance to subtract"
    )
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--limit", type=float, default=1800, help="seconds of one run")
    parser.add_argument("--accounts", type=int, default=20, help="of each instance")
    parser.add_argument("--databases", type=int, default=1, help="beside the server's own two")
    parser.add_argument("--tables", type=int, default=10, help="of each database")
    parser.add_argument(
        "--setting", action="append", default=[], metavar="NAME=VALUE",
        help="one more SYNC_PIPELINE_ setting of the runs",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    if any(options.changed):
        if not options.synced_before or options.endpoints != "replay":
            parser.error("--changed needs --synced-before, and endpoints that are replayed")
        if not options.accounts or not options.databases or not options.tables:
            parser.error("--changed needs an account and a table to grant")
    return options


def main() -> int:
    """Measure and print one JSON object."""
    options = parsed()
    with opened(options) as bench:
        try:
            comparisons = compare(bench)
        except LostRecords as lost:
            say(f"The benchmark failed: {lost}")
            return 1
    sys.stdout.write(json.dumps(shown(comparisons, options), indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
