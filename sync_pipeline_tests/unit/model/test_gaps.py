"""What was not read is told once, in the same words and by the same rule, on every engine."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from sync_pipeline.access.judged import Judged
from sync_pipeline.access.questions import access_of, compare, who_can
from sync_pipeline.cli.access import _comparison
from sync_pipeline.cli.holders import _holder_rows, holder_json
from sync_pipeline.engines.base import Grantee
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.errors import PrivilegeError
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.gap import Gap
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.past import Which
from sync_pipeline.model.privilege import (
    OF_SERVER,
    Grant,
    SectionKey,
    SectionName,
    Securable,
    SecurableKind,
)
from sync_pipeline.model.snapshot import SectionReport, SectionStatus, ServerIdentity
from workbench.strategies.any_engine import SHAPES, newest
from workbench.strategies.sqlserver_worlds import world as sqlserver_world

every_engine = pytest.mark.parametrize("engine", list(EngineName))
READ = SectionReport(SectionStatus.READ)
NEEDS = "GRANT VIEW ANY DEFINITION TO [mon];"
DENIED = SectionReport(SectionStatus.DENIED, f"VIEW DEFINITION is missing. It needs: {NEEDS}")
SQLSERVER = EngineName.SQLSERVER
IN_DATABASES = (EngineName.POSTGRESQL, EngineName.SQLSERVER)


def table_of(engine: EngineName) -> Securable:
    return next(on for on in SHAPES[engine].securables if on.kind is SecurableKind.TABLE)


def table_section(engine: EngineName) -> SectionKey:
    return SectionKey(SectionName.TABLE, "shop" if engine in IN_DATABASES else "")


def synced(engine: EngineName) -> dict[SectionKey, SectionReport]:
    """Return what a sync reports of a server with one database, where all is read."""
    return {
        SectionKey(name, "shop" if query.per_database else ""): READ
        for query in ENGINES[engine].account_queries
        for name in query.fills
    }


def judged(engine: EngineName, sections: dict[SectionKey, SectionReport]) -> Judged:
    """Return a world in which the second account has a table that the first has not."""
    accounts = {
        name: AccountState(
            name,
            AccountKind.PUBLIC if name.lower() == "public" else AccountKind.USER,
            can_login=True,
            database="shop" if engine is EngineName.SQLSERVER else "",
            grants=(Grant(table_of(engine), "SELECT"),) if place == 1 else (),
        )
        for place, name in enumerate(SHAPES[engine].names)
    }
    world = AccessWorld("i", engine, newest(engine), accounts, sections)
    return Judged(world, ENGINES[engine].access_rules(world))


def unknown(engine: EngineName, sections: dict[SectionKey, SectionReport]) -> tuple[Gap, ...]:
    rules = judged(engine, sections).rules
    return rules.decide(SHAPES[engine].names[0], "SELECT", table_of(engine)).unknown


@every_engine
def test_a_section_that_was_not_read_is_a_typed_gap_with_its_grant(engine: EngineName) -> None:
    key = table_section(engine)
    (gap,) = unknown(engine, {**synced(engine), key: DENIED})
    assert (gap.what, gap.section, gap.database) == (str(key), key, key.database)
    assert (gap.status, gap.why) == (SectionStatus.DENIED, "VIEW DEFINITION is missing.")
    assert gap.needs == NEEDS


@every_engine
def test_what_people_read_is_one_sentence_wherever_it_is_told(engine: EngineName) -> None:
    key = table_section(engine)
    asked = judged(engine, {**synced(engine), key: DENIED})
    ann, bob = SHAPES[engine].names[:2]
    on = table_of(engine)
    path = ".".join(part for part in (on.database, on.schema, on.name) if part)
    found = who_can([asked], "SELECT", f"table:{path}")
    because = f"VIEW DEFINITION is missing. It needs: {NEEDS}"
    assert f"i: {key} was not read, and could change the answer. {because}" in found.gaps
    assert f"i: {key} was not read (denied). {because}" in access_of(asked, ann).gaps
    (row,) = (
        row
        for holder in found.holders
        if holder.state.name == ann
        for row in _holder_rows(holder, all_paths=False)
    )
    assert f"{key} not read" in row
    difference = compare(asked, ann, asked, bob)
    texts = [*found.gaps, *difference.gaps, *map(str, row)]
    assert not [text for text in texts if re.search(r"not read.*not read|\.[.:;,]|\. [a-z]", text)]


@every_engine
def test_scripts_read_the_name_as_before_and_the_parts_beside_it(engine: EngineName) -> None:
    key = table_section(engine)
    asked = judged(engine, {**synced(engine), key: DENIED})
    ann, bob = SHAPES[engine].names[:2]
    on = table_of(engine)
    path = ".".join(part for part in (on.database, on.schema, on.name) if part)
    (holder,) = (
        item
        for item in map(holder_json, who_can([asked], "SELECT", f"table:{path}").holders)
        if item["account"] == ann
    )
    parts = {"what": str(key), "status": "denied", "section": str(key), "needs": NEEDS}
    parts |= {"why": "VIEW DEFINITION is missing."}
    parts |= {"database": "shop"} if engine in IN_DATABASES else {}
    assert (holder["unknown"], holder["gaps"]) == ([str(key)], [parts])
    (item,) = (
        item
        for item in _comparison(compare(asked, ann, asked, bob), Which("i", ann), Which("i", bob))[
            "differences"
        ]
        if item["privilege"] == "SELECT"
    )
    assert (item["unknown"], item["gaps"]) == ([str(key)], [parts])


@pytest.mark.parametrize("engine", [EngineName.MYSQL, EngineName.MARIADB])
def test_the_family_reads_every_kind_of_grant_that_it_has(engine: EngineName) -> None:
    name = SectionName
    assert {key.name for key in synced(engine)} - OF_SERVER == {
        *(name.ACCOUNTS, name.MEMBERSHIPS, name.SERVER, name.DATABASE),
        *(name.TABLE, name.COLUMN, name.ROUTINE, name.PROXY),
    }


@every_engine
def test_nothing_is_unread_after_a_whole_sync(engine: EngineName) -> None:
    asked = judged(engine, synced(engine))
    for name in SHAPES[engine].names:
        for on in SHAPES[engine].securables:
            decision = asked.rules.decide(name, "SELECT", on)
            assert not [gap for gap in decision.unknown if gap.status is not None], (name, on)


@every_engine
def test_a_section_that_a_sync_left_out_is_unread_on_every_engine(engine: EngineName) -> None:
    """A section that only a newer release of this system reads was never asked for."""
    whole = synced(engine)
    counted = {gap.section for gap in unknown(engine, dict.fromkeys(whole, DENIED))}
    assert {SectionName.ACCOUNTS, SectionName.TABLE} <= {key.name for key in counted if key}
    for key in whole:
        left = {other: report for other, report in whole.items() if other != key}
        gaps = unknown(engine, left)
        assert gaps == ((str(key),) if key in counted else ()), key
        assert [gap.told for gap in gaps] == [
            f"{gap} was not read (skipped). It was never read." for gap in gaps
        ]


@every_engine
@pytest.mark.parametrize("status", list(SectionStatus))
def test_only_what_was_read_or_is_not_there_is_known(
    engine: EngineName, status: SectionStatus
) -> None:
    key = table_section(engine)
    found = unknown(engine, {**synced(engine), key: SectionReport(status)})
    is_known = status in (SectionStatus.READ, SectionStatus.NOT_APPLICABLE)
    assert found == (() if is_known else (str(key),))


@every_engine
def test_what_was_never_synced_is_said_as_a_whole(engine: EngineName) -> None:
    asked = judged(engine, {})
    assert not [gap for gap in unknown(engine, {}) if gap.status is not None]
    assert asked.gaps() == ("i was never synced: nothing is known of it.",)


def test_a_database_of_which_nothing_was_read_is_one_gap() -> None:
    of = replace(sqlserver_world("login ted; user shop.ted ted"), sections=synced(SQLSERVER))
    on = Securable(SecurableKind.DATABASE, "archive", catalog="archive")
    (gap,) = ENGINES[SQLSERVER].access_rules(of).decide("ted", "SELECT", on).unknown
    assert gap.sentence == (
        "database archive was not read, and could change the answer. It was never read."
    )


@pytest.mark.parametrize(
    ("reason", "why", "needs"),
    [
        ("", "", ""),
        ("The detail level is server.", "The detail level is server.", ""),
        ("It needs: GRANT X TO m;", "", "GRANT X TO m;"),
        ("Refused. It needs: USE [a]; GRANT X;", "Refused.", "USE [a]; GRANT X;"),
    ],
)
def test_reasons_that_were_stored_before_still_read(reason: str, why: str, needs: str) -> None:
    gap = Gap.of_section(SectionKey(SectionName.TABLE), SectionReport(SectionStatus.DENIED, reason))
    assert (gap.why, gap.needs) == (why, needs)
    assert gap.told == f"grants.table was not read (denied).{' ' if reason else ''}{reason}"


def test_no_statement_of_a_server_is_told_as_ours() -> None:
    said = "it failed. It needs: DROP DATABASE x;"
    failed = SectionReport(SectionStatus.FAILED, said)
    gap = Gap.of_section(SectionKey(SectionName.TABLE), failed)
    assert (gap.why, gap.needs) == (said, "")
    engine = ENGINES[EngineName.ORACLE]
    query = replace(engine.account_queries[0], needs="GRANT X TO {user};", variants=(), made=())
    for needs, wanted in (("GRANT X TO {user};", "GRANT X TO MON;"), ("", "")):
        error = PrivilegeError(f"Oracle refused: {said}")
        grantee = Grantee(engine, ServerIdentity("1", (1,)), "mon")
        error.hint = grantee.told(error, replace(query, needs=needs))
        report = SectionReport(SectionStatus.DENIED, str(error))
        assert Gap.of_section(SectionKey(SectionName.TABLE), report).needs == wanted


def test_what_no_catalog_tells_is_told_as_that() -> None:
    gap = Gap("what FROBNICATE means")
    assert gap.sentence == "Not known, and could change the answer: what FROBNICATE means."
    assert (gap.phrase, gap) == ("not known: what FROBNICATE means", "what FROBNICATE means")
