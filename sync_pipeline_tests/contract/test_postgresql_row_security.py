"""Row security is said in the answer itself, of whom it binds on the server."""

from __future__ import annotations

import psycopg
import pytest

from sync_pipeline.access.judged import Judged
from sync_pipeline.access.questions import access_of, who_can
from sync_pipeline.engines.postgresql.access.rules import PostgreSqlAccess
from sync_pipeline.model.privilege import Securable, SecurableKind
from sync_pipeline_tests.contract.test_postgresql_access import world_of
from workbench.servers.postgresql_bench import PostgresBench, raw

pytestmark = pytest.mark.postgresql

ACCOUNTS = ("app", "owner", "deputy", "free", "su", "reader")


def table(name: str, column: str = "") -> Securable:
    kind = SecurableKind.COLUMN if column else SecurableKind.TABLE
    return Securable(kind, "bench", "public", name, column, "bench")


@pytest.fixture
def secured(bench: PostgresBench) -> PostgresBench:
    """Tables with one row that no policy shows, and one without policies."""
    bench.run(
        *(f"CREATE ROLE {name} LOGIN" for name in ACCOUNTS[:-3]),
        "CREATE ROLE free LOGIN BYPASSRLS",
        "CREATE ROLE su LOGIN SUPERUSER",
        "CREATE ROLE reader LOGIN",
        "GRANT owner TO deputy",
        "GRANT pg_read_all_data TO reader",
    )
    for name in ("open", "kept", "forced"):
        bench.run(
            f"CREATE TABLE public.{name} (id int)",
            f"INSERT INTO public.{name} VALUES (1)",
            f"ALTER TABLE public.{name} OWNER TO owner",
            f"GRANT SELECT ON public.{name} TO app, free",
        )
    bench.run(
        "ALTER TABLE public.kept ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE public.forced ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE public.forced FORCE ROW LEVEL SECURITY",
    )
    return bench


def test_the_answer_says_it_of_those_whom_it_binds(secured: PostgresBench) -> None:
    rules = PostgreSqlAccess(world_of(secured.collect()))
    server = secured.server
    for account in ACCOUNTS:
        with psycopg.connect(
            host=server.host, port=server.port, user=account, dbname="bench"
        ) as link:
            for name in ("open", "kept", "forced"):
                rows = link.execute(raw(f"SELECT id FROM public.{name}")).fetchall()
                for on in (table(name), table(name, "id")):
                    found = rules.decide(account, "SELECT", on)
                    assert found.is_allowed_at_login
                    assert bool(found.unknown) == (not rows), (account, name, found)


def test_no_answer_about_such_a_table_is_complete(secured: PostgresBench) -> None:
    world = world_of(secured.collect())
    judged = Judged(world, PostgreSqlAccess(world))
    assert who_can([judged], "SELECT", "table:bench.public.open").is_complete
    answer = who_can([judged], "SELECT", "table:bench.public.kept")
    assert not answer.is_complete
    assert any("row security of table bench.public.kept" in text for text in answer.gaps)
    assert who_can([judged], "REFERENCES", "table:bench.public.kept").is_complete


def test_it_is_no_privilege_of_anybody(secured: PostgresBench) -> None:
    world = world_of(secured.collect())
    rules = PostgreSqlAccess(world)
    for account in ("public", "app"):
        assert not [e for e in rules.everything(account) if "SECURITY" in e.privilege]
    denied = access_of(Judged(world, rules), "app").denied
    assert len(denied) == 2
    assert all(text.startswith("row security of table") for text in denied)
    assert not access_of(Judged(world, rules), "free").denied
