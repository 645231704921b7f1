"""Pages of the console over a large fleet, with some users at once: do they come in time?

    python -m benchmarks.console [--store postgresql] [--instances 10000 --accounts 100]
    python -m benchmarks.console --home /var/tmp/console --only accounts --only causes
    python -m benchmarks.console --home /var/tmp/console --spread 200
    python -m benchmarks.console --home /var/tmp/console --after-writes

It serves a store of its own (`workbench.scale.copied`, kept with `--home`) with `sync-pipeline
console`, and asks it with wrk, which has to be installed (Debian and Ubuntu: `apt install wrk`,
macOS: `brew install wrk`). The questions are made of the resources of the console: each page, deep
pages by key, each filter by itself, and who may see everything, half of the fleet, or one team. A
resource that can't be asked, or has nothing to show, ends the benchmark with an error.

Each question is asked alone some times for its CPU, of all processes of the console. `CPU ms` is
that of a page after something was written to the store: nothing that was read before is used.
`same` is that of the same page again, while nothing is written. `x login` is `CPU ms` by that of
the login page, which asks the store nothing: HTTP, the processes and a template take as much.

Of each resource the plain page and the question that costs the most are then asked by all users at
once, each of whom asks again as soon as he has an answer, while something is written `--writes`
times a second, as syncs do. `p95` is what they wait, and the target is met where that is 300 ms at
most; `a second` are the pages that they had together. Each process has answered before that: what
it reads once, who asks it first waits for (`first ms`). On a machine that others use, too, the wait
is theirs as well: `by CPU` is what users would wait if nobody else used two cores, their number
times `CPU ms` by the cores. After four minutes of the plain page alone is measured, so that it ends
in eight. With PostgreSQL, `server` is the CPU of its processes for a page. `MB` is the memory of
all processes of the console, what they share counted once.

A store of `--home` is made once. The next run with the same numbers of instances, accounts and
models takes it as it is: it brings its tables up to this version, and says of its reviews that they
are of this version's code.

With `--spread` the pages of one instance, or of what is on it, are asked of so many instances
instead, each time of another one, as people do who look at different things: what was read for one
page is of no use to the next.

With `--after-writes` three pages are asked alone instead (`today`, `causes`, and `capacity` by the
limits that are nearest; or the plain pages of `--only`): each again and again, and each time after
one sync of another instance has written something of a topic. `again` is after nothing was
written, and the columns have the CPU of the console, with PostgreSQL of its server too, in ms.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from itertools import chain, islice
from math import inf
from pathlib import Path
from statistics import median
from threading import Event, Thread
from urllib.parse import urlencode
from uuid import uuid4

from sqlalchemy import update

from sync_pipeline.model.viewer import Role
from sync_pipeline.store.console.schema import console_tokens
from sync_pipeline.store.store import Store
from sync_pipeline.web.asked import Parameter, Shape
from sync_pipeline.web.resource import Resource
from sync_pipeline.web.resources.every import RESOURCES
from sync_pipeline.workflows.console.tokens import add_token
from workbench.fleet.homes import environment_of
from workbench.fleet.processes import cpu_seconds, descendants
from workbench.scale.cases import line_of, say
from workbench.scale.copied import CopiedFleet, copied_fleet
from workbench.scale.writes import TopicWrites
from workbench.servers.running import free_port

VIEWERS: Mapping[str, tuple[str, ...]] = {
    "everyone": (),
    "half": ("region=e",),
    "team": ("team=t000",),
}
_SCRIPT = Path(__file__).with_name("console.lua")
_PAGES_DEEP = 6
_SECONDS_TO_START = 60
_KILO = 1000
_MOMENT = 0.2
COLUMNS = (
    *("resource", "question", "first ms", "CPU ms", "same", "x login", "server", "by CPU"),
    *("p50 ms", "p95 ms", "a second", "target", "MB"),
)
_TARGET_MS = 300
_CORES = 2
"""For which the target is meant."""
_NOT_ASKED = frozenset({"class"})
"""Which needs a file of classes."""
_NAMED = {"instance": "", "capacity-table": "orders"}
"""Whose `name` is no account's; empty: the instance's."""
_OF_ACCOUNT = {"instance": "instance", "name": "name"}
_SPREAD = {
    "instance": {"name": "instance"},
    "account": _OF_ACCOUNT,
    "history": _OF_ACCOUNT,
    "compare": {**_OF_ACCOUNT, "other-name": "other-name"},
    "tenure": {"instance": "instance"},
    "findings": {"instance": "instance"},
    "capacity-instance": {"instance": "instance"},
}
"""Resources that are asked of one instance, and of what each parameter is."""
_ALONE, _SECONDS_ALONE = 4, 0.3
_SECONDS_TO_WARM = 1
_LONGEST_SECONDS, _SECONDS_OF_ALL = 6, 240


class WrongAnswer(RuntimeError):
    """The console did not answer as it must: its figures mean nothing."""


@dataclass(frozen=True, slots=True)
class Question:
    """An address, and whose token asks for it."""

    resource: str
    what: str
    address: str
    viewer: str = "everyone"


@dataclass(frozen=True, slots=True)
class Figures:
    """What a load found: times in ms, and CPU seconds of the console and the store's server.

    `first` is what who asks first waits.
    """

    requests: int
    p50: float
    p95: float
    cpu: float
    server_cpu: float
    held_bytes: int
    seconds: float = 1.0
    first: float = 0.0

    @property
    def cpu_ms(self) -> float:
        """Return the CPU time of the console for a request, in ms."""
        return self.cpu * _KILO / max(self.requests, 1)

    @property
    def server_cpu_ms(self) -> float:
        """Return the CPU time of the store's server for a request, in ms."""
        return self.server_cpu * _KILO / max(self.requests, 1)


