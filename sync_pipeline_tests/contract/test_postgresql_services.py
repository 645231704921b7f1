"""Managed services of PostgreSQL, emulated on a real server (`postgresql_services.py`)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.findings.review import review
from sync_pipeline.access.judged import Judged
from sync_pipeline.collect.accounts import CollectScope, collect_accounts
from sync_pipeline.model.access import AccessWorld, PowerKind
from sync_pipeline.model.finding import Finding, FindingRules, Review, Severity
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.platform import Platform
from sync_pipeline.model.privilege import SectionKey, SectionName
from sync_pipeline.model.snapshot import SectionStatus, Snapshot
from workbench.emulation.postgresql_services import SERVICES, customer, service_on
from workbench.servers.postgresql_bench import ENGINE, NOW, PostgresBench, Tally, raw

pytestmark = pytest.mark.postgresql

MONITOR = "sync_monitor"


@pytest.fixture(params=SERVICES)
def platform(request: pytest.FixtureRequest) -> Platform:
    chosen: Platform = request.param
    return chosen


@pytest.fixture
def service(platform: Platform, newest_bench: PostgresBench) -> Iterator[PostgresBench]:
    with service_on(newest_bench, platform) as made:
        yield made


@pytest.fixture
def rds(newest_bench: PostgresBench) -> Iterator[PostgresBench]:
    with service_on(newest_bench, Platform.RDS) as made:
        yield made


def make_monitor(service: PostgresBench, platform: Platform) -> None:
    """Run the script as the customer's administrator, who is no superuser."""
    script = ENGINE.platform_script(MONITOR, platform, databases=("postgres", service.database))
    with customer(service).admin("postgres") as link:
        for line in script.splitlines():
            link.execute(raw(line.replace("<password>", "unused")))


def judged(snapshot: Snapshot, platform: Platform | None = None) -> Judged:
    world = AccessWorld(
        "bench",
        EngineName.POSTGRESQL,
        snapshot.server.version,
        {state.name: state for state in snapshot.accounts},
        snapshot.sections,
        NOW,
        snapshot.server.platform if platform is None else platform,
    )
    return Judged(world, ENGINE.access_rules(world))


def reviewed(found: Judged) -> Review:
    return review([Case(found, monitor=MONITOR)], FindingRules(), date(2026, 3, 1))


def told_of(found: Review, account: str) -> dict[str, Finding]:
    return {item.rule: item for item in found.findings if item.account == account}


def test_with_its_script_all_is_read_but_what_is_the_providers(
    service: PostgresBench, platform: Platform
) -> None:
    """Nobody is asked for what nobody can give, and the provider's database is left alone."""
    make_monitor(service, platform)
    monitor = service.target(MONITOR)
    tally = Tally()
    seen = service.collect(monitor, tally=tally)
    assert seen.server.platform is platform
    assert seen.warnings == ()
    assert {report.status for report in seen.unread.values()} <= {SectionStatus.PROVIDERS}
    closed = {key.database for key in seen.unread}
    assert closed >= {SERVICES[platform].database} - {""}
    assert closed == {name for name in ENGINE.closed_databases(platform) if name in seen.databases}
    assert closed.isdisjoint(database for database, _ in tally.statements)
    assert judged(seen).gaps() == ()
    sizes = service.sizes(monitor, tally=tally)
    assert sizes.warnings == ()
    assert sizes.unread == ()
    assert closed.isdisjoint(database for database, _ in tally.statements)


def test_the_providers_accounts_are_labelled_and_the_customers_count_in_full(
    service: PostgresBench, platform: Platform
) -> None:
    service.run("CREATE ROLE other LOGIN", f"GRANT {ENGINE_STAND_IN[platform]} TO other")
    found = judged(service.collect())
    provider = SERVICES[platform].provider
    facts = found.facts(provider)
    assert facts.is_provider
    assert facts.is_built_in
    administrator = found.facts("postgres")
    assert not administrator.is_provider
    assert not administrator.is_built_in
    (power,) = found.powers("postgres", PowerKind.ADMINISTRATOR)
    assert platform.service in power.source
    assert [step.account for step in power.path] == ["postgres", ENGINE_STAND_IN[platform]]
    review = reviewed(found)
    own = ENGINE.provider_accounts(platform)
    assert not {item.account for item in review.findings} & own
    assert told_of(review, "postgres")["service-administrator"].severity is Severity.HIGH
    assert "grant-admin" not in told_of(review, "postgres")
    assert [note for note in review.notes if "provider's own accounts" in note and provider in note]


