"""Each rule on PostgreSQL, in each way in which it finds something: the fix ends it."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.judged import Judged
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.finding import Severity
from sync_pipeline_tests.contract.fixes import FixBench, each_cause, each_finding, unfinished
from sync_pipeline_tests.contract.test_postgresql_access import make as make_random
from workbench.servers.postgresql_bench import ENGINE, PostgresBench
from workbench.strategies.postgresql_access import ROLES as RANDOM
from workbench.strategies.postgresql_access import World, worlds

pytestmark = pytest.mark.postgresql

ODD = "fx \"q'uo\\te"
QUOTED = '"' + ODD.replace('"', '""') + '"'
LOGINS = (
    *("fx_plain", "fx_member", "fx_nested", "fx_two", "fx_exec", "fx_files", "fx_both"),
    *("fx_lead", "fx_pass", "fx_pass2", "fx_twice", "fx_writes", "fx_set_only", "fx_inherit_only"),
    *("fx_hash", "fx_hash_column", "fx_hash_view", "fx_hash_file", "fx_hash_role", "fx_hash_many"),
    *("fx_backup", "fx_backup_hash", "fx_owner", "fx_gives", "fx_got", "fx_got2", "fx_uneven"),
    *(ODD, "fx_ü %", "fx_default", "fx_far"),
)
ROLES = ("fx_team2", "fx_mid", "fx_filers", "fx_r_hash", "fx_made_for")
OBJECTS = (
    "CREATE SCHEMA s AUTHORIZATION fx_owner",
    "CREATE TABLE s.t (a integer, b integer)",
    "CREATE TABLE s.u (a integer, b integer)",
    'CREATE TABLE s."odd ""t.x" (a integer)',
    "CREATE VIEW s.v AS SELECT 1 AS a",
    "CREATE SEQUENCE s.q",
    "CREATE FUNCTION s.f(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "CREATE DOMAIN s.d AS integer",
    *(f"ALTER TABLE s.{name} OWNER TO fx_owner" for name in ("t", "u", "v", '"odd ""t.x"')),
    "SELECT lo_create(4712)",
)
DEFAULTS = "ALTER DEFAULT PRIVILEGES FOR ROLE fx_owner IN SCHEMA s GRANT"
GRANTS = (
    # superusers
    *("GRANT fx_team TO fx_member", "GRANT fx_team TO fx_mid", "GRANT fx_mid TO fx_nested"),
    *("GRANT fx_team TO fx_two", "GRANT fx_mid TO fx_two"),
    "GRANT pg_execute_server_program TO fx_exec",
    "GRANT pg_write_server_files, pg_read_server_files TO fx_filers",
    "GRANT fx_filers TO fx_files",
    *("GRANT fx_team TO fx_both", "GRANT pg_read_server_files TO fx_both"),
    "GRANT UPDATE (rolsuper), INSERT (rolname) ON pg_catalog.pg_authid TO fx_writes",
    # grant admins, and what they passed on
    "GRANT fx_team2 TO fx_lead WITH ADMIN OPTION",
    "GRANT fx_mid TO fx_lead",
    "GRANT fx_team2 TO fx_twice WITH ADMIN OPTION",
    # readers of hashes
    "GRANT SELECT ON pg_catalog.pg_authid TO fx_hash",
    "GRANT SELECT (rolname, rolpassword) ON pg_catalog.pg_authid TO fx_hash_column",
    "GRANT SELECT ON pg_catalog.pg_shadow TO fx_hash_view",
    "GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_binary_file(text) TO fx_hash_file",
    "GRANT SELECT ON pg_catalog.pg_shadow TO fx_r_hash",
    "GRANT fx_r_hash TO fx_hash_role",
    "GRANT fx_r_hash TO fx_hash_many",
    "GRANT SELECT ON pg_catalog.pg_authid TO fx_hash_many",
    "GRANT pg_read_all_data TO fx_backup",
    "GRANT pg_read_all_data TO fx_backup_hash",
    "GRANT SELECT ON pg_catalog.pg_authid TO fx_backup_hash",
    # what everybody may write
    "GRANT INSERT, DELETE ON s.t TO PUBLIC",
    "GRANT UPDATE (b) ON s.u TO PUBLIC",
    "GRANT UPDATE ON SEQUENCE s.q TO PUBLIC",
    "GRANT CREATE ON SCHEMA s TO PUBLIC",
    'GRANT INSERT ON s."odd ""t.x" TO PUBLIC',
    "GRANT UPDATE ON LARGE OBJECT 4712 TO PUBLIC",
    # what may be passed on
    "GRANT SELECT, UPDATE ON s.t TO fx_gives WITH GRANT OPTION",
    "GRANT SELECT (a) ON s.u TO fx_gives WITH GRANT OPTION",
    "GRANT USAGE ON SEQUENCE s.q TO fx_gives WITH GRANT OPTION",
    "GRANT USAGE ON SCHEMA s TO fx_gives WITH GRANT OPTION",
    "GRANT CONNECT ON DATABASE bench TO fx_gives WITH GRANT OPTION",
    "GRANT EXECUTE ON FUNCTION s.f(integer) TO fx_gives WITH GRANT OPTION",
    "GRANT USAGE ON TYPE s.d TO fx_gives WITH GRANT OPTION",
    "GRANT SELECT ON LARGE OBJECT 4712 TO fx_gives WITH GRANT OPTION",
    "GRANT SELECT ON s.t TO fx_got2 WITH GRANT OPTION",
    f"{DEFAULTS} SELECT ON TABLES TO fx_default WITH GRANT OPTION",
    f"{DEFAULTS} INSERT ON TABLES TO PUBLIC",
    # names
    f"GRANT fx_team TO {QUOTED}",
    f"GRANT SELECT ON s.t TO {QUOTED} WITH GRANT OPTION",
    'GRANT fx_team2 TO "fx_ü %" WITH ADMIN OPTION',
    # here and not everywhere
    "GRANT fx_team2 TO fx_uneven WITH ADMIN OPTION",
    "GRANT fx_mid TO fx_uneven",
)
BY_OTHERS = {
    "fx_lead": ("GRANT fx_team2 TO fx_pass WITH ADMIN OPTION", "GRANT fx_team2 TO fx_twice"),
    "fx_pass": ("GRANT fx_team2 TO fx_pass2",),
    "fx_gives": (
        "GRANT SELECT, UPDATE ON s.t TO fx_got WITH GRANT OPTION",
        "GRANT SELECT ON s.t TO fx_got2",
        "GRANT SELECT (a) ON s.u TO fx_got",
        "GRANT USAGE ON SCHEMA s TO fx_got",
        "GRANT EXECUTE ON FUNCTION s.f(integer) TO fx_got",
        "GRANT CONNECT ON DATABASE bench TO fx_got",
    ),
    "fx_got": ("GRANT SELECT ON s.t TO fx_got2", "GRANT UPDATE ON s.t TO fx_plain"),
    "fx_hr": ("CREATE ROLE fx_made",),
}
SINCE_15 = (
    "GRANT SET ON PARAMETER work_mem TO fx_gives WITH GRANT OPTION",
    "GRANT ALTER SYSTEM, SET ON PARAMETER session_preload_libraries TO fx_uneven",
    "GRANT ALTER SYSTEM ON PARAMETER archive_command TO fx_r_hash",
)
SINCE_16 = (
    "GRANT fx_team TO fx_set_only WITH INHERIT FALSE, SET TRUE",
    "GRANT fx_team TO fx_inherit_only WITH INHERIT TRUE, SET FALSE",
    "GRANT pg_execute_server_program TO fx_inherit_only WITH INHERIT TRUE, SET FALSE",
)


_NAME = '"(?:[^"]|"")*"'
IN_DATABASE = re.compile(rf'"((?:[^"]|"")*)"\.{_NAME}\.{_NAME}| -- in database "(.*)"$')
"""Where a statement is to be run: its object's name, or its comment, begins with the database."""


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def make(bench: PostgresBench) -> None:
    bench.run(
        *(f"CREATE ROLE {quoted(name)} LOGIN VALID UNTIL '2999-01-01'" for name in LOGINS),
        *(f"CREATE ROLE {name}" for name in ROLES),
        "CREATE ROLE fx_team SUPERUSER",
        "CREATE ROLE fx_super LOGIN SUPERUSER CREATEROLE VALID UNTIL '2999-01-01'",
        "CREATE ROLE fx_hr LOGIN CREATEROLE VALID UNTIL '2999-01-01'",
        "CREATE ROLE fx_replica LOGIN REPLICATION VALID UNTIL '2999-01-01'",
        "CREATE ROLE fx_left LOGIN VALID UNTIL '2001-01-01'",
        "CREATE ROLE fx_never LOGIN",
        *OBJECTS,
        *GRANTS,
        *(SINCE_15 if bench.major >= 15 else ()),
        *(SINCE_16 if bench.major >= 16 else ()),
    )
    for role, statements in BY_OTHERS.items():
        bench.run(f"SET ROLE {role}; {'; '.join(statements)}; RESET ROLE")


