"""Since when accounts of real servers are superusers, against a ledger that is kept by hand."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from workbench.benches.command import Command
from workbench.benches.review_bench import ReviewBench
from workbench.servers.running import RunningServer
from workbench.strategies.tenure_ledger import PEOPLE, ROLES, Act, Ledger, World

SYNCS = 6


def of_postgresql(act: Act, name: str, role: str) -> str:
    return {
        Act.RAISED: f"ALTER ROLE tn_{name} SUPERUSER",
        Act.LOWERED: f"ALTER ROLE tn_{name} NOSUPERUSER",
        Act.GRANTED: f"GRANT tn_{role} TO tn_{name}",
        Act.REVOKED: f"REVOKE tn_{role} FROM tn_{name}",
        Act.DROPPED: f"DROP ROLE tn_{name}",
        Act.MADE: f"CREATE ROLE tn_{name} {'LOGIN' if name in PEOPLE else ''}",
    }[act]


def of_mariadb(act: Act, name: str, role: str) -> str:
    who = f"tn_{name}" if name in ROLES else f"'tn_{name}'@'%'"
    kind = "ROLE" if name in ROLES else "USER"
    return {
        Act.RAISED: f"GRANT ALL ON *.* TO {who} WITH GRANT OPTION",
        Act.LOWERED: f"REVOKE ALL, GRANT OPTION ON *.* FROM {who}",
        Act.GRANTED: f"GRANT tn_{role} TO {who}",
        Act.REVOKED: f"REVOKE tn_{role} FROM {who}",
        Act.DROPPED: f"DROP {kind} {who}",
        Act.MADE: f"CREATE {kind} {who}",
    }[act]


Says = Callable[[Act, str, str], str]
SAYS: dict[str, Says] = {"postgresql": of_postgresql, "mariadb": of_mariadb}


def moment(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None


def plain(account: str) -> str:
    return account.replace("'", "").removesuffix("@%").removeprefix("tn_")


def row_of(item: Mapping[str, Any]) -> tuple[str, Any, Any, Any]:
    end = item["end"]
    begin = item["begin"]
    return (
        plain(item["account"]),
        moment(begin["after"]),
        moment(begin["by"]),
        moment(end["by"]) if end else None,
    )


@pytest.mark.parametrize("engine", ["postgresql", "mariadb"])
def test_a_random_history_of_a_server_is_that_of_the_ledger(
    command: Command, request: pytest.FixtureRequest, engine: str
) -> None:
    server: RunningServer = request.getfixturevalue(f"{engine}_server")
    bench, says = ReviewBench(command, server), SAYS[engine]
    chance, world, ledger = random.Random(11), World(), Ledger()
    try:
        bench.sql(*(says(Act.MADE, name, "") for name in (*ROLES, *PEOPLE)))
        for _ in range(SYNCS):
            bench.sql(*(says(*world.change(chance)) for _ in range(5)))
            bench.sync()
            ledger.write(bench.now, bench.now, world.holders())
    finally:
        left = sorted(world.there & {*ROLES}) + sorted(world.there & {*PEOPLE})
        bench.sql(*(says(Act.DROPPED, name, "") for name in left))
    later = bench.now + timedelta(minutes=1)
    said = command.ok(
        "accounts", "tenure", "--capability", "superuser", "--all", "--json",
        "--account", "%tn\\_%", "--until", later.isoformat(),
    ).json  # fmt: skip
    found = sorted(map(row_of, said["tenures"]), key=lambda row: (row[0], row[2]))
    assert found == ledger.all()
    assert len(found) > 3
