"""Pages of the console over a large fleet, with some users at once.

    python -m benchmarks.console [--store postgresql] [--instances 10000 --accounts 100]
    python -m benchmarks.console --home /var/tmp/console --only accounts --only causes

It serves a store of its own (`workbench.scale.copied`, kept with `--home`) with `sync-pipeline
console`, and asks it with wrk, which has to be installed (Debian: `apt install wrk`). The questions
are made of the resources of the console: each page, deep pages by key, each filter by itself, and
who may see everything, half of the fleet, or one team.

Two loads: `closed`, in which each of the users asks again as soon as he has an answer, one question
after the other, and `people`, in which they wait a second on average between pages, a resource
after the other. Of each resource the slowest question is shown. `CPU` is what the process of the
console takes for a request, and `ratio` compares that with `/login`, a page without any question;
with PostgreSQL, `server CPU` is beside it. `MB` is the most memory that the console held meanwhile.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain
from math import inf
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen
from uuid import uuid4

from sync_pipeline.model.viewer import Role
from sync_pipeline.store.store import Store
from sync_pipeline.web.asked import Parameter, Shape
from sync_pipeline.web.resource import Resource
from sync_pipeline.web.resources.every import RESOURCES
from sync_pipeline.workflows.console.tokens import add_token
from workbench.fleet.homes import environment_of
from workbench.fleet.processes import cpu_seconds, descendants
from workbench.scale.cases import line_of, say
from workbench.scale.copied import CopiedFleet, copied_fleet
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
    "resource", "questions", "slowest", "closed p50 ms", "closed p95 ms", "people p95 ms",
    "CPU ms", "ratio to /login", "server CPU ms", "MB",
)  # fmt: skip


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
    """What a load found: times in ms, and CPU seconds of the console and the store's server."""

    requests: int
    p50: float
    p95: float
    cpu: float
    server_cpu: float
    peak_bytes: int

    @property
    def cpu_ms(self) -> float:
        """Return the CPU time of the console for a request, in ms."""
        return self.cpu * _KILO / max(self.requests, 1)

    @property
    def server_cpu_ms(self) -> float:
        """Return the CPU time of the store's server for a request, in ms."""
        return self.server_cpu * _KILO / max(self.requests, 1)


