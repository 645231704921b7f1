"""Conversations with real servers, changed on their way: no hang, no crash, no foreign error.

The seeds are fixed, so that a failure can be seen again. The drivers are real, in a process
of their own, whose memory is measured. SQL Server's conversation is that of the tests' listener.
Oracle has no server here: its listener's packets are changed, and those of a login. Behind the
guard python-oracledb's compiled code reads past the end of messages that are not sound, which now
and then ends or holds its process: that is then told of the instance.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from sync_pipeline.model.instance import EngineName
from sync_pipeline_tests.contract.victims import in_two, run_victims
from workbench.servers import tns
from workbench.servers.rogue import tds
from workbench.servers.rogue.listening import Line, rogue
from workbench.servers.rogue.mutation import Mutator, mutating
from workbench.servers.rogue.passwords_oracle import asking
from workbench.servers.rogue.victim import BRIEF, UNMAPPED, Outcome
from workbench.servers.running import RunningServer
from workbench.servers.tds import Login, Rows, tds_server

TRIALS = 40
SHARE_REFUSED = 0.3
MOST_GROWTH = 400 * 2**20
"""Of eight syncs at once, each of which may hold a result of the limit and what is read ahead."""
LATEST = 2 * BRIEF.total_seconds + 20  # on a machine that is busy; accounts, then sizes


def judge(outcomes: dict[str, Outcome], trials: int = TRIALS) -> None:
    assert len(outcomes) == trials
    for label, found in outcomes.items():
        assert found.kind != UNMAPPED, (label, found.message)
        assert found.seconds < LATEST, (label, found)
    assert sum(found.grown_bytes for found in outcomes.values()) < 8 * MOST_GROWTH
    assert max(found.grown_bytes for found in outcomes.values()) < MOST_GROWTH
    # The changes are neither so few that nothing fails nor do all fail alike.
    assert len({found.kind for found in outcomes.values()}) > 1


@pytest.mark.parametrize("name", ["mariadb_server", "postgresql_server"])
def test_a_real_server_with_changed_answers(name: str, request: pytest.FixtureRequest) -> None:
    server: RunningServer = request.getfixturevalue(name)
    with ExitStack() as stack:
        servers = [
            (f"seed {seed}", server.engine, stack.enter_context(mutating(server.port, seed)))
            for seed in range(TRIALS)
        ]
        judge(run_victims(in_two(servers), server.admin_user, server.admin_password))


def sound(login: Login, sql: str) -> Rows | None:
    if "SERVERPROPERTY('ProductVersion')" in sql:
        return tds.identity("16.0.1000.6", 3, "Developer Edition")
    return Rows(("name", "missing"), [("a name", "x")] * 3) if "SELECT" in sql else None


def test_a_sql_server_with_changed_answers() -> None:
    with ExitStack() as stack:
        port = stack.enter_context(tds_server(on_batch=sound)).port
        servers = [
            (f"seed {seed}", EngineName.SQLSERVER, stack.enter_context(mutating(port, seed)))
            for seed in range(TRIALS)
        ]
        judge(run_victims(in_two(servers), "mon"))


def packets(seed: int) -> Iterator[bytes]:
    """Yield packets of a listener of Oracle, and then of a server whose messages are unknown.

    Once a connection is accepted, a packet has four bytes of length.
    """
    chance = random.Random(seed)
    for _ in range(chance.randrange(3)):
        yield tns.packet(tns.RESEND, b"")
    if chance.random() < SHARE_REFUSED:
        yield tns.packet(chance.choice([4, 5, 12, 14]), chance.randbytes(chance.randrange(300)))
    size = chance.choice([0, 511, 8192, 8192, 2**21, 2**31]).to_bytes(4, "big")
    yield tns.packet(2, b"\x01\x3f" + b"\0" * 22 + size + b"\0" * 9)
    while True:
        body = b"\0\0" + bytes([chance.randrange(200, 256)]) + chance.randbytes(60)
        kind = chance.choice([6, 6, 12, 14, 99])
        length = chance.choice([len(body) + 8, len(body) + 8, 8, 7, 2**32 - 1])
        yield length.to_bytes(4, "big") + bytes([kind, 0, 0, 0]) + body


def speaking(seed: int) -> tns.Answer:
    """Answer each thing that comes with one packet, changed on its way."""
    mutator = Mutator(seed)

    def answer(link: socket.socket) -> None:
        for packet in packets(seed):
            if not link.recv(8192):
                return
            link.sendall(mutator(packet) if seed % 2 else packet)

    return answer


def test_an_oracle_listener_with_changed_answers() -> None:
    # All by one victim: each of its logins begins a process.
    with ExitStack() as stack:
        servers = [
            (
                f"seed {seed}",
                EngineName.ORACLE,
                stack.enter_context(tns.listener(speaking(seed))),
            )
            for seed in range(TRIALS)
        ]
        judge(run_victims([servers], "mon"))


def of_login(seed: int) -> Callable[[Line], None]:
    """Speak as far as the proof of the password, with every packet after the first changed."""
    mutator = Mutator(seed)
    chance = random.Random(seed)
    serve = asking(chance.choice(["11g", "12c"]))

    def changed(line: Line) -> None:
        send, count = line.send, iter(range(10))
        line.send = lambda data: send(mutator(data) if next(count) else data)  # type: ignore[method-assign]
        serve(line)

    return changed


def test_an_oracle_that_breaks_the_protocol_after_it_accepted() -> None:
    """Seeds 1218 and from 3120 on once ended and held a process, with another generator.

    No seed is known that does with this one: `test_driver_process.py` breaks the process itself.
    """
    heard = [1218, *range(3120, 3132)]
    with ExitStack() as stack:
        servers = [
            (f"seed {seed}", EngineName.ORACLE, stack.enter_context(tns.listener(speaking(seed))))
            for seed in heard
        ]
        servers += [
            (f"login {seed}", EngineName.ORACLE, stack.enter_context(rogue(of_login(seed))).port)
            for seed in range(15)
        ]
        judge(run_victims([servers], "mon"), len(servers))
