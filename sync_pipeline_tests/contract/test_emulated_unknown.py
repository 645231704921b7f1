"""Unknown things of SQL Server and Oracle, from their catalogs to the answers.

No server of either can be had here: the catalogs are emulated, and have rows that no release
has today.
"""

from __future__ import annotations

import pytest

from sync_pipeline.access.judged import Judged
from sync_pipeline.access.questions import access_of, who_can
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.snapshot import Snapshot
from sync_pipeline_tests.contract import oracle_family
from workbench.emulation import oracle_world, sqlserver_world
from workbench.emulation.oracle import EmulatedOracle
from workbench.emulation.sqlserver_connection import accounts_of


def judged(engine: EngineName, snapshot: Snapshot) -> Judged:
    states = {state.name: state for state in snapshot.accounts}
    world = AccessWorld("i", engine, snapshot.server.version, states, snapshot.sections)
    return Judged(world, ENGINES[engine].access_rules(world))


def sql_server(version: str = "16.0.4125.3") -> sqlserver_world.World:
    world = sqlserver_world.World(version=version)
    sales = world.database("sales")
    world.login("ann", sid=b"ann")
    world.login("bob", sid=b"bob")
    sales.user("ann", sid=b"ann")
    sales.user("bob", sid=b"bob")
    sales.grant("ann", "SELECT", 1, sales.thing("t"))
    sales.thing("other")
    return world


def oracle(server: EmulatedOracle | None = None) -> oracle_world.World:
    world = oracle_world.World(server)
    world.database()
    world.user("HR")
    world.user("ANN")
    world.user("BOB")
    world.grant("SELECT", "HR", "EMP", "ANN")
    return world


def doubts(found: Judged, account: str) -> list[str]:
    return [gap for gap in access_of(found, account).gaps if "Not known, and could" in gap]


def test_what_is_known_is_not_doubted() -> None:
    snapshot = accounts_of(sql_server())
    assert snapshot.warnings == ()
    assert judged(EngineName.SQLSERVER, snapshot).unknown() == ()
    snapshot = oracle_family.snapshot_of(oracle())
    assert snapshot.warnings == ()
    assert judged(EngineName.ORACLE, snapshot).unknown("ANN") == ()


def test_an_unknown_permission_counts_for_what_it_is_on() -> None:
    world = sql_server()
    sales = world.databases["sales"]
    sales.grant("bob", "EMBED", 1, sales.rows["objects"][0]["object_id"])
    snapshot = accounts_of(world)
    (warning,) = snapshot.warnings
    assert "EMBED on table" in warning
    found = judged(EngineName.SQLSERVER, snapshot)
    on_it = who_can([found], "SELECT", "table:sales.dbo.t")
    assert {item.state.name for item in on_it.holders if item.decision.unknown} == {
        "bob",
        "[sales].[bob]",
    }
    assert not on_it.is_complete
    elsewhere = who_can([found], "SELECT", "schema:sales.dbo")
    assert elsewhere.is_complete
    assert doubts(found, "ann") == []


def test_an_unknown_class_counts_for_its_whole_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sqlserver_world.CLASSES, 99, "VECTOR_STORE")
    world = sql_server()
    world.databases["sales"].grant("bob", "SELECT", 99, 7)
    snapshot = accounts_of(world)
    (warning,) = snapshot.warnings
    assert "SELECT on object" in warning
    found = judged(EngineName.SQLSERVER, snapshot)
    unknown = found.rules.decide("bob", "UPDATE", found.rules.securables("sales.dbo.t")[0]).unknown
    assert "VECTOR STORE id 7" in unknown[-1]


def test_principals_of_unknown_types_are_doubted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sqlserver_world.LOGIN_TYPES, "P", "PASSKEY_LOGIN")
    monkeypatch.setitem(sqlserver_world.USER_TYPES, "P", "PASSKEY_USER")
    world = sql_server()
    world.login("key", "P", sid=b"key")
    world.databases["sales"].user("key", type_="P", sid=b"key")
    snapshot = accounts_of(world)
    (warning,) = snapshot.warnings
    assert "type PASSKEY_LOGIN" in warning
    assert "type PASSKEY_USER" in warning
    found = judged(EngineName.SQLSERVER, snapshot)
    assert len(doubts(found, "key")) == 2
    assert doubts(found, "ann") == []


@pytest.mark.parametrize(
    ("engine", "version"),
    [(EngineName.SQLSERVER, "17.0.1000.7"), (EngineName.ORACLE, "23.26.0.0.0")],
)
def test_a_newer_release_changes_no_account_and_makes_no_answer_certain(
    engine: EngineName, version: str
) -> None:
    if engine is EngineName.SQLSERVER:
        before, after = accounts_of(sql_server()), accounts_of(sql_server(version))
    else:
        before = oracle_family.snapshot_of(oracle(EmulatedOracle((23,), "23.9.0.25.07")))
        after = oracle_family.snapshot_of(oracle(EmulatedOracle((23,), version)))
    assert before.warnings == ()
    assert after.accounts == before.accounts
    (warning,) = after.warnings
    assert version in warning
    text = "table:sales.dbo.t" if engine is EngineName.SQLSERVER else "HR.EMP"
    known, newer = (who_can([judged(engine, item)], "SELECT", text) for item in (before, after))
    assert [item.state.name for item in newer.holders] == [
        item.state.name for item in known.holders
    ]
    assert not newer.is_complete
    assert len(newer.gaps) == len(known.gaps) + 1


def test_an_unknown_system_privilege_counts_for_everything_in_the_database() -> None:
    world = oracle()
    world.role("TEAM")
    world.grant_system("EMBED ANY TABLE", "TEAM")
    world.grant_role("TEAM", "BOB")
    snapshot = oracle_family.snapshot_of(world)
    (warning,) = snapshot.warnings
    assert "EMBED ANY TABLE on server" in warning
    found = judged(EngineName.ORACLE, snapshot)
    answer = who_can([found], "SELECT", "HR.EMP")
    unsure = {item.state.name for item in answer.holders if item.decision.unknown}
    assert {"BOB", "TEAM"} <= unsure
    assert "ANN" not in unsure
    assert doubts(found, "ANN") == []


@pytest.mark.parametrize(
    ("column", "value", "named"),
    [
        ("account_status", "OPEN & FROZEN", "account status FROZEN"),
        ("authentication_type", "PASSKEY", "authentication type PASSKEY"),
    ],
)
def test_unknown_states_of_an_account_are_doubted(column: str, value: str, named: str) -> None:
    world = oracle()
    world.user("NEW", **{column: value})
    snapshot = oracle_family.snapshot_of(world)
    (warning,) = snapshot.warnings
    assert named in warning
    found = judged(EngineName.ORACLE, snapshot)
    (gap,) = doubts(found, "NEW")
    assert named in gap
    assert doubts(found, "ANN") == []