@dataclass(frozen=True, slots=True)
class Writing:
    """Writes to the store what no page shows, as often as is wanted."""

    store: Store
    a_second: float

    def once(self) -> None:
        """Commit one write. SQLite leaves out one that writes what is there."""
        values = {"created_at": datetime.now(UTC)}
        with self.store._database.write() as connection:  # noqa: SLF001 - no command writes so little
            connection.execute(update(console_tokens).values(values))

    @contextmanager
    def again_and_again(self) -> Iterator[None]:
        """Write in a thread until the block ends."""
        is_over = Event()

        def write() -> None:
            while not is_over.wait(1 / self.a_second):
                self.once()

        if not self.a_second:
            yield
            return
        thread = Thread(target=write)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()


@dataclass(slots=True)
class Console:
    """A console that is served, and the tokens for it."""

    url: str
    pid: int
    server_pid: int
    tokens: Mapping[str, str]
    users: int
    writing: Writing
    connection: HTTPConnection
    asked: int = 0

    def get(self, address: str, viewer: str = "everyone") -> bytes:
        """Return the body of an answer.

        Raises:
            WrongAnswer: it is refused.
        """
        headers = {"Authorization": f"Bearer {self.tokens[viewer]}"}
        try:
            self.connection.request("GET", address, headers=headers)
            answer = self.connection.getresponse()
            body = answer.read()
        except (HTTPException, OSError):
            # The console ends what is idle for long; the next request connects again.
            self.connection.close()
            raise
        if answer.status != HTTPStatus.OK:
            said = body[:2000].decode("utf-8", "replace")
            raise WrongAnswer(f"{address}: {answer.status} {said}")
        return body

    def alone(
        self,
        question: Question,
        *,
        is_written: bool = True,
        before_each: Callable[[], None] | None = None,
    ) -> Figures:
        """Ask some times, one after the other; `is_written`: each time something new is there.

        `before_each` writes it, where it is to be of some kind.
        """
        if before_each is None:
            before_each = self.writing.once if is_written else _nothing
        began = time.monotonic()
        self.get(question.address, question.viewer)
        first = (time.monotonic() - began) * _KILO
        self.get(question.address, question.viewer)
        before, server = self._cpu()
        begun = time.monotonic()
        times: list[float] = []
        while len(times) < _ALONE or time.monotonic() - begun < _SECONDS_ALONE:
            before_each()
            since = time.monotonic()
            self.get(question.address, question.viewer)
            times.append((time.monotonic() - since) * _KILO)
        after, server_after = self._cpu()
        return Figures(
            len(times),
            median(times),
            max(times),
            after - before,
            server_after - server,
            memory(self.pid),
            first=first,
        )

    def load(self, questions: Sequence[Question], seconds: int, pause: float) -> Figures:
        """Ask these in turn for some seconds; `pause` is the mean time between two of a user."""
        self._calm()
        before, server = self._cpu()
        lines = "\n".join(f"{self.tokens[item.viewer]} {item.address}" for item in questions)
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write(lines + "\n")
            file.flush()
            with self.writing.again_and_again():
                said = subprocess.run(  # noqa: S603 - addresses of our own
                    [
                        *("wrk", "-t1", f"-c{self.users}", f"-d{seconds}s", "--timeout", "60s"),
                        *("-s", str(_SCRIPT), self.url, "--", file.name),
                        str(round(pause * _KILO)),
                    ],
                    capture_output=True,
                    text=True,
                    check=True,
                ).stdout
        found = json.loads(said.strip().splitlines()[-1])
        if found["wrong"]:
            self.get(questions[0].address, questions[0].viewer)
            raise WrongAnswer(f"{questions[0]}: {found}; alone it has an answer")
        after, server_after = self._cpu()
        self.asked += found["requests"]
        return Figures(
            found["requests"],
            # Nobody had an answer: it takes longer than this.
            found["p50"] / _KILO if found["requests"] else inf,
            found["p95"] / _KILO if found["requests"] else inf,
            after - before,
            server_after - server,
            memory(self.pid),
            seconds,
        )

    def _calm(self) -> None:
        """Wait until what was asked before, and nobody waits for any more, is done."""
        end = time.monotonic() + _SECONDS_TO_START
        while time.monotonic() < end:
            before = self._cpu()[0]
            time.sleep(_MOMENT)
            if self._cpu()[0] - before < _MOMENT / 5:
                return

    def _cpu(self) -> tuple[float, float]:
        return cpu_seconds(self.pid), cpu_seconds(self.server_pid) if self.server_pid else 0.0