def bench_of(bench: PostgresBench, **more: Any) -> FixBench:
    def run(statement: str) -> None:
        found = IN_DATABASE.search(statement)
        name = (found[1] or found[2]).replace('""', '"') if found else None
        bench.run(statement, database=name)

    def says() -> dict[str, Any]:
        """Return what the server says of each role: what it is, has and may grant."""
        found: dict[str, Any] = defaultdict(list)
        for name, *answer in bench.rows(SAYS):
            found[name].append(answer)
        return {name: sorted(map(str, answers)) for name, answers in found.items()}

    return FixBench(
        ENGINE,
        run,
        bench.collect,
        says,
        lambda account: account.startswith(("fx", "public", "pg_", "postgres")),
        # What was null is 'infinity' after an undo: no end, too.
        passing=frozenset({"valid_until"}),
        **more,
    )


SAYS = """
SELECT r.rolname, 'is', r.rolsuper, r.rolcanlogin, r.rolcreaterole, '' FROM pg_roles r
UNION ALL
SELECT r.rolname, o.rolname, pg_has_role(r.oid, o.oid, 'MEMBER'),
  pg_has_role(r.oid, o.oid, 'USAGE'), pg_has_role(r.oid, o.oid, 'MEMBER WITH ADMIN OPTION'), ''
FROM pg_roles r, pg_roles o WHERE r.rolname LIKE 'fx%' AND o.rolname ~ '^(fx|pg_)'
UNION ALL
SELECT r.rolname, c.relname, has_table_privilege(r.oid, c.oid, p),
  has_table_privilege(r.oid, c.oid, p || ' WITH GRANT OPTION'), true, p
FROM pg_roles r, pg_class c, unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) p
WHERE r.rolname LIKE 'fx%' AND (c.relnamespace = 's'::regnamespace AND c.relkind IN ('r', 'v')
  OR c.relname IN ('pg_authid', 'pg_shadow'))
"""


