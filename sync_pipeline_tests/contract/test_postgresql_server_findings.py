"""Findings about a PostgreSQL server and its routines: each with its violation and its twin.

The servers have no TLS, so that no connection fits a line `hostssl`, and none is told of.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.findings.definers import definer_routine
from sync_pipeline.access.findings.logins import (
    file_error,
    from_anywhere,
    superuser_from_elsewhere,
    weak_method,
    without_password,
    without_tls,
)
from sync_pipeline.access.findings.passwords import weak_storage
from sync_pipeline.access.findings.review import review
from sync_pipeline.access.findings.rule import Rule
from sync_pipeline.access.judged import Judged
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.finding import Finding, FindingRules, Severity
from sync_pipeline.model.privilege import SectionKey, SectionName
from sync_pipeline.model.server_fact import ServerFacts
from sync_pipeline.model.snapshot import SectionStatus, Snapshot
from sync_pipeline_tests.contract.fixes import NOW, TODAY
from workbench.running.system import wait_for
from workbench.servers.postgresql_bench import ENGINE, PostgresBench

pytestmark = pytest.mark.postgresql

SAFE = ("local all all peer", "host all all 127.0.0.1/32 scram-sha-256")


def case_of(snapshot: Snapshot) -> Case:
    accounts = {state.name: state.canonical() for state in snapshot.accounts}
    world = AccessWorld(
        *("db", ENGINE.name, snapshot.server.version, accounts, snapshot.sections, NOW),
        server=ServerFacts(snapshot.server_facts),
    )
    return Case(Judged(world, ENGINE.access_rules(world)))


def found(bench: PostgresBench, *rules: Rule) -> dict[str, Finding]:
    case = case_of(bench.collect())
    items = review([case], FindingRules(), TODAY, list(rules)).findings
    assert len({item.rule for item in items}) == len(items)
    return {item.rule: item for item in items}


@contextmanager
def written(bench: PostgresBench, *lines: str) -> Iterator[None]:
    """Write the file without a reload: the server goes on by the lines that it has."""
    path = bench.server.directory / "data" / "pg_hba.conf"
    before = path.read_text()
    path.write_text("\n".join((*lines, "")))
    try:
        yield
    finally:
        path.write_text(before)


RULES = (without_password, weak_method, from_anywhere, superuser_from_elsewhere, without_tls)


@pytest.mark.parametrize(
    ("line", "twin", "rules"),
    [
        ("local all all trust", SAFE[0], {"login-without-password"}),
        ("host all all ::1/128 trust", SAFE[1], {"login-without-password"}),
        (
            "host app app 10.0.0.0/8 trust",
            "hostssl app app 10.0.0.0/8 scram-sha-256",
            {"login-without-password", "login-rule-without-tls"},
        ),
        (
            "hostnossl app app 10.0.0.0/8 password",
            "hostssl app app 10.0.0.0/8 password",
            {"weak-login-method", "login-rule-without-tls"},
        ),
        (
            "host all all 0.0.0.0/0 scram-sha-256",
            "host all all 127.0.0.0/8 scram-sha-256",
            {"login-from-anywhere", "login-rule-without-tls"},
        ),
        (
            "host all all ::/0 scram-sha-256",
            "host all all ::/0 reject",
            {"login-from-anywhere", "login-rule-without-tls"},
        ),
        (
            "host app app 0.0.0.0/0 scram-sha-256",
            "hostssl app app 0.0.0.0/0 scram-sha-256",
            {"login-rule-without-tls"},
        ),
        (
            "host all postgres 10.0.0.0/8 scram-sha-256",
            "hostssl all app 10.0.0.0/8 scram-sha-256",
            {"superuser-from-elsewhere", "login-rule-without-tls"},
        ),
        (
            'host all "odd, ""name" 10.0.0.0/8 scram-sha-256',
            'hostssl all "odd, ""name" 10.0.0.0/8 scram-sha-256 map=x',
            {"login-rule-without-tls"},
        ),
    ],
)
def test_a_line_of_the_file_and_its_clean_twin(
    bench: PostgresBench, line: str, twin: str, rules: set[str]
) -> None:
    with written(bench, line, *SAFE):
        items = found(bench, *RULES)
    assert set(items) == rules
    assert {item.account for item in items.values()} == {""}
    assert all("line 1 (" in item.evidence and item.left for item in items.values())
    with written(bench, twin, *SAFE):
        assert found(bench, *RULES) == {}


def test_lines_that_the_server_cant_read(bench: PostgresBench) -> None:
    """A line for TLS on a server without has an error in the view too, and is read all the same."""
    secret = "radiussecrets=top-secret-1"
    with written(bench, *SAFE, f"host all all 10.0.0.0/8 nonsense {secret}", "host all", ""):
        snapshot = bench.collect()
    assert "top-secret-1" not in repr(snapshot)
    (finding,) = review([case_of(snapshot)], FindingRules(), TODAY, [file_error]).findings
    assert finding.severity is Severity.MEDIUM
    assert "can't read 2 of the lines" in finding.evidence
    assert "line 3, 4." in finding.evidence
    with written(bench, *SAFE, "hostssl all all 10.0.0.0/8 scram-sha-256"):
        assert found(bench, *RULES, file_error) == {}


def test_trust_from_elsewhere_is_worse(bench: PostgresBench) -> None:
    with written(bench, "local all all trust"):
        assert found(bench, *RULES)["login-without-password"].severity is Severity.MEDIUM
    with written(bench, "host all all all trust"):
        assert found(bench, *RULES)["login-without-password"].severity is Severity.HIGH


def test_options_of_lines_are_not_read(bench: PostgresBench) -> None:
    """Some of them are passwords."""
    secret = 'radiusservers="127.0.0.1" radiussecrets="top-secret-1"'
    with written(bench, f"host all all 10.0.0.0/8 radius {secret}", *SAFE):
        snapshot = bench.collect()
    assert any("radius" in fact.value for fact in snapshot.server_facts)
    assert "top-secret-1" not in repr(snapshot)


def test_lines_of_an_included_file_are_told_with_its_name(bench: PostgresBench) -> None:
    """Each file has a line 1, so that the number alone would lead to another line."""
    if bench.major < 16:
        return  # no other file is read before 16
    directory = bench.server.directory / "data"
    extra, broken = directory / "sf extra.conf", directory / "sf_broken.conf"
    extra.write_text("host all all 0.0.0.0/0 trust\n")
    broken.write_text("host nonsense\n")
    try:
        with written(bench, SAFE[0], f'include "{extra}"', f"include {broken}", *SAFE[1:]):
            items = found(bench, without_password, file_error)
    finally:
        extra.unlink()
        broken.unlink()
    assert f"line 1 of {extra} (host" in items["login-without-password"].evidence
    assert f"line 1 of {broken}" in items["login-file-error"].evidence


def test_without_the_grant_the_lines_are_unknown_and_the_instance_is_ready(
    bench: PostgresBench,
) -> None:
    bench.run("CREATE ROLE sf_mon LOGIN", "GRANT pg_monitor TO sf_mon")
    key = SectionKey(SectionName.LOGIN_RULES)
    with bench.hba("host all sf_mon 127.0.0.1/32 trust"):
        snapshot = bench.collect(bench.target("sf_mon"))
        report = snapshot.unreviewed[key]
        assert snapshot.unread == {}
        assert report.status is SectionStatus.DENIED
        assert not any("login_rules" in text for text in snapshot.warnings)
        assert not [fact for fact in snapshot.server_facts if fact.name == "login_rule"]
        needs = report.reason.partition("It needs: ")[2]
        bench.run(*needs.split("; "), database="postgres")
        again = bench.collect(bench.target("sf_mon"))
        bench.run(
            "REVOKE ALL ON pg_catalog.pg_hba_file_rules FROM sf_mon",
            "REVOKE ALL ON FUNCTION pg_catalog.pg_hba_file_rules() FROM sf_mon",
            database="postgres",
        )
    assert again.sections[key].status is SectionStatus.READ
    assert [fact for fact in again.server_facts if fact.name == "login_rule"]


ROUTINE = "CREATE FUNCTION {}(integer) RETURNS integer LANGUAGE sql {} AS 'SELECT 1'"
DEFINER, FIXED = "SECURITY DEFINER", "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"


SHADOWED = (
    "CREATE {} sf.reads({}) {} LANGUAGE sql SECURITY DEFINER SET search_path = sf AS "
    "'INSERT INTO seen SELECT current_user FROM orders'"
)


@pytest.mark.parametrize("kind", ["FUNCTION", "PROCEDURE"])
def test_a_temporary_table_stands_before_the_one_of_a_search_path(
    bench: PostgresBench, kind: str
) -> None:
    """Tried as somebody who may run it: until the fix, and again after the undo."""
    returns, call = ("RETURNS void", "SELECT") if kind == "FUNCTION" else ("", "CALL")
    bench.run(
        "CREATE SCHEMA sf",
        "GRANT USAGE ON SCHEMA sf TO PUBLIC",
        "CREATE TABLE sf.orders (id integer)",
        "CREATE TABLE sf.seen (who text)",
        SHADOWED.format(kind, "", returns),
        "CREATE FUNCTION sf.none() RETURNS integer LANGUAGE sql SECURITY DEFINER "
        "SET search_path = '' AS 'SELECT 1'",
        "CREATE FUNCTION sf.last() RETURNS integer LANGUAGE sql SECURITY DEFINER "
        "SET search_path = sf, pg_temp AS 'SELECT 1'",
        "CREATE FUNCTION sf.first() RETURNS integer LANGUAGE sql SECURITY DEFINER "
        "SET search_path = pg_temp, sf AS 'SELECT 1'",
        "CREATE ROLE sf_user LOGIN",
    )

    def shadows() -> bool:
        bench.run("TRUNCATE sf.seen")
        with bench.admin() as link:
            link.execute("SET ROLE sf_user")
            link.execute("CREATE TEMP TABLE orders AS SELECT 1 AS id")
            link.execute("GRANT SELECT ON orders TO PUBLIC")
            link.execute(f"{call} sf.reads()")
        return bool(bench.rows("SELECT * FROM sf.seen"))

    def told() -> Finding:
        (item,) = found(bench, definer_routine).values()
        return item

    assert shadows()
    finding = told()
    assert all(name in finding.evidence for name in ("sf.reads()", "sf.first()", "temporary table"))
    assert not any(name in finding.evidence for name in ("sf.none", "sf.last"))
    assert finding.about.endswith(", temporary tables first")
    bench.run(*finding.fix.splitlines())
    assert not shadows()
    assert "sf.reads" not in told().evidence
    bench.run(*finding.undo.splitlines())
    assert shadows()
    assert told() == finding
    bench.run("REVOKE TEMP ON DATABASE bench FROM PUBLIC")
    assert found(bench, definer_routine) == {}


def test_routines_with_their_owners_rights_and_their_clean_twins(bench: PostgresBench) -> None:
    bench.run(
        "CREATE ROLE sf_owner",
        "CREATE ROLE sf_user",
        "CREATE SCHEMA sf",
        "CREATE SCHEMA sf_closed",
        "GRANT USAGE ON SCHEMA sf TO PUBLIC",
        ROUTINE.format('sf."o""pen"', DEFINER),
        ROUTINE.format("sf.fixed", FIXED),
        ROUTINE.format("sf.invoker", ""),
        ROUTINE.format("sf.closed", DEFINER),
        "REVOKE EXECUTE ON FUNCTION sf.closed(integer) FROM PUBLIC",
        ROUTINE.format("sf_closed.some", DEFINER),
        "ALTER FUNCTION sf_closed.some(integer) OWNER TO sf_owner",
        "GRANT EXECUTE ON FUNCTION sf_closed.some(integer) TO sf_user",
    )
    items = review([case_of(bench.collect())], FindingRules(), TODAY, [definer_routine]).findings
    by_owner = {item.account: item for item in items}
    assert set(by_owner) == {"postgres", "sf_owner"}
    first, low = by_owner["postgres"], by_owner["sf_owner"]
    assert (first.severity, low.severity) == (Severity.HIGH, Severity.LOW)
    assert (first.about, low.about) == ("bench", "bench")
    assert 'sf.o"pen(integer)' in first.evidence
    assert not any(word in first.evidence for word in ("fixed", "invoker", "closed"))
    for item in items:
        bench.run(*item.fix.splitlines())
    assert not review([case_of(bench.collect())], FindingRules(), TODAY, [definer_routine]).findings
    for item in items:
        bench.run(*item.undo.splitlines())
    again = review([case_of(bench.collect())], FindingRules(), TODAY, [definer_routine]).findings
    assert again == items


def wait_for_setting(bench: PostgresBench, value: str) -> None:
    """The server's main process takes a setting a moment after it was told to."""

    def is_taken() -> bool:
        return bench.rows("SHOW password_encryption") == [(value,)]

    wait_for(is_taken, 30, "the server to take its setting")


def test_new_passwords_by_md5_and_by_scram(bench: PostgresBench) -> None:
    assert not review([case_of(bench.collect())], FindingRules(), TODAY, [weak_storage]).findings
    snapshot = bench.collect()
    facts = tuple(
        replace(item, value="md5") if item.name == "password_encryption" else item
        for item in snapshot.server_facts
    )
    (finding,) = review(
        [case_of(replace(snapshot, server_facts=facts))], FindingRules(), TODAY, [weak_storage]
    ).findings
    assert (finding.account, finding.severity) == ("", Severity.MEDIUM)
    try:
        bench.run(*finding.undo.splitlines())
        wait_for_setting(bench, "md5")
        bench.run(*finding.fix.splitlines())
        wait_for_setting(bench, "scram-sha-256")
    finally:
        bench.run("ALTER SYSTEM RESET password_encryption", "SELECT pg_reload_conf()")
