"""What events add to account syncs: to whole ones, and to what one does that found a change.

    python -m benchmarks.account_events
    python -m benchmarks.account_events --accounts 5000 --chain 600 --rounds 5

**Whole syncs** of a private PostgreSQL server with `--roles` roles, from the lease to the record,
with reading the server: milliseconds of CPU of this process, the least of `--syncs`, whose two
sides (a store each) take turns. One line is of syncs that find nothing changed, the others each of
a change and of its taking back. The last line is what follows for a fleet of which 1 % has
changed: what events add to 99 syncs of an unchanged instance and one of a changed one, by the mean
of the changes and by the worst. An unchanged one that never came to where it is decided what is
news costs nothing there, whatever the difference of its two sides is: that is the noise.

**From records**: one PostgreSQL instance of records: `--accounts` accounts with `--grants` grants
on tables each, a chain of `--chain` roles, and a role that a half of them have. Each case is
one change, and the same change taken back, synced on a store of its own with events and without:
comparing, the review and the transaction, all that a sync does but reading the server: the ratio
is more than that of a whole sync. CPU seconds are those of this process, the least of `--rounds`,
whose two sides take turns; events are those of one change and of its taking back.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg

from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.privilege import Grant, Membership, Securable, SecurableKind
from sync_pipeline.store.store import Store
from workbench.benches.event_bench import NewsBench
from workbench.benches.synced_server import SyncedServer
from workbench.servers import postgresql
from workbench.servers.running import RunningServer

SIDES = ("without", "with")
States = dict[str, AccountState]


@dataclass(frozen=True, slots=True)
class Case:
    """A change that somebody makes."""

    name: str
    change: Callable[[States], AccountState]


def main() -> None:
    """Measure each case with events and without, and print what they add."""
    options = _options()
    _whole(options)
    _say("")
    _from_records(options)


def _whole(options: argparse.Namespace) -> None:
    """Measure whole syncs of a real server."""
    with tempfile.TemporaryDirectory(prefix="events-", dir="/tmp") as name:
        directory = Path(name)
        # The database server refuses root, so its user must be able to enter.
        directory.chmod(0o755)
        newest = postgresql.installations()[-1]
        with postgresql.run_postgresql(newest, directory / "server") as server:
            _fill(server, options.roles, options.chain)
            sides = [SyncedServer(server, directory / side, side == "with") for side in SIDES]
            for side in sides:
                side.sync()
            _say(f"PostgreSQL {server.version}, {options.roles} roles, whole syncs, ms of CPU")
            _say(f"{'what changed':34}{'without':>10}{'with':>10}{'events':>8}{'cost':>8}")
            asked = sides[1].asked
            without, cost = _line("nothing", _least(server, sides, options.syncs, ()))
            idle = without, cost if sides[1].asked > asked else 0.0
            changed = [
                _line(name, _least(server, sides, options.syncs, statements))
                for name, statements in _statements(options.chain)
            ]
            _say(f"of a fleet of which 1 % has changed: {_of_fleet(idle, changed)}")
            for side in sides:
                side.store.close()


def _fill(server: RunningServer, roles: int, chain: int) -> None:
    statements = ["CREATE TABLE t (id int)", "CREATE ROLE half", "CREATE ROLE c0"]
    statements += [f"CREATE ROLE c{n}; GRANT c{n - 1} TO c{n}" for n in range(1, chain)]
    statements += [
        f"CREATE ROLE u{n} LOGIN; GRANT SELECT, INSERT ON t TO u{n};"
        + (f"GRANT half TO u{n}" if n % 2 else "")
        for n in range(roles - chain)
    ]
    _run(server, statements)


def _run(server: RunningServer, statements: Sequence[str]) -> None:
    where = f"host={server.host} port={server.port} user={server.admin_user}"
    with psycopg.connect(f"{where} dbname={server.database}", autocommit=True) as link:
        for statement in statements:
            link.execute(statement.encode())


def _statements(chain: int) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield what somebody does, and how it is taken back."""
    yield "an account may log in no more", ("ALTER ROLE u1 NOLOGIN", "ALTER ROLE u1 LOGIN")
    yield "a role is given to an account", ("GRANT c0 TO u2", "REVOKE c0 FROM u2")
    yield "an account becomes a superuser", ("ALTER ROLE u3 SUPERUSER", "ALTER ROLE u3 NOSUPERUSER")
    first = f"the first of {chain} roles does"
    yield first, ("ALTER ROLE c0 SUPERUSER", "ALTER ROLE c0 NOSUPERUSER")
    of_half = ("ALTER ROLE half SUPERUSER", "ALTER ROLE half NOSUPERUSER")
    yield "a role of half the accounts does", of_half