def elsewhere() -> Case:
    """Return another instance, where an account of that name has nothing."""
    state = AccountState("fx_uneven", AccountKind.USER, can_login=True)
    world = AccessWorld("other", ENGINE.name, "18", {state.name: state})
    return Case(Judged(world, ENGINE.access_rules(world)))


UNFINISHED = {
    ("superuser", "postgres"),
    ("password-hash-reader", "fx_backup"),
    ("password-hash-reader", "fx_backup_hash"),
    ("password-hash-reader", "fx_replica"),
}
"""The role of initdb, and those that read everything: what stands in its place people say."""


def test_each_fix_ends_its_finding_and_each_undo_brings_it_back(bench: PostgresBench) -> None:
    make(bench)
    found = each_finding(bench_of(bench, others=(elsewhere(),)))
    assert {rule for rule, _, _ in found} >= {
        *("superuser", "grant-admin", "password-hash-reader", "grant-option", "expired-active"),
        *("no-password-expiry", "everyone-can-write", "uneven-rights", "dangerous-privilege"),
    }
    assert ("dangerous-privilege", "fx_plain", "") not in found
    assert not [key for key in found if key[1].startswith("pg_")]
    assert unfinished(found) == UNFINISHED
    first = found["superuser", "postgres", ""]
    assert (first.severity, first.fix) == (Severity.INFO, "")
    assert "initdb" in first.left
    causes = each_cause(bench_of(bench, others=(elsewhere(),)))
    team = next(item for item in causes if item.worst.cause == "superuser: fx_team")
    assert len(team.accounts) > 3
    # One statement at the role, instead of one for each of its members.
    assert team.remedy().fix == 'ALTER ROLE "fx_team" NOSUPERUSER;'
    assert team.remedy().undo == 'ALTER ROLE "fx_team" SUPERUSER;'
    assert "accounts that have it as a role" in team.remedy().breaks


@settings(
    max_examples=2,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(worlds())
def test_random_worlds_are_mended_and_brought_back(bench: PostgresBench, world: World) -> None:
    bench.reset()
    bench.run("CREATE DATABASE bench", database="postgres")
    make_random(bench, world)
    each_finding(replace(bench_of(bench), is_ours=lambda account: account in RANDOM))