def _nothing() -> None:
    """Write nothing."""


def memory(pid: int) -> int:
    """Return the bytes of a process and of those below it; what they share counts once."""
    found = 0
    for one in (pid, *descendants(pid)):
        for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                found += int(line.split()[1]) * 1024
    return found


@contextmanager
def served(
    home: Path, url: str, server_pid: int, options: argparse.Namespace, log: Path
) -> Iterator[Console]:
    """Yield a console as users start it."""
    with closing_store(url) as store:
        tokens = {
            viewer: add_token(
                store,
                f"{viewer} {uuid4()}",
                Role.VIEWER,
                tags,
                timedelta(days=1),
                datetime.now(UTC),
            )
            for viewer, tags in VIEWERS.items()
        }
        port = free_port()
        command = [sys.executable, "-m", "sync_pipeline.cli.main", "console", "--port", str(port)]
        with log.open("wb") as file:
            process = subprocess.Popen(  # noqa: S603 - our own command
                command, env=environment_of(home, {"store_url": url}), stdout=file, stderr=file
            )
        writing = Writing(store, options.writes)
        url, connection = f"http://127.0.0.1:{port}", HTTPConnection("127.0.0.1", port, timeout=120)
        console = Console(url, process.pid, server_pid, tokens, options.users, writing, connection)
        try:
            _wait(console, process, log)
            yield console
        finally:
            connection.close()
            process.terminate()
            process.wait(30)


@contextmanager
def closing_store(url: str) -> Iterator[Store]:
    """Yield a store that is closed at last."""
    store = Store.open(url)
    try:
        yield store
    finally:
        store.close()


