"""Privileges that reach further than data: who is told of having one, under each engine's rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.findings.dangers import dangerous
from sync_pipeline.access.findings.hashes import hash_reader
from sync_pipeline.access.findings.review import review
from sync_pipeline.access.judged import Judged
from sync_pipeline.engines.access.contract import dangers, definer_routines
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.model.access import AccessWorld, Availability, PowerKind
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.finding import Finding, FindingRules, Severity
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.privilege import Grant, Membership, Securable, SecurableKind
from sync_pipeline.model.server_fact import ServerFact, ServerFacts

NOW = datetime(2026, 11, 30, tzinfo=UTC)
SERVER = Securable(SecurableKind.SERVER)
FAMILY = [(EngineName.MYSQL, "8.4.0"), (EngineName.MARIADB, "11.4.2-MariaDB")]
VERSIONS = {**dict(FAMILY), EngineName.POSTGRESQL: "17.2"}


def user(name: str, *privileges: str, roles: tuple[str, ...] = (), **more: object) -> AccountState:
    grants = tuple(Grant(SERVER, privilege) for privilege in privileges)
    held = tuple(Membership(role, default=True) for role in roles)
    return AccountState(name, AccountKind.USER, True, grants=grants, memberships=held, **more)  # type: ignore[arg-type]


def role(name: str, *privileges: str, **more: object) -> AccountState:
    grants = tuple(Grant(SERVER, privilege) for privilege in privileges)
    return AccountState(name, AccountKind.ROLE, False, grants=grants, **more)  # type: ignore[arg-type]


def case(engine: EngineName, *states: AccountState, monitor: str = "") -> Case:
    world = AccessWorld(
        "db", engine, VERSIONS[engine], {state.name: state for state in states}, asked_at=NOW
    )
    return Case(Judged(world, ENGINES[engine].access_rules(world)), monitor=monitor)


def found(engine: EngineName, *states: AccountState, monitor: str = "") -> list[Finding]:
    items = [case(engine, *states, monitor=monitor)]
    return list(review(items, FindingRules(), NOW.date(), [dangerous]).findings)


@pytest.mark.parametrize(
    ("state", "implied"),
    [
        (user("copies", attributes=(("can_replicate", True),)), "dangerous-privilege"),
        (user("reads", roles=("pg_read_all_data",)), "dangerous-privilege"),
        (user("dumps", roles=("team",), attributes=(("can_replicate", True),)), ""),
    ],
)
def test_hashes_that_come_with_a_danger_are_told_with_it(state: AccountState, implied: str) -> None:
    """Twice the same would be two lines and two fixes of one cause."""
    on = Securable(SecurableKind.TABLE, schema="pg_catalog", name="pg_authid", catalog="d")
    team = AccountState("team", AccountKind.ROLE, False, grants=(Grant(on, "SELECT"),))
    cases = [case(EngineName.POSTGRESQL, state, team, role("pg_read_all_data"))]
    items = review(cases, FindingRules(), NOW.date(), [dangerous, hash_reader]).findings
    own = {item.rule: item for item in items if item.account == state.name}
    assert set(own) == {"dangerous-privilege", "password-hash-reader"}
    assert own["password-hash-reader"].implied == implied


SCRIPTS = {
    EngineName.MARIADB: "sync_pipeline_definer",
    EngineName.MYSQL: "'sync_pipeline_definer'@'%'",
}


@pytest.mark.parametrize("is_locked", [True, False])
def test_the_role_of_the_view_reads_hashes_for_nobody_while_nobody_logs_in(is_locked: bool) -> None:
    grant = Grant(Securable(SecurableKind.TABLE, "mysql", "", "user"), "SELECT")
    names = (SCRIPTS[EngineName.MYSQL], "'other'@'%'")
    states = [
        AccountState(name, AccountKind.USER, True, is_locked=is_locked, grants=(grant,))
        for name in names
    ]
    cases = [case(EngineName.MYSQL, *states, monitor="watcher")]
    items = review(cases, FindingRules(), NOW.date(), [hash_reader]).findings
    assert {item.account for item in items} == set(names[1:] if is_locked else names)


@pytest.mark.parametrize("engine", SCRIPTS)
def test_no_statement_takes_from_the_role_of_the_view(engine: EngineName) -> None:
    """Without it no account is read any more, whatever else may be said of it."""
    state = user(SCRIPTS[engine], "FILE", is_locked=True)
    (finding,) = found(engine, state, monitor="watcher")
    assert (finding.fix, finding.undo) == ("", "")
    (finding,) = found(engine, user("'other'@'%'", "FILE", is_locked=True), monitor="watcher")
    assert finding.fix


@pytest.mark.parametrize("value", ["²", "² x", "٣ x", "1" * 1900 + " x", "-1 x", "1 x", ""])
@pytest.mark.parametrize("engine", [name for name, _ in FAMILY])
def test_a_count_that_is_none(engine: EngineName, value: str) -> None:
    """Python has digits that are no numbers; one routine is not one and none more."""
    facts = ServerFacts([ServerFact("definer", "shop", "left@localhost", value)])
    world = AccessWorld("db", engine, VERSIONS[engine], {}, asked_at=NOW, server=facts)
    (routine,) = definer_routines(ENGINES[engine].access_rules(world))
    assert routine.name == f"shop.{value.partition(' ')[2]}"


@pytest.mark.parametrize("engine", [name for name, _ in FAMILY])
def test_a_privilege_of_the_server_and_its_clean_twin(engine: EngineName) -> None:
    app, twin = user("'app'@'%'", "FILE"), user("'twin'@'%'", "SELECT")
    (finding,) = found(engine, app, twin)
    assert (finding.account, finding.severity, finding.about) == (
        "'app'@'%'",
        Severity.HIGH,
        "FILE",
    )
    assert finding.evidence.startswith("FILE reads and writes files of the server's host")
    assert finding.fix == "REVOKE FILE ON *.* FROM 'app'@'%';"
    assert finding.undo == "GRANT FILE ON *.* TO 'app'@'%';"
    assert finding.left == ""


@pytest.mark.parametrize("engine", [name for name, _ in FAMILY])
def test_several_are_one_finding_that_names_the_worst_first(engine: EngineName) -> None:
    (finding,) = found(engine, user("'app'@'%'", "RELOAD", "PROCESS", "FILE", "SHUTDOWN"))
    assert finding.severity is Severity.HIGH
    assert finding.evidence.startswith("FILE ")
    assert finding.about == "FILE, PROCESS, RELOAD, SHUTDOWN"
    assert len(finding.fix.splitlines()) == 4
    (lesser,) = found(engine, user("'app'@'%'", "RELOAD"))
    assert lesser.severity is Severity.LOW


@pytest.mark.parametrize("engine", [name for name, _ in FAMILY])
def test_a_superuser_has_a_finding_already(engine: EngineName) -> None:
    assert found(engine, user("'dba'@'%'", "SUPER", "FILE")) == []


@pytest.mark.parametrize("engine", [name for name, _ in FAMILY])
def test_a_role_that_gives_it_is_left(engine: EngineName) -> None:
    files = "'files'@'%'" if engine is EngineName.MYSQL else "files"
    items = found(engine, user("'app'@'%'", roles=(files,)), role(files, "FILE"))
    by_name = {item.account: item for item in items}
    assert by_name[files].severity is Severity.INFO
    assert by_name["'app'@'%'"].severity is Severity.HIGH
    assert "REVOKE FILE" in by_name[files].fix
    assert by_name["'app'@'%'"].fix.startswith("REVOKE ")
    assert "FILE" not in by_name["'app'@'%'"].fix


@pytest.mark.parametrize("engine", [name for name, _ in FAMILY])
def test_what_the_script_gives_the_monitoring_account_is_needed(engine: EngineName) -> None:
    monitor = user("'mon'@'%'", "PROCESS", "FILE")
    (finding,) = found(engine, monitor, monitor="mon")
    assert finding.about == "FILE"
    assert found(engine, user("'mon'@'%'", "PROCESS"), monitor="mon") == []
    (other,) = found(engine, user("'mon'@'%'", "PROCESS"), monitor="another")
    assert other.about == "PROCESS"


@pytest.mark.parametrize(
    ("engine", "names"),
    [
        (EngineName.MYSQL, ("BINLOG_ADMIN", "CONNECTION_ADMIN", "SYSTEM_USER", "CLONE_ADMIN")),
        (EngineName.MARIADB, ("BINLOG REPLAY", "READ_ONLY ADMIN", "FEDERATED ADMIN")),
    ],
)
def test_each_product_has_its_own(engine: EngineName, names: tuple[str, ...]) -> None:
    for name in names:
        assert [item.about for item in found(engine, user("'app'@'%'", name))] == [name]
    other = EngineName.MARIADB if engine is EngineName.MYSQL else EngineName.MYSQL
    assert found(other, user("'app'@'%'", *names)) == []


@pytest.mark.parametrize("engine", [name for name, _ in FAMILY])
def test_what_only_shows_a_state_is_no_danger(engine: EngineName) -> None:
    shows = ("REPLICATION CLIENT", "BINLOG MONITOR", "SLAVE MONITOR", "SHOW DATABASES")
    assert found(engine, user("'app'@'%'", *shows)) == []


PG = EngineName.POSTGRESQL


def pg(name: str, *roles: str, login: bool = True, **attributes: object) -> AccountState:
    return AccountState(
        name,
        AccountKind.USER if login else AccountKind.ROLE,
        login,
        attributes=(("inherits", True), *attributes.items()),  # type: ignore[arg-type]
        memberships=tuple(Membership(item, inherit=True, set_role=True) for item in roles),
    )


def parameter(name: str, privilege: str) -> Grant:
    return Grant(Securable(SecurableKind.PARAMETER, name=name), privilege, grantor="postgres")


@pytest.mark.parametrize(
    ("attribute", "word", "severity"),
    [
        ("can_replicate", "REPLICATION", Severity.MEDIUM),
        ("bypasses_row_security", "BYPASSRLS", Severity.MEDIUM),
        ("can_create_databases", "CREATEDB", Severity.LOW),
    ],
)
def test_an_attribute_and_its_clean_twin(attribute: str, word: str, severity: Severity) -> None:
    (finding,) = found(PG, pg("app", **{attribute: True}), pg("twin", **{attribute: False}))
    assert (finding.account, finding.about, finding.severity) == ("app", word, severity)
    assert finding.fix == f'ALTER ROLE "app" NO{word};'
    assert finding.undo == f'ALTER ROLE "app" {word};'


def test_an_attribute_is_not_inherited_and_comes_with_set_role() -> None:
    group = pg("copiers", login=False, can_replicate=True)
    by_name = {item.account: item for item in found(PG, pg("app", "copiers"), group)}
    (power,) = case(PG, pg("app", "copiers"), group).powers("app", PowerKind.DANGEROUS)
    assert power.availability is Availability.AFTER_SET_ROLE
    assert by_name["copiers"].severity is Severity.INFO
    assert "after SET ROLE" in by_name["app"].evidence
    assert by_name["app"].fix == 'REVOKE "copiers" FROM "app";'


def test_predefined_roles_that_reach_all_data() -> None:
    items = found(PG, pg("etl", "pg_write_all_data"), pg("dump", "pg_read_all_data"), pg("x"))
    assert {item.account: (item.severity, item.about) for item in items} == {
        "etl": (Severity.HIGH, "pg_write_all_data"),
        "dump": (Severity.MEDIUM, "pg_read_all_data"),
    }
    assert found(PG, pg("mon", "pg_monitor"), pg("tidy", "pg_maintain")) == []


def test_what_makes_a_superuser_is_not_said_twice() -> None:
    assert found(PG, pg("app", "pg_write_server_files", can_replicate=True)) == []


@pytest.mark.parametrize(
    ("name", "privilege", "severity"),
    [
        ("archive_command", "ALTER SYSTEM", Severity.HIGH),
        ("session_preload_libraries", "SET", Severity.HIGH),
        ("max_connections", "ALTER SYSTEM", Severity.MEDIUM),
        ("session_replication_role", "SET", Severity.MEDIUM),
        ("log_statement", "SET", None),
    ],
)
def test_parameters(name: str, privilege: str, severity: Severity | None) -> None:
    state = AccountState("app", AccountKind.USER, True, grants=(parameter(name, privilege),))
    items = found(PG, state, pg("twin"))
    assert [item.severity for item in items] == ([severity] if severity else [])
    assert all(f'REVOKE {privilege} ON PARAMETER "{name}"' in item.fix for item in items)


@pytest.mark.parametrize("may_set", [True, False])
def test_what_a_superuser_was_granted_is_inherited_of_it(may_set: bool) -> None:
    """Its attributes are not, and who may act as it is one."""
    boss = replace(
        pg("boss", "pg_signal_backend", can_replicate=True),
        is_superuser=True,
        grants=(parameter("max_connections", "ALTER SYSTEM"),),
    )
    held = Membership("boss", inherit=True, set_role=may_set)
    app = replace(pg("app"), memberships=(held,))
    told = {item.account: item.about for item in found(PG, boss, app)}
    own = "ALTER SYSTEM on parameter max_connections, pg_signal_backend"
    assert told == ({} if may_set else {"app": own})


def test_what_everybody_has_is_one_finding() -> None:
    everyone = AccountState(
        "public", AccountKind.PUBLIC, False, grants=(parameter("archive_command", "ALTER SYSTEM"),)
    )
    (finding,) = found(PG, everyone, pg("app"), pg("other"))
    assert (finding.account, finding.severity) == ("public", Severity.CRITICAL)


def test_an_engine_that_tells_of_none_has_none() -> None:
    engine = ENGINES[EngineName.ORACLE]
    world = AccessWorld("db", EngineName.ORACLE, "19.0.0.0.0", {})
    assert dangers(engine.access_rules(world), "X") == ()
