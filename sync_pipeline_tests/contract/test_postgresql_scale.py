"""PostgreSQL with thousands of roles: no query for each."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from sync_pipeline.engines.postgresql.wire import reading
from workbench.servers.postgresql_bench import PostgresBench, Tally

pytestmark = pytest.mark.postgresql

ROLES = 5000
MANY_ROLES = f"""
DO $$
BEGIN
    CREATE ROLE everyone;
    CREATE TABLE shared (id integer, body text);
    FOR n IN 1..{ROLES} LOOP
        EXECUTE format('CREATE ROLE role_%s LOGIN VALID UNTIL ''2030-01-01'' IN ROLE everyone', n);
        EXECUTE format('ALTER ROLE role_%s SET work_mem = ''4MB''', n);
    END LOOP;
    FOR n IN 1..500 LOOP
        EXECUTE format('CREATE TABLE table_%s (id integer)', n);
        EXECUTE format('GRANT SELECT, INSERT (id) ON table_%s TO role_%s', n, n);
    END LOOP;
END
$$
"""


def test_the_number_of_queries_does_not_depend_on_the_number_of_roles(
    newest_bench: PostgresBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is anything of a result looked at again for each of the parts in which it comes."""
    few, many = Tally(), Tally()
    shapes, shape = list[object](), reading._Shape
    monkeypatch.setattr(reading, "_Shape", lambda *parts: shapes.append(parts) or shape(*parts))
    newest_bench.collect(tally=few)
    shapes_of_few = len(shapes)
    newest_bench.run(MANY_ROLES)
    shapes.clear()
    started = time.monotonic()
    snapshot = newest_bench.collect(tally=many)
    seconds = time.monotonic() - started
    # Of results without a row when there were few, too.
    assert 0 < len(shapes) <= shapes_of_few + 10
    assert few.connections == many.connections
    assert few.statements == many.statements
    assert max(Counter(many.statements).values()) == 1, "each query runs once a database"
    found = [account for account in snapshot.accounts if account.name.startswith("role_")]
    assert len(found) == ROLES
    assert all(len(account.memberships) == len(account.settings) == 1 for account in found)
    assert sum(len(account.grants) for account in found) == 2 * 500
    assert seconds < 20, f"{ROLES} roles took {seconds:.1f} s"