def _wait(console: Console, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < end and process.poll() is None:
        try:
            console.get("/login")
        except (HTTPException, OSError):
            time.sleep(0.1)
        else:
            return
    raise WrongAnswer(f"The console did not start:\n{log.read_text()[-2000:]}")


@dataclass(slots=True)
class Asking:
    """Makes the questions of the resources, with values that the store has."""

    console: Console
    known: dict[str, str] = field(default_factory=dict)

    def learn(self) -> None:
        """Ask for a name of each kind."""
        instance = self._first("/api/v1/instances?limit=1")
        account = self._first("/api/v1/accounts?limit=1&login=yes")
        # One of the whole fleet, of which each viewer has a part.
        session = max(
            self._items("/api/v1/sessions?limit=50"), key=lambda item: int(item["total"] or 0)
        )
        beside = self._items(_address("/api/v1/accounts", {"instance": account["instance"]}))
        other = next(item for item in beside if item["account"] != account["account"])
        today = datetime.now(UTC).date()
        self.known = {
            **dict.fromkeys(("instance", "other-instance"), account["instance"]),
            **dict.fromkeys(("name", "account"), account["account"]),
            "other-name": other["account"],
            "id": session["session"],
            "tag": "region=e",
            "environment": "test",
            "text": "prod-001",
            "beginning": instance["instance"][:3],
            "privilege": "SELECT",
            "object": "database:shop",
            "database": "shop",
            "schema": "public",
            "role": "PUBLIC",
            **dict.fromkeys(("at", "other-at"), "2026-03-15"),
            **dict.fromkeys(("since", "changed-since", "new_since"), "2026-02-01"),
            **dict.fromkeys(("until", "changed-until"), str(today)),
            "from": str(today - timedelta(days=30)),
            "to": str(today),
        }

    def _first(self, address: str) -> Mapping[str, str]:
        return self._items(address)[0]

    def _items(self, address: str) -> Sequence[Mapping[str, str]]:
        found: Sequence[Mapping[str, str]] = json.loads(self.console.get(address))["items"]
        return found

    def require_answer(self, resource: Resource) -> None:
        """Make sure that there is something to measure.

        Raises:
            WrongAnswer: a resource has no answer, or an empty one.
        """
        found = json.loads(self.console.get(_address(resource.api, self._base(resource))))
        tables = found.get("tables", {"": found}).values()
        if not found.get("facts") and not any(item["items"] for item in tables):
            raise WrongAnswer(f"The store has nothing to show of {resource.name}.")

    def _base(self, resource: Resource) -> dict[str, str]:
        # A table is found by its schema, too.
        needed = [item for item in resource.parameters if item.is_required or item.name == "schema"]
        return {item.name: self._value(resource, item) for item in needed}

    def of(self, resource: Resource) -> Iterator[Question]:
        """Yield the questions of a resource."""
        has_page = resource.is_listed or bool(resource.facts)
        path = resource.page if has_page else resource.api
        base = self._base(resource)
        for viewer in VIEWERS:
            yield Question(resource.name, viewer, _address(path, base), viewer)
        yield Question(resource.name, "JSON", _address(resource.api, base))
        for parameter in resource.everything:
            if parameter.name not in (*_NOT_ASKED, *base):
                value = self._value(resource, parameter)
                asked = _address(path, {**base, parameter.name: value})
                yield Question(resource.name, f"{parameter.name}={value}", asked)
        deep = self._deep(resource, base)
        if deep:
            yield Question(resource.name, "deep", _address(path, {**base, "after": deep}))

    def spread(self, instances: int) -> Iterator[list[Question]]:
        """Yield of each resource that is of one instance its plain page, of so many instances."""
        names: list[dict[str, str]] = []
        for item in self._items(_address("/api/v1/instances", {"limit": str(instances)})):
            asked = {"instance": item["instance"], "limit": "2"}
            one, other = self._items(_address("/api/v1/accounts", asked))
            names.append(
                {
                    "instance": item["instance"],
                    "name": one["account"],
                    "other-name": other["account"],
                }
            )
        for resource in RESOURCES:
            wanted = _SPREAD.get(resource.name)
            if wanted is None:
                continue
            given = ({name: values[of] for name, of in wanted.items()} for values in names)
            addresses = dict.fromkeys(_address(resource.page, query) for query in given)
            what = f"of {instances} instances"
            yield [Question(resource.name, what, address) for address in addresses]

    def _value(self, resource: Resource, parameter: Parameter) -> str:
        if parameter.shape is Shape.FLAG:
            return "yes"
        if parameter.choices:
            return next(item for item in parameter.choices if item != parameter.default)
        if parameter.name == "name" and resource.name in _NAMED:
            return _NAMED[resource.name] or self.known["instance"]
        if parameter.name not in self.known:
            raise WrongAnswer(f"{resource.name} has a parameter that is not known: {parameter}.")
        return self.known[parameter.name]

    def _deep(self, resource: Resource, base: Mapping[str, str]) -> str:
        """Return the key of a page far behind."""
        after = ""
        for _ in range(_PAGES_DEEP):
            query = {**base, "limit": "500", **({"after": after} if after else {})}
            found = json.loads(self.console.get(_address(resource.api, query)))
            tables = found.get("tables", {"": found}).values()
            following = next((item["next"] for item in tables if item["next"]), "")
            if not following:
                break
            after = following
        return after


def _address(path: str, query: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def measured(console: Console, options: argparse.Namespace) -> Iterator[tuple[str, ...]]:
    """Yield rows of figures: of each resource the plain page, and what costs the most."""
    asking = Asking(console)
    asking.learn()
    console.load([Question("", "", "/login")], 1, 0)
    begun = time.monotonic()
    login = Question("login", "/login", "/login")
    plain = console.alone(login)
    table = _Table(console, options, plain.cpu_ms)
    yield table.row(login, plain)
    if options.spread:
        for some in asking.spread(options.spread):
            if not options.only or some[0].resource in options.only:
                yield table.spread(some)
        return
    for resource in RESOURCES:
        if options.only and resource.name not in options.only:
            continue
        asking.require_answer(resource)
        is_late = time.monotonic() - begun > _SECONDS_OF_ALL and not options.whole
        questions = list(islice(asking.of(resource), 1 if is_late else None))
        found = [(console.alone(item), item) for item in questions]
        if options.verbose:
            for figures, item in found:
                say(f"  {item.resource} {item.what}: {figures.cpu_ms:.1f} ms CPU")
        first = found[0]
        yield table.row(first[1], first[0])
        costly = max(found, key=lambda pair: pair[0].cpu_ms + pair[0].server_cpu_ms)
        if costly is not first:
            yield table.row(costly[1], costly[0])


@dataclass(frozen=True, slots=True)
class _Table:
    """Makes the rows; `login_ms` is the CPU of the page with which all are compared."""

    console: Console
    options: argparse.Namespace
    login_ms: float

    def row(self, item: Question, alone: Figures) -> tuple[str, ...]:
        """Ask a question by all users at once, for long enough that each has an answer."""
        console = self.console
        same = console.alone(item, is_written=False)
        wanted = round(4 * self._by_cpu(alone) / _KILO)
        seconds = min(max(self.options.seconds, wanted), _LONGEST_SECONDS)
        # Each process has answered it then, not only that to which one connection led.
        console.load([item], _SECONDS_TO_WARM, 0)
        found = console.load([item], seconds, 0)
        return self._cells(item, (f"{alone.first:.0f}", f"{same.cpu_ms:.1f}"), alone, found)

    def spread(self, some: Sequence[Question]) -> tuple[str, ...]:
        """Ask these in turn by all users at once, without having asked any of them before."""
        found = self.console.load(some, _LONGEST_SECONDS, 0)
        return self._cells(some[0], ("", ""), found, found)

    def _by_cpu(self, cost: Figures) -> float:
        """Return what users would wait (ms) on two cores that nobody else used."""
        return self.console.users * (cost.cpu_ms + cost.server_cpu_ms) / _CORES

    def _cells(
        self, item: Question, alone_ms: tuple[str, str], cost: Figures, found: Figures
    ) -> tuple[str, ...]:
        """Return a row: what the first page and the same again took, its cost, and a load."""
        first, same = alone_ms
        is_met = found.requests > 0 and found.p95 <= _TARGET_MS
        waits = (f"{found.p50:.0f}", f"{found.p95:.0f}")
        return (
            *(item.resource, item.what, first, f"{cost.cpu_ms:.1f}", same),
            f"{cost.cpu_ms / self.login_ms:.0f}" if self.login_ms else "",
            f"{cost.server_cpu_ms:.1f}" if self.console.server_pid else "",
            f"{self._by_cpu(cost):.0f}",
            *(waits if found.requests else (f"over {found.seconds * _KILO:.0f}",) * 2),
            f"{found.requests / found.seconds:.0f}",
            "met" if is_met else "missed",
            f"{found.held_bytes / 10**6:.0f}",
        )


NEAREST = {"by": "databases", "sort": "until"}
_AFTER_WRITES = ("today", "causes", "capacity")


def after_writes(console: Console, options: argparse.Namespace) -> Iterator[tuple[str, ...]]:
    """Yield rows of figures: what a page costs after something of each topic was written."""
    writes = TopicWrites.of(console.writing.store)
    wanted = options.only or _AFTER_WRITES
    yield ("page", "again", *writes.topics)
    for resource in RESOURCES:
        if resource.name not in wanted:
            continue
        query = NEAREST if resource.name == "capacity" and not options.only else {}
        item = Question(resource.name, "", _address(resource.page, query))
        steps = (_nothing, *writes.topics.values())
        costs = [console.alone(item, before_each=step) for step in steps]
        yield (resource.name, *(f"{cost.cpu_ms + cost.server_cpu_ms:.1f}" for cost in costs))


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.console",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--instances", type=int, default=10_000)
    parser.add_argument("--accounts", type=int, default=100, help="of each instance")
    parser.add_argument("--models", type=int, default=100, help="of which the others are copies")
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=2, help="of each load, at least")
    parser.add_argument("--writes", type=float, default=2, help="a second, in each load")
    parser.add_argument("--home", type=Path, help="a directory in which the store is kept")
    parser.add_argument("--only", action="append", default=[], metavar="RESOURCE")
    parser.add_argument(
        "--after-writes", action="store_true", help="what pages cost after writes, and no more"
    )
    parser.add_argument("--spread", type=int, metavar="INSTANCES", help="ask each time of another")
    parser.add_argument("--whole", action="store_true", help="however long it takes")
    parser.add_argument("--verbose", action="store_true", help="each question, too")
    return parser.parse_args(arguments)