@dataclass(slots=True)
class Console:
    """A console that is served, and the tokens for it."""

    url: str
    pid: int
    server_pid: int
    tokens: Mapping[str, str]
    users: int
    asked: int = 0

    def get(self, address: str, viewer: str = "everyone") -> bytes:
        """Return the body of an answer."""
        headers = {"Authorization": f"Bearer {self.tokens[viewer]}"}
        with urlopen(Request(self.url + address, headers=headers), timeout=120) as answer:  # noqa: S310
            body: bytes = answer.read()
        return body

    def refusal(self, question: Question) -> str:
        """Return what is answered where that is no answer."""
        try:
            self.get(question.address, question.viewer)
        except HTTPError as error:
            return f"{error.code} {error.read(2000).decode()}"
        return "alone it has an answer"

    def load(self, questions: Sequence[Question], seconds: int, pause: float) -> Figures:
        """Ask these in turn for some seconds; `pause` is the mean time between two of a user."""
        self._calm()
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")
        before, server = self._cpu()
        lines = "\n".join(f"{self.tokens[item.viewer]} {item.address}" for item in questions)
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write(lines + "\n")
            file.flush()
            said = subprocess.run(  # noqa: S603 - addresses of our own
                [
                    *("wrk", "-t1", f"-c{self.users}", f"-d{seconds}s", "--timeout", "60s"),
                    *("-s", str(_SCRIPT), self.url, "--", file.name, str(round(pause * _KILO))),
                ],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        found = json.loads(said.strip().splitlines()[-1])
        if found["wrong"]:
            raise WrongAnswer(f"{questions[0]}: {found}, {self.refusal(questions[0])}")
        after, server_after = self._cpu()
        self.asked += found["requests"]
        return Figures(
            found["requests"],
            # Nobody had an answer: it takes longer than this.
            found["p50"] / _KILO if found["requests"] else inf,
            found["p95"] / _KILO if found["requests"] else inf,
            after - before,
            server_after - server,
            memory(self.pid, "VmHWM"),
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


def memory(pid: int, what: str) -> int:
    """Return the bytes of a process and of those below it: `VmRSS` now, `VmHWM` at most."""
    found = 0
    for one in (pid, *descendants(pid)):
        for line in Path(f"/proc/{one}/status").read_text().splitlines():
            if line.startswith(f"{what}:"):
                found += int(line.split()[1]) * 1024
    return found


@contextmanager
def served(home: Path, url: str, server_pid: int, users: int, log: Path) -> Iterator[Console]:
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
    console = Console(f"http://127.0.0.1:{port}", process.pid, server_pid, tokens, users)
    try:
        _wait(console, process, log)
        yield console
    finally:
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
        except (URLError, ConnectionError):
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
        session = self._first("/api/v1/sessions?limit=1")
        self.known = {
            "instance": account["instance"],
            "name": account["account"],
            "account": account["account"],
            "id": session["session"],
            "tag": "region=e",
            "environment": "test",
            "text": "prod-001",
            "beginning": instance["instance"][:3],
            "privilege": "SELECT",
            "object": "database:shop",
        }

    def _first(self, address: str) -> Mapping[str, str]:
        found: Mapping[str, str] = json.loads(self.console.get(address))["items"][0]
        return found

    def of(self, resource: Resource) -> Iterator[Question]:
        """Yield the questions of a resource."""
        has_page = resource.is_listed or bool(resource.facts)
        path = resource.page if has_page else resource.api
        base = {item.name: self._value(resource, item) for item in resource.parameters
                if item.is_required}  # fmt: skip
        for viewer in VIEWERS:
            yield Question(resource.name, viewer, _address(path, base), viewer)
        yield Question(resource.name, "JSON", _address(resource.api, base))
        for parameter in resource.everything:
            value = self._value(resource, parameter)
            if value and not parameter.is_required:
                asked = _address(path, {**base, parameter.name: value})
                yield Question(resource.name, f"{parameter.name}={value}", asked)
        deep = self._deep(resource, base)
        if deep:
            yield Question(resource.name, "deep", _address(path, {**base, "after": deep}))

    def _value(self, resource: Resource, parameter: Parameter) -> str:
        if parameter.shape is Shape.FLAG:
            return "yes"
        if parameter.choices:
            return next(item for item in parameter.choices if item != parameter.default)
        if resource.name == "instance" and parameter.name == "name":
            return self.known["instance"]
        return self.known.get(parameter.name, "")

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
    """Yield a row of figures for each resource, the slowest question of it."""
    asking = Asking(console)
    asking.learn()
    console.load([Question("", "", "/login")], 1, 0)
    empty = console.load([Question("login", "/login", "/login")], options.seconds, 0)
    yield _row("login", 1, "/login", empty, empty, empty)
    for resource in RESOURCES:
        if options.only and resource.name not in options.only:
            continue
        questions = list(asking.of(resource))
        found = [(console.load([item], options.seconds, 0), item) for item in questions]
        worst, slowest = max(found, key=lambda pair: pair[0].p95)
        if options.verbose:
            for figures, item in found:
                cost = f"{figures.p95:.0f} ms, {figures.cpu_ms:.1f} ms CPU"
                say(f"  {item.resource} {item.what}: {cost}")
        people = console.load(questions, options.people, 1.0)
        yield _row(resource.name, len(questions), slowest.what, worst, people, empty)


def _row(
    name: str, count: int, what: str, closed: Figures, people: Figures, empty: Figures
) -> tuple[str, ...]:
    return (
        name,
        str(count),
        what,
        f"{closed.p50:.0f}",
        f"{closed.p95:.0f}",
        f"{people.p95:.0f}",
        f"{closed.cpu_ms:.1f}",
        f"{closed.cpu_ms / empty.cpu_ms:.0f}" if empty.cpu_ms else "",
        f"{closed.server_cpu_ms:.1f}" if closed.server_cpu else "",
        f"{max(closed.peak_bytes, people.peak_bytes) / 10**6:.0f}",
    )


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
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=2, help="of each question, closed")
    parser.add_argument("--people", type=int, default=6, help="seconds of each resource, people")
    parser.add_argument("--home", type=Path, help="a directory in which the store is kept")
    parser.add_argument("--only", action="append", default=[], metavar="RESOURCE")
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
    if shutil.which("wrk") is None:
        say("wrk is not installed: apt install wrk.")
        return 1
    fleet = CopiedFleet(options.instances, options.accounts, min(100, options.instances))
    with _place(options) as place, copied_fleet(place, options.store, fleet) as filled:
        say(f"{options.store}, {filled.size_bytes() / 10**6:.0f} MB: {fleet}")
        pid = filled.server.process.pid if filled.server else 0
        log = place / "console.log"
        try:
            with served(filled.home, filled.url, pid, options.users, log) as console:
                begun = memory(console.pid, "VmRSS")
                for row in chain((COLUMNS, ("---",) * len(COLUMNS)), measured(console, options)):
                    sys.stdout.write(line_of(row) + "\n")
                    sys.stdout.flush()
                end = memory(console.pid, "VmRSS")
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