ENGINE_STAND_IN = {
    Platform.RDS: "rds_superuser",
    Platform.CLOUD_SQL: "cloudsqlsuperuser",
    Platform.ALLOYDB: "alloydbsuperuser",
    Platform.AZURE: "azure_pg_admin",
    Platform.AURORA: "rds_superuser",
    Platform.ALIYUN: "pg_rds_superuser",
}


def test_who_may_become_the_providers_superuser_is_told(rds: PostgresBench) -> None:
    """A label hides nothing: neither the member, nor the role that it is a member of."""
    rds.run("CREATE ROLE sly LOGIN", "GRANT rdsadmin TO sly")
    review = reviewed(judged(rds.collect()))
    assert told_of(review, "sly")["superuser"].severity is Severity.HIGH
    assert told_of(review, "rdsadmin")["superuser"].severity is Severity.INFO


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE ROLE rdsadmin SUPERUSER LOGIN"],
        [
            *("CREATE ROLE rdsadmin SUPERUSER LOGIN", "CREATE ROLE rds_superuser"),
            *("CREATE ROLE rds_iam", "CREATE ROLE rdsrepladmin", "CREATE DATABASE rdsadmin"),
        ],
        ["CREATE ROLE azuresu SUPERUSER LOGIN", "CREATE DATABASE azure_maintenance"],
        ["CREATE ROLE cloudsqladmin SUPERUSER LOGIN", "CREATE ROLE cloudsqlsuperuser"],
    ],
)
def test_names_alone_make_no_service(newest_bench: PostgresBench, statements: list[str]) -> None:
    newest_bench.run(*statements, database="postgres")
    snapshot = newest_bench.collect()
    assert snapshot.server.platform is Platform.SELF_RUN
    assert snapshot.unread == {}
    name = statements[0].split()[2]
    finding = told_of(reviewed(judged(snapshot)), name)["superuser"]
    assert finding.severity is Severity.HIGH


def test_half_of_a_service_is_none(rds: PostgresBench) -> None:
    """The provider's name for the first role alone, or without the stand-in, says nothing."""
    rds.run("ALTER ROLE rds_superuser SUPERUSER")
    assert rds.collect().server.platform is Platform.SELF_RUN
    rds.run("REASSIGN OWNED BY rds_superuser TO rdsadmin", "DROP OWNED BY rds_superuser")
    rds.run("DROP ROLE rds_superuser")
    assert rds.collect().server.platform is Platform.SELF_RUN


def test_a_label_changes_no_right(rds: PostgresBench) -> None:
    """Whatever a server says it is, each account may do what its catalogs say."""
    rds.run(
        "CREATE ROLE app LOGIN",
        "CREATE TABLE orders (id integer)",
        "GRANT SELECT ON orders TO app, rds_iam",
        "GRANT rds_iam TO app",
    )
    snapshot = rds.collect()
    labelled = judged(snapshot)
    for platform in (Platform.SELF_RUN, Platform.CLOUD_SQL, Platform.AZURE):
        other = judged(snapshot, platform)
        for name in labelled.world.accounts:
            assert other.rules.everything(name) == labelled.rules.everything(name)
            kinds = (PowerKind.SUPERUSER, PowerKind.GRANT_ADMIN)
            assert other.powers(name, *kinds) == labelled.powers(name, *kinds)


