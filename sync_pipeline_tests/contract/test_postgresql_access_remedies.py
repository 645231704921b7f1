"""The statements that are offered really take away what they say, on real servers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from sync_pipeline.engines.postgresql.access.rules import PostgreSqlAccess
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.privilege import Grant, SecurableKind
from workbench.servers.postgresql_bench import NOW, PostgresBench, raw

pytestmark = pytest.mark.postgresql

K = SecurableKind
OURS = ("r 0", 'r"1')
NAMES = (
    'CREATE ROLE "r 0" LOGIN',
    'CREATE ROLE "r""1" LOGIN',
    "CREATE SCHEMA s",
    'CREATE TABLE s."t.a""b" (a integer, "c ""d" integer)',
    "CREATE VIEW s.v AS SELECT 1 AS a",
    "CREATE MATERIALIZED VIEW s.m AS SELECT 1 AS a",
    "CREATE TABLE s.part (a integer) PARTITION BY RANGE (a)",
    "CREATE SEQUENCE s.q",
    "CREATE FUNCTION s.\"f(x\"(integer, OUT b integer) LANGUAGE sql AS 'SELECT 1'",
    "CREATE PROCEDURE s.p(\"a(b ORDER BY \" integer) LANGUAGE sql AS 'SELECT 1'",
    "CREATE AGGREGATE s.total(integer) (SFUNC = int4pl, STYPE = integer)",
    "CREATE AGGREGATE s.star(*) (SFUNC = int8inc, STYPE = int8, INITCOND = '0')",
    (
        "CREATE AGGREGATE s.sorted(float8 ORDER BY anyelement) (SFUNC = ordered_set_transition, "
        "STYPE = internal, FINALFUNC = percentile_disc_final, FINALFUNC_EXTRA)"
    ),
    (
        'CREATE AGGREGATE s.ranked(VARIADIC "any" ORDER BY VARIADIC "any") (STYPE = internal, '
        "SFUNC = ordered_set_transition_multi, FINALFUNC = rank_final, "
        "FINALFUNC_EXTRA, HYPOTHETICAL)"
    ),
    "CREATE DOMAIN s.d AS integer",
    "CREATE TYPE s.y AS (a integer)",
    "CREATE FOREIGN DATA WRAPPER w",
    "CREATE SERVER remote FOREIGN DATA WRAPPER w",
    "CREATE FOREIGN TABLE s.far (a integer) SERVER remote",
    "SELECT lo_create(4711)",
)
_TO_GRANT = (
    *("ALL ON ALL TABLES IN SCHEMA s", "ALL ON ALL SEQUENCES IN SCHEMA s"),
    *("EXECUTE ON ALL ROUTINES IN SCHEMA s", "ALL ON SCHEMA s", "USAGE ON TYPE s.d, s.y"),
    *("USAGE ON FOREIGN DATA WRAPPER w", "USAGE ON FOREIGN SERVER remote"),
    *("USAGE ON LANGUAGE plpgsql", "SELECT ON LARGE OBJECT 4711", "ALL ON DATABASE bench"),
    *("CREATE ON TABLESPACE pg_default", 'UPDATE ("c ""d") ON s."t.a""b"'),
)
_DEFAULTS = (
    'ALTER DEFAULT PRIVILEGES FOR ROLE "r 0" GRANT SELECT ON TABLES TO {} WITH GRANT OPTION',
    'ALTER DEFAULT PRIVILEGES FOR ROLE "r 0" IN SCHEMA s GRANT USAGE ON SEQUENCES TO {}',
    'ALTER DEFAULT PRIVILEGES FOR ROLE "r 0" IN SCHEMA s GRANT EXECUTE ON ROUTINES TO {}',
)
FIRST, SECOND = '"r 0"', '"r""1"'


def rules_of(bench: PostgresBench) -> tuple[PostgreSqlAccess, dict[str, AccountState]]:
    snapshot = bench.collect()
    accounts = {account.name: account for account in snapshot.accounts}
    world = AccessWorld(
        "bench", EngineName.POSTGRESQL, snapshot.server.version, accounts, snapshot.sections, NOW
    )
    return PostgreSqlAccess(world), accounts


def make(bench: PostgresBench) -> None:
    """Grant everything to one role with its option, who grants most of it to another."""
    bench.run(*NAMES)
    parameters = ["ALL ON PARAMETER work_mem, my.own"] if bench.major >= 15 else []
    for text in (*_TO_GRANT, *parameters):
        bench.run(f"GRANT {text} TO {FIRST} WITH GRANT OPTION")
        bench.run(f"GRANT {text} TO PUBLIC")
    for text in _DEFAULTS:
        for grantee in (SECOND, "PUBLIC"):
            if grantee != "PUBLIC" or "OPTION" not in text:
                bench.run(text.format(grantee))
    with bench.admin() as link:
        link.execute(raw(f"SET ROLE {FIRST}"))
        for text in (*_TO_GRANT, *parameters):
            link.execute(raw(f"GRANT {text} TO {SECOND} WITH GRANT OPTION"))


def grants_of(account: AccountState) -> list[Grant]:
    """Return what a test granted: what it owns and what lies in other databases stays."""
    return [
        grant
        for grant in account.grants
        if grant.privilege != "OWNER" and grant.securable.database in ("bench", "")
    ]


def carry_out(bench: PostgresBench, grant: Grant, statement: str) -> None:
    bench.run(statement, database=grant.securable.catalog or "postgres")


def test_each_revoke_takes_its_grant_away(bench: PostgresBench) -> None:
    make(bench)
    rules, accounts = rules_of(bench)
    kinds = set()
    for name in (OURS[1], "public", OURS[0]):
        for grant in grants_of(accounts[name]):
            carry_out(bench, grant, rules.revoke(name, grant))
            kinds.add(grant.securable.kind)
    _, after = rules_of(bench)
    for name in (*OURS, "public"):
        assert grants_of(after[name]) == [], name
    assert kinds >= {*K} & {
        *(K.TABLE, K.VIEW, K.MATERIALIZED_VIEW, K.PARTITIONED_TABLE, K.FOREIGN_TABLE, K.COLUMN),
        *(K.SEQUENCE, K.FUNCTION, K.PROCEDURE, K.AGGREGATE, K.TYPE, K.SCHEMA, K.DATABASE),
        *(K.LANGUAGE, K.FOREIGN_DATA_WRAPPER, K.FOREIGN_SERVER, K.LARGE_OBJECT, K.TABLESPACE),
        *(K.DEFAULT_PRIVILEGE, *([K.PARAMETER] if bench.major >= 15 else [])),
    }


def test_a_revoke_takes_with_it_what_was_passed_on(bench: PostgresBench) -> None:
    make(bench)
    rules, accounts = rules_of(bench)
    for grant in grants_of(accounts[OURS[0]]):
        statement = rules.revoke(OURS[0], grant)
        assert ("CASCADE" in statement) is (grant.securable.kind is not K.DEFAULT_PRIVILEGE)
        carry_out(bench, grant, statement)
    _, after = rules_of(bench)
    left = [*grants_of(after[OURS[0]]), *grants_of(after[OURS[1]])]
    assert {grant.securable.kind for grant in left} == {K.DEFAULT_PRIVILEGE}


def test_revoking_the_option_leaves_the_privilege(bench: PostgresBench) -> None:
    make(bench)
    rules, accounts = rules_of(bench)
    before = {(g.securable, g.privilege) for g in grants_of(accounts[OURS[1]])}
    for grant in grants_of(accounts[OURS[1]]):
        if grant.grantable:
            carry_out(bench, grant, rules.revoke_option(OURS[1], grant))
    _, after = rules_of(bench)
    left = grants_of(after[OURS[1]])
    assert {(g.securable, g.privilege) for g in left} == before
    assert not any(grant.grantable for grant in left)


def test_a_statement_with_its_database_is_refused_elsewhere(bench: PostgresBench) -> None:
    make(bench)
    rules, accounts = rules_of(bench)
    qualified = (K.TABLE, K.FUNCTION, K.AGGREGATE, K.TYPE, K.SEQUENCE, K.COLUMN)
    for grant in grants_of(accounts["public"]):
        if grant.securable.kind in qualified:
            with pytest.raises(psycopg.errors.FeatureNotSupported, match="cross-database"):
                bench.run(rules.revoke("public", grant), database="postgres")


def test_ownership_goes_to_who_runs_the_statement(bench: PostgresBench) -> None:
    bench.run(*NAMES, f"ALTER DATABASE bench OWNER TO {FIRST}")
    rules, accounts = rules_of(bench)
    owned = [
        grant
        for grant in accounts["postgres"].grants
        if grant.privilege == "OWNER"
        and (grant.securable.schema == "s" or grant.securable.name in ("w", "remote", "4711"))
    ]
    for grant in owned:
        # Give it away by the same words, with another name at their end.
        text = rules.revoke("postgres", grant).replace("CURRENT_USER", FIRST)
        if grant.securable.kind is not K.FOREIGN_DATA_WRAPPER:
            carry_out(bench, grant, text)
    rules, accounts = rules_of(bench)
    mine = [grant for grant in accounts[OURS[0]].grants if grant.privilege == "OWNER"]
    assert len(mine) == len(owned)
    for grant in mine:
        carry_out(bench, grant, rules.revoke(OURS[0], grant))
    _, after = rules_of(bench)
    assert not any(grant.privilege == "OWNER" for grant in after[OURS[0]].grants)


def test_a_role_is_taken_away_whoever_gave_it(bench: PostgresBench) -> None:
    bench.run(
        *NAMES[:2],
        "CREATE ROLE team",
        "CREATE ROLE third",
        f"GRANT team TO {FIRST} WITH ADMIN OPTION",
    )
    with bench.admin() as link:
        link.execute(raw(f"SET ROLE {FIRST}"))
        link.execute(raw(f"GRANT team TO {SECOND} WITH ADMIN OPTION"))
    bench.run("GRANT pg_monitor TO third")
    rules, accounts = rules_of(bench)
    for name in (OURS[1], "third", OURS[0]):
        (membership,) = accounts[name].memberships
        bench.run(rules.revoke_role(name, membership))
    _, after = rules_of(bench)
    assert not any(after[name].memberships for name in (*OURS, "third"))


def test_a_role_that_was_passed_on_is_taken_from_all(bench: PostgresBench) -> None:
    bench.run(*NAMES[:2], "CREATE ROLE team", f"GRANT team TO {FIRST} WITH ADMIN OPTION")
    with bench.admin() as link:
        link.execute(raw(f"SET ROLE {FIRST}"))
        link.execute(raw(f"GRANT team TO {SECOND}"))
    rules, accounts = rules_of(bench)
    (membership,) = accounts[OURS[0]].memberships
    bench.run(rules.revoke_role(OURS[0], membership))
    assert rules_of(bench)[1][OURS[0]].memberships == ()


def test_an_account_is_disabled_and_its_password_gets_an_end(bench: PostgresBench) -> None:
    odd = "r'$do$\\"
    bench.run(*NAMES[:2], f'CREATE ROLE "{odd}" LOGIN')
    rules, _ = rules_of(bench)
    for name in (*OURS, odd):
        bench.run(rules.expire(name), rules.disable(name))
    _, after = rules_of(bench)
    for name in (*OURS, odd):
        until = datetime.fromisoformat(str(dict(after[name].attributes)["valid_until"]))
        assert abs(until - datetime.now(UTC) - timedelta(days=90)) < timedelta(hours=3)
        assert not after[name].can_login


def test_an_account_that_owns_and_holds_is_dropped(bench: PostgresBench) -> None:
    make(bench)
    bench.run(f"ALTER TABLE s.v OWNER TO {FIRST}", "CREATE ROLE team")
    bench.run(f"ALTER DATABASE bench OWNER TO {FIRST}")
    bench.run(f"GRANT team TO {FIRST} WITH ADMIN OPTION")
    with bench.admin() as link:
        link.execute(raw(f"SET ROLE {FIRST}"))
        link.execute(raw(f"GRANT team TO {SECOND}"))
    rules, _ = rules_of(bench)
    first, last = rules.drop(OURS[0]).split("\n")
    assert first.endswith('-- first in "bench"')
    bench.run(first)
    bench.run(last)
    assert OURS[0] not in rules_of(bench)[1]
    bench.run("CREATE ROLE bare")
    rules, _ = rules_of(bench)
    bench.run(rules.drop("bare"))
    assert "bare" not in rules_of(bench)[1]