def _least(
    server: RunningServer, sides: Sequence[SyncedServer], rounds: int, statements: Sequence[str]
) -> tuple[float, float, int]:
    """Return the milliseconds of a sync, without events and with, and how many there were.

    Of a change they are the mean of it and of its taking back, and all events of both.
    """
    before = sides[1].events()
    found: list[list[list[float]]] = [[[] for _ in statements or ("",)] for _ in sides]
    for number in range(rounds):
        for place, statement in enumerate(statements or ("",)):
            _run(server, [statement] if statement else [])
            turn = sides if number % 2 else sides[::-1]
            for side in turn:
                found[sides.index(side)][place].append(side.sync())
    without, with_events = (1000 * sum(map(min, each)) / len(each) for each in found)
    return without, with_events, (sides[1].events() - before) // rounds


def _line(name: str, spent: tuple[float, float, int]) -> tuple[float, float]:
    without, with_events, events = spent
    cost = with_events - without
    _say(f"{name:34}{without:10.2f}{with_events:10.2f}{events:8}{cost:8.2f}")
    return without, cost


def _of_fleet(idle: tuple[float, float], changed: Sequence[tuple[float, float]]) -> str:
    """Return what events add, in percent."""

    def percent(without: float, cost: float) -> float:
        whole = 99 * idle[0] + without
        return 100 * (99 * idle[1] + cost) / whole

    count = len(changed)
    mean = percent(
        sum(item[0] for item in changed) / count, sum(item[1] for item in changed) / count
    )
    return f"{mean:.2f} % by the mean, {max(percent(*item) for item in changed):.2f} % by the worst"


def _from_records(options: argparse.Namespace) -> None:
    """Measure what a sync does after reading, of records."""
    states = _world(options.accounts, options.grants, options.chain)
    _say(f"{len(states)} accounts, {options.grants} grants each, {options.chain} roles in a chain")
    _say(f"{'change':34}{'without':>10}{'with':>10}{'ratio':>8}{'events':>8}")
    with tempfile.TemporaryDirectory() as home:
        sides = [_bench(Path(home) / name, states, name == "with") for name in SIDES]
        for case in _cases(options.chain):
            spent = [float("inf")] * len(sides)
            events = [0] * len(sides)
            for _ in range(options.rounds):
                for place, side in enumerate(sides):
                    seconds, events[place] = _measured(side, states, case)
                    spent[place] = min(spent[place], seconds)
            without, with_events = spent
            ratio = with_events / without
            _say(f"{case.name:34}{without:10.3f}{with_events:10.3f}{ratio:8.3f}{events[1]:8}")
        for side in sides:
            side.store.close()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--accounts", type=int, default=2000)
    parser.add_argument("--grants", type=int, default=20)
    parser.add_argument("--chain", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--roles", type=int, default=300, help="of the real server")
    parser.add_argument("--syncs", type=int, default=15, help="of each kind there")
    return parser.parse_args()


def _cases(chain: int) -> Iterator[Case]:
    yield Case("an account may log in no more", lambda s: replace(s["u1"], can_login=False))
    yield Case("a role is given to an account", lambda s: _with(s["u2"], "plain"))
    yield Case("an account becomes a superuser", lambda s: replace(s["u3"], is_superuser=True))
    first = f"the first of {chain} roles does"
    yield Case(first, lambda s: replace(s["c0"], is_superuser=True))
    yield Case("a role of half the accounts does", lambda s: replace(s["half"], is_superuser=True))


def _with(state: AccountState, role: str) -> AccountState:
    return replace(state, memberships=(*state.memberships, _member(role)))


def _member(role: str) -> Membership:
    return Membership(role, inherit=True, set_role=True)


def _world(accounts: int, grants: int, chain: int) -> States:
    """Return the accounts of the instance by name."""
    roles: list[tuple[str, tuple[Membership, ...]]] = [("half", ()), ("plain", ()), ("c0", ())]
    roles += [(f"c{number}", (_member(f"c{number - 1}"),)) for number in range(1, chain)]
    found = [
        AccountState(name, AccountKind.ROLE, can_login=False, memberships=of) for name, of in roles
    ]
    for number in range(accounts):
        tables = (
            Securable(SecurableKind.TABLE, "", "s", f"t{(number + one) % 500}", catalog="shop")
            for one in range(grants)
        )
        found.append(
            AccountState(
                f"u{number}",
                AccountKind.USER,
                can_login=True,
                memberships=(_member("half"),) if number % 2 else (),
                grants=tuple(Grant(on, "SELECT", grantor="owner") for on in tables),
            )
        )
    return {state.name: state.canonical() for state in found}


def _bench(home: Path, states: States, with_events: bool) -> NewsBench:  # noqa: FBT001 - the side
    home.mkdir()
    store = Store.open(f"sqlite:///{home / 'store.db'}")
    bench = NewsBench(store, home, is_told=with_events)
    bench.sync(*states.values())
    return bench


def _measured(bench: NewsBench, states: States, case: Case) -> tuple[float, int]:
    """Return the CPU seconds of a change and of its taking back, and how many events they made."""
    changed = case.change(states)
    spent, told = 0.0, 0
    for each in (changed, states[changed.name]):
        accounts = {**states, each.name: each}.values()
        began = time.process_time()
        bench.write(*accounts)
        spent += time.process_time() - began
        told += len(bench.events(bench.now))
    return spent, told


if __name__ == "__main__":
    main()
