"""A server says in how many rounds a key is derived from the password: what that costs.

libpq derives in C, without a limit and without coming back. It can't be ended but with its
process, so that the real driver is tried in a process of its own, which ends by itself.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from sync_pipeline.errors import AuthenticationError, SyncError
from sync_pipeline.model.instance import EngineName, TlsMode
from workbench.servers.rogue.mysql import rogue_mysql
from workbench.servers.rogue.postgresql import rogue_postgresql
from workbench.servers.rogue.victim import target, tried

MOST_ROUNDS = 2**31 - 1
TOTAL_SECONDS = 3.0
MARGIN_SECONDS = 12.0


def main() -> None:
    """Try a server twice, and say how each ended, after how long, and who computes on."""
    wanted = target(EngineName.POSTGRESQL, int(sys.argv[1]), total=TOTAL_SECONDS)
    found = []
    for _ in range(2):
        started = time.monotonic()
        try:
            tried(wanted)
        except SyncError as error:
            found.append((error.kind, str(error), time.monotonic() - started))
    priorities = [
        os.getpriority(os.PRIO_PROCESS, thread.native_id)
        for thread in threading.enumerate()
        if thread is not threading.main_thread() and thread.native_id
    ]
    print(json.dumps([found, priorities]))


def test_a_login_that_never_ends_costs_its_own_sync_and_ends_with_the_process() -> None:
    started = time.monotonic()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with rogue_postgresql(lambda sql: None, iterations=MOST_ROUNDS) as port:
        done = subprocess.run(
            [sys.executable, "-m", __name__, str(port)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    whole = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    (first, second), priorities = json.loads(done.stdout)
    kind, said, seconds = first
    assert kind == "query_timeout", said
    assert "did not end within its limit of 3 seconds" in said
    assert seconds < TOTAL_SECONDS + MARGIN_SECONDS
    kind, said, seconds = second
    assert kind == "connection_limit", said
    assert f"A login at 127.0.0.1:{port} that was given up still computes" in said
    assert seconds < MARGIN_SECONDS
    assert [item for item in priorities if item == 19] == [19], priorities
    # What was spent is what there was of the time: of one core, and nothing goes on after.
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent < whole + 2


@pytest.mark.parametrize("plugin", ["parsec", "authentication_pbkdf2", "sha512_rounds"])
def test_pymysql_knows_no_method_with_rounds_of_the_servers(plugin: str) -> None:
    """MariaDB's parsec lets the server choose rounds; PyMySQL does not have it, and says so."""
    switch = b"\xfe" + plugin.encode() + b"\0P\x63" + b"s" * 18
    started = time.monotonic()
    with rogue_mysql(lambda sql: None, switch=switch) as port:
        wanted = target(EngineName.MARIADB, port, mode=TlsMode.DISABLE)
        with pytest.raises(SyncError, match=plugin) as caught:
            tried(replace(wanted))
    assert isinstance(caught.value, AuthenticationError)
    assert time.monotonic() - started < MARGIN_SECONDS


if __name__ == "__main__":
    main()
