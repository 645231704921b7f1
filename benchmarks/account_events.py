"""What events add to an account sync that has found a change.

    python -m benchmarks.account_events
    python -m benchmarks.account_events --accounts 5000 --chain 600 --rounds 5

One PostgreSQL instance of records: `--accounts` accounts with `--grants` grants on tables each, a
chain of `--chain` roles, and a role that a half of the accounts have. Each case is one change, and
the same change taken back, synced on a store of its own with events and without: comparing, the
review and the transaction, all that a sync does but reading the server: the ratio is more than
that of a whole sync. CPU seconds are those of this process, the least of `--rounds`, whose two
sides take turns; events are those of one change and of its taking back.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.privilege import Grant, Membership, Securable, SecurableKind
from sync_pipeline.store.store import Store
from workbench.benches.event_bench import NewsBench

States = dict[str, AccountState]


@dataclass(frozen=True, slots=True)
class Case:
    """A change that somebody makes."""

    name: str
    change: Callable[[States], AccountState]


def main() -> None:
    """Measure each case with events and without, and print the ratio."""
    options = _options()
    states = _world(options.accounts, options.grants, options.chain)
    _say(f"{len(states)} accounts, {options.grants} grants each, {options.chain} roles in a chain")
    _say(f"{'change':34}{'without':>10}{'with':>10}{'ratio':>8}{'events':>8}")
    with tempfile.TemporaryDirectory() as home:
        sides = [_bench(Path(home) / name, states, name == "with") for name in ("without", "with")]
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