def test_each_fix_can_be_run_by_the_customer(rds: PostgresBench) -> None:
    """Who is no superuser runs it, and it ends its finding."""
    own = customer(rds)
    own.run("CREATE ROLE second LOGIN CREATEROLE", "CREATE ROLE app LOGIN", database="postgres")
    own.run(
        "CREATE TABLE orders (id integer)",
        "GRANT INSERT ON orders TO PUBLIC",
        "GRANT SELECT ON orders TO app WITH GRANT OPTION",
    )
    rds.run("GRANT rds_superuser TO postgres WITH ADMIN OPTION")
    own.run("GRANT rds_superuser TO second")
    found = reviewed(judged(rds.collect())).findings
    fixes = [item for item in found if item.fix]
    assert {(item.rule, item.account) for item in fixes} >= {
        ("service-administrator", "second"),
        ("grant-option", "app"),
        ("everyone-can-write", "public"),
    }
    with own.admin() as link:
        for item in fixes:
            for line in item.fix.splitlines():
                link.execute(raw(line.partition(" -- ")[0]))
    left = {(item.rule, item.account) for item in reviewed(judged(rds.collect())).findings}
    gone = {(item.rule, item.account) for item in fixes}
    assert left.isdisjoint(gone)


def test_the_last_administrator_and_what_the_provider_gave_have_no_fix(
    rds: PostgresBench,
) -> None:
    found = told_of(reviewed(judged(rds.collect())), "postgres")["service-administrator"]
    assert found.fix == ""
    assert "nobody would be left" in found.left
    rds.run("CREATE ROLE second LOGIN IN ROLE rds_superuser")
    found = told_of(reviewed(judged(rds.collect())), "postgres")["service-administrator"]
    assert found.fix == "", "rdsadmin gave it, and no customer takes that back"
    rds.run("GRANT rds_superuser TO postgres WITH ADMIN OPTION")
    customer(rds).run("GRANT rds_superuser TO second", database="postgres")
    rds.run("REVOKE rds_superuser FROM second GRANTED BY rdsadmin")
    assert told_of(reviewed(judged(rds.collect())), "second")["service-administrator"].fix
    rds.run("ALTER ROLE postgres NOLOGIN")
    now = judged(rds.collect(rds.target("rdsadmin")))
    last = told_of(reviewed(now), "second")["service-administrator"]
    assert (last.fix, "nobody would be left" in last.left) == ("", True)


def test_nothing_is_taken_from_the_last_administrator(bench: PostgresBench) -> None:
    """Before 16 CREATEROLE alone is a way to everything, as a plain server has it."""
    with service_on(bench, Platform.CLOUD_SQL) as service:
        found = told_of(reviewed(judged(service.collect())), "postgres")
        rules = {"superuser"} if service.major < 16 else {"service-administrator"}
        assert rules <= found.keys()
        for rule in rules:
            assert found[rule].fix == ""
            assert found[rule].left


def test_excluded_databases_are_not_opened_and_said_once(newest_bench: PostgresBench) -> None:
    bench = newest_bench
    bench.run(
        "CREATE ROLE app LOGIN",
        "CREATE TABLE orders (id integer)",
        "GRANT SELECT ON orders TO app",
        "REVOKE CONNECT ON DATABASE bench FROM PUBLIC",
        "CREATE ROLE mon LOGIN IN ROLE pg_monitor",
    )
    target, tally = bench.target("mon"), Tally()
    scope = CollectScope("mon", excluded=(r"ben\ch", "template_"))
    snapshot = collect_accounts(ENGINE, bench._opener(target, tally, None), scope, NOW)
    assert {database for database, _ in tally.statements} == {"", "postgres"}
    assert snapshot.warnings == ()
    report = snapshot.sections[SectionKey(SectionName.TABLE, "bench")]
    assert report.status is SectionStatus.EXCLUDED
    found = judged(snapshot)
    assert [line for line in found.gaps() if "database bench" in line] == [
        (
            "bench: database bench was not read (excluded). It is left out by "
            "SYNC_PIPELINE_EXCLUDED_DATABASES."
        )
    ]
    assert found.gaps(SectionName.TABLE) == (), "who asks about another database is not told"
    (orders,) = judged(bench.collect()).rules.securables("table:bench.public.orders")
    decision = found.rules.decide("app", "SELECT", orders)
    assert decision.held == ()
    assert found.sentences(decision.unknown) == (
        (
            "bench: database bench was not read, and could change the answer. It is left out by "
            "SYNC_PIPELINE_EXCLUDED_DATABASES."
        ),
    )