@contextmanager
def _place(options: argparse.Namespace) -> Iterator[Path]:
    if options.home:
        options.home.mkdir(mode=0o755, parents=True, exist_ok=True)
        yield options.home
        return
    with tempfile.TemporaryDirectory(prefix="console-", dir="/var/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def main() -> int:
    """Measure and print."""
    options = parsed()
    if not options.after_writes and shutil.which("wrk") is None:
        say("wrk is not installed: apt install wrk, or brew install wrk (macOS).")
        return 1
    models = min(options.models, options.instances)
    fleet = CopiedFleet(options.instances, options.accounts, models)
    with _place(options) as place, copied_fleet(place, options.store, fleet) as filled:
        say(f"{options.store}, {filled.size_bytes() / 10**6:.0f} MB: {fleet}")
        pid = filled.server.process.pid if filled.server else 0
        log = place / "console.log"
        try:
            with served(filled.home, filled.url, pid, options, log) as console:
                if options.after_writes:
                    for row in after_writes(console, options):
                        sys.stdout.write(line_of(row) + "\n")
                        sys.stdout.flush()
                    return 0
                begun = memory(console.pid)
                for row in chain((COLUMNS, ("---",) * len(COLUMNS)), measured(console, options)):
                    sys.stdout.write(line_of(row) + "\n")
                    sys.stdout.flush()
                end = memory(console.pid)
                say(
                    f"{console.asked} requests; the console had {begun / 10**6:.0f} MB before "
                    f"and {end / 10**6:.0f} MB after them."
                )
        except WrongAnswer as wrong:
            say(f"The benchmark failed: {wrong}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
