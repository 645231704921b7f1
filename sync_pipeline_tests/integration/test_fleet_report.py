"""The report: its numbers are the commands' numbers, and a team's tells of no other team."""

from __future__ import annotations

import csv
import io
import random
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import openpyxl
import pytest
from sqlalchemy import update

from sync_pipeline.catalogs import LANGUAGES, catalog_of
from sync_pipeline.model.access import PowerKind
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.change import ChangeType
from sync_pipeline.model.finding import Finding, Review, Severity
from sync_pipeline.model.growth import Forecast, Growth, GrowthTrend
from sync_pipeline.model.instance import EngineName, Instance, Selection
from sync_pipeline.model.privilege import (
    Membership,
    SectionKey,
    SectionName,
    Securable,
    SecurableKind,
)
from sync_pipeline.model.report import (
    AdministratorNews,
    CapacityReport,
    ChangeNews,
    FindingNews,
    FleetReport,
    Gap,
    PowerSpell,
    ReportFormat,
    ToldChange,
)
from sync_pipeline.model.snapshot import SectionReport, SectionStatus
from sync_pipeline.report.csv_cells import restored
from sync_pipeline.report.mail_text import mail_subject, mail_text
from sync_pipeline.report.rendering import rendered
from sync_pipeline.report.texts import PACKAGE, ReportTexts
from sync_pipeline.settings import Settings
from sync_pipeline.store.schema import instance_worlds
from sync_pipeline.store.store import Store
from sync_pipeline.web.serve import NoSecrets
from sync_pipeline.workflows.answers.administrators import administrator_news
from sync_pipeline.workflows.answers.reporting import Asked, fleet_report
from sync_pipeline.workflows.dependencies import SyncDeps
from workbench.benches.command import Command, command_at
from workbench.benches.store_bench import StoreBench, whole_snapshot
from workbench.fleet.teams import HOSTILE, NOW, Team, fill
from workbench.servers.fixtures_store import STORES, MadeStore, StoreServer, a_store
from workbench.servers.statements import counted

SINCE = NOW - timedelta(minutes=65)
OWN, OTHER = Team("blue", 3), Team("ruby", 3)
ENGLISH, CHINESE = ReportTexts("en"), ReportTexts("zh")


def opened(store: Store, home: Path, **more: Any) -> SyncDeps:
    return SyncDeps(store, NoSecrets(), Settings(home=home, **more), lambda: NOW)


def tables_of(archive: bytes) -> dict[str, list[list[str]]]:
    """Return the rows of each CSV of an archive, as a spreadsheet reads them."""
    with ZipFile(io.BytesIO(archive)) as found:
        return {
            name.removesuffix(".csv"): [
                [restored(cell) for cell in row]
                for row in csv.reader(io.StringIO(found.read(name).decode("utf-8-sig"), newline=""))
            ]
            for name in found.namelist()
        }


@pytest.fixture(scope="module", params=STORES)
def made_store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MadeStore]:
    """A store with a generated fleet, of which each test has a copy."""
    directory = tmp_path_factory.mktemp("fleet")
    servers = request.getfixturevalue("store_server") if request.param == "postgresql" else None
    with a_store(directory, servers) as made:
        store = Store.open(made.url)
        fill(store, (replace(OTHER, instances=5), OWN), 11, sessions=4)
        store.close()
        yield made


@pytest.fixture
def filled(
    made_store: MadeStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Command]:
    """The command on a generated fleet, in either store."""
    with (
        made_store.copied(tmp_path) as url,
        command_at(tmp_path / "home", NOW, monkeypatch, capsys) as made,
    ):
        monkeypatch.setenv("SYNC_PIPELINE_STORE_URL", url)
        yield made


def test_its_numbers_are_those_of_the_commands(filled: Command, tmp_path: Path) -> None:
    since = SINCE.isoformat()
    path = tmp_path / "report.zip"
    filled.ok("report", "--since", since, "--output", str(path))
    tables = tables_of(path.read_bytes())
    numbers = dict(tables["summary"][1:])

    found = filled.run("findings", "--json").json
    for severity, count in found["counts"].items():
        assert numbers[f"{severity}, open"] == str(count)
    assert numbers["findings accepted"] == str(len(found["accepted"]))
    assert len(tables["findings"]) - 1 == len(found["findings"])
    assert [row[:4] for row in tables["findings"][1:]] == [
        [item["severity"], item["instance"], item["account"], item["rule"]]
        for item in found["findings"]
    ]

    trend = filled.ok("findings", "trend", "--days", "90", "--json").json
    assert tables["finding_days"][1:] == [
        [item["day"], item["severity"], *(str(item[name]) for name in ("new", "resolved", "open"))]
        for item in trend
    ]

    changes = filled.ok("accounts", "changes", "--since", since, "--limit", "100000", "--json").json
    told = [item for item in changes if not item["is_baseline"] and item["lines"]]
    assert len(told) > 20
    assert numbers["changes of accounts"] == str(len(told))
    kinds = Counter(row[3] for row in tables["changes"][1:])
    kinds.pop("first_sync", None)
    assert kinds == Counter(item["change_type"] for item in told)

    forecast = filled.ok("capacity", "forecast", "--json").json
    assert [(row[0], row[2]) for row in tables["instances"][1:]] == [
        (item["instance"], str(item["last_bytes"])) for item in forecast
    ]
    near = [item for item in forecast if (item["days_until_limit"] or 999) <= 90]
    assert {row[0] for row in tables["near_limits"][1:] if not row[1]} >= {
        item["instance"] for item in near
    }
    for name, by in (("largest", "size"), ("growing", "growth")):
        top = filled.ok("capacity", "top", "--by", by, "--limit", "15", "--json").json
        assert [row[:3] for row in tables[name][1:]] == [
            [item["instance"], item["database"], str(item["total_bytes"])] for item in top
        ]


def test_administrators_are_those_of_the_commands(filled: Command, tmp_path: Path) -> None:
    """Who has a power now and had it not then, by two answers of another command."""
    path = tmp_path / "report.zip"
    filled.ok("report", "--since", SINCE.isoformat(), "--output", str(path))
    tables = tables_of(path.read_bytes())
    first = {row[0] for row in tables["first_reads"][1:]}
    seen = 0
    for power in ("superuser", "grant admin", "dangerous privilege"):
        asked = ("--capability", power, "--json")
        listed = filled.run("accounts", "list", "--limit", "100000", *asked).json
        now = {(item["instance"], item["state"]["name"]) for item in listed}
        past = filled.run("accounts", "at", "--time", SINCE.isoformat(), *asked).json
        then = {(item["instance"], item["state"]["name"]) for item in past}
        new = {(row[0], row[1]) for row in tables["new_administrators"][1:] if row[2] == power}
        gone = {(row[0], row[1]) for row in tables["gone_administrators"][1:] if row[2] == power}
        # Who lost it and has it again is new and gone.
        assert {pair for pair in now - then if pair[0] not in first} <= new <= now
        assert then - now <= gone
        assert not (new - gone) & then
        seen += len(new) + len(gone)
    assert seen > 2


@pytest.fixture(scope="module")
def two_made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[MadeStore]]:
    """A store of two teams, and one of the first of them alone; each test has copies."""
    own = replace(OWN, instances=4, hostile=HOSTILE)
    with ExitStack() as stack:
        found = []
        for teams in ((OTHER, own), (own,)):
            made = stack.enter_context(a_store(tmp_path_factory.mktemp("teams")))
            store = Store.open(made.url)
            fill(store, teams, 7, sessions=4)
            store.close()
            found.append(made)
        yield found


@pytest.fixture
def two_stores(two_made: list[MadeStore], tmp_path: Path) -> Iterator[list[SyncDeps]]:
    """A store of two teams, and one of the first of them alone."""
    rules = tmp_path / "findings.yaml"
    rules.write_text(
        f'suppressions:\n  - {{rule: superuser, instance: "%{OTHER.word}%", '
        f'reason: "{OTHER.word} knows", until: 2026-01-01}}\n'
    )
    with ExitStack() as stack:
        found = []
        for number, made in enumerate(two_made):
            url = stack.enter_context(made.copied(tmp_path / str(number)))
            store = stack.enter_context(closing(Store.open(url)))
            found.append(opened(store, tmp_path, findings_file=rules))
        yield found


def test_a_team_s_report_tells_of_no_other_team(two_stores: list[SyncDeps]) -> None:
    """Every byte is that of a store which has this team alone."""
    selection = Selection(tags=(OWN.tag,))
    reports = [fleet_report(deps, Asked(selection, SINCE)) for deps in two_stores]
    of_all = fleet_report(two_stores[0], Asked(Selection(), SINCE))
    assert reports[0].changes.changes
    assert reports[0].administrators.spells
    assert reports[0].failures
    for texts in (ENGLISH, CHINESE):
        for form in ReportFormat:
            two, one = (rendered(report, form, texts) for report in reports)
            assert two == one, form
            assert OTHER.word.encode() not in two
        assert OTHER.word in rendered(of_all, ReportFormat.HTML, texts).decode()
        mails = {mail_subject(report, texts) + mail_text(report, texts) for report in reports}
        assert len(mails) == 1


def test_a_team_s_report_on_postgresql_is_that_on_sqlite(
    tmp_path: Path, store_server: StoreServer
) -> None:
    selection = Selection(tags=(OWN.tag,))
    with store_server.store() as url:
        store = Store.open(url)
        fill(store, (OTHER, replace(OWN, instances=4)), 7, sessions=4)
        sqlite = Store.open(f"sqlite:///{tmp_path}/plain.db")
        fill(sqlite, (OTHER, replace(OWN, instances=4)), 7, sessions=4)
        both = [opened(item, tmp_path) for item in (store, sqlite)]
        pages = [
            rendered(fleet_report(deps, Asked(selection, SINCE)), ReportFormat.HTML, ENGLISH)
            for deps in both
        ]
        sqlite.close()
        store.close()
    assert pages[0] == pages[1]


@pytest.mark.parametrize("texts", [ENGLISH, CHINESE], ids=LANGUAGES)
def test_hostile_names_are_text_in_every_format(
    two_stores: list[SyncDeps], texts: ReportTexts
) -> None:
    report = fleet_report(two_stores[0], Asked(Selection(), NOW - timedelta(hours=2)))
    page = rendered(report, ReportFormat.HTML, texts).decode()
    assert "&lt;script&gt;alert" in page
    assert not any(
        text in page for text in ("<script", "<img", "\u202e", "\x00", "\u200b", "http:")
    )
    archive = rendered(report, ReportFormat.CSV, texts)
    with ZipFile(io.BytesIO(archive)) as found:
        cells = [
            cell
            for name in found.namelist()
            for row in csv.reader(io.StringIO(found.read(name).decode("utf-8-sig"), newline=""))
            for cell in row
        ]
    assert any(cell.startswith("'=HYPERLINK") for cell in cells)
    assert not any(cell.lstrip().startswith(("=", "+", "@", "\t")) for cell in cells)
    book = openpyxl.load_workbook(io.BytesIO(rendered(report, ReportFormat.XLSX, texts)))
    kinds = Counter(cell.data_type for sheet in book for row in sheet for cell in row)
    assert set(kinds) <= {"s", "n", "d"}
    values = [str(cell.value) for sheet in book for row in sheet for cell in row if cell.value]
    assert "=HYPERLINK(1)" in values
    assert not any(sign in value for value in values for sign in ("\u202e", "\x1b", "\u200b"))
    assert [sheet.title for sheet in book] == [
        catalog_of(PACKAGE, texts.language)[f"sheet.{name}"] for name in tables_of(archive)
    ]


def test_every_language_has_every_text_and_its_values() -> None:
    english = catalog_of(PACKAGE, "en")
    for language in LANGUAGES:
        own = catalog_of(PACKAGE, language)
        assert own.keys() == english.keys()
        for key, text in own.items():
            assert text.strip(), key
            assert sorted(re.findall(r"{\w*}", text)) == sorted(re.findall(r"{\w*}", english[key]))
        sheets = [text for key, text in own.items() if key.startswith("sheet.")]
        assert len({text.lower() for text in sheets}) == len(sheets)
        assert all(len(text) <= 31 and not set(text) & set("[]:*?/\\'") for text in sheets)


def test_the_report_of_2000_instances_stays_small() -> None:
    """Generated records, as many as a large fleet has, with long texts."""
    chance = random.Random(1)
    names = [f"instance-{number:05}.db.example.net" for number in range(2000)]
    day = date(2026, 11, 30)
    ahead = tuple(Forecast(days, 10**12, 10**12, 10**12) for days in (30, 90))
    growths = tuple(
        Growth(name, "", day, chance.randrange(10**13), 90, 1e9, 1e9, 1e9, ahead, 10**14,
               chance.uniform(1, 900), trend=GrowthTrend.GROWING)
        for name in names
    )  # fmt: skip
    findings = tuple(
        Finding(name, EngineName.POSTGRESQL, f"account{number}", "superuser",
                chance.choice(list(Severity)), "It may do everything. " * 10,
                fix="ALTER ROLE x;\n" * 5, undo="ALTER ROLE x;\n" * 5)
        for name in names
        for number in range(10)
    )  # fmt: skip
    at = datetime(2026, 11, 30, tzinfo=UTC)
    spells = tuple(
        PowerSpell(name, "a" * 10_000, PowerKind.SUPERUSER, at, None, "a → b") for name in names
    )
    changes = tuple(
        ToldChange(at, name, "some account", ChangeType.MODIFY_PRIVILEGE, ("GRANT x " * 20,) * 20)
        for name in names
        for _ in range(2)
    )
    report = FleetReport(
        generated_at=at, time_zone="UTC", since=at - timedelta(days=7), until=at,
        capacity=CapacityReport(
            day - timedelta(days=400), day, instances=growths, near=growths,
            gaps=tuple(Gap(name, day, day) for name in names),
        ),
        instances=2000, changes=ChangeNews({ChangeType.MODIFY_PRIVILEGE: 4000}, changes),
        administrators=AdministratorNews(spells), findings=FindingNews(Review(findings)),
    )  # fmt: skip
    sizes = {form: len(rendered(report, form, ENGLISH)) for form in ReportFormat}
    assert sizes[ReportFormat.HTML] < 2 * 10**6, sizes
    assert max(sizes.values()) < 10 * 10**6, sizes


SERVER = Securable(SecurableKind.SERVER)
SUPER = AccountState("boss", AccountKind.USER, can_login=True, is_superuser=True)
ALICE = AccountState("alice", AccountKind.USER, can_login=True)


def role(name: str, *of: str, is_superuser: bool = False) -> AccountState:
    return AccountState(
        name,
        AccountKind.ROLE,
        can_login=False,
        is_superuser=is_superuser,
        memberships=tuple(Membership(item) for item in of),
    )


@pytest.fixture
def history(store: Store, tmp_path: Path) -> tuple[StoreBench, Instance, SyncDeps]:
    """An instance whose first sync was eight hours ago."""
    bench = StoreBench(store, NOW - timedelta(hours=8))
    (item,) = bench.fleet("billing")
    deps = SyncDeps(store, NoSecrets(), Settings(home=tmp_path), lambda: NOW)
    return bench, item, deps


def told(deps: SyncDeps, hours: int = 7) -> list[tuple[Any, ...]]:
    """Return the spells of superusers: who, from when to when, in hours before now."""
    asked = Asked(Selection(), NOW - timedelta(hours=hours))
    news = fleet_report(deps, asked).administrators
    return [
        (
            item.account,
            *(at and (NOW - at) // timedelta(hours=1) for at in (item.since, item.until)),
        )
        for item in news.spells
        if item.power is PowerKind.SUPERUSER
    ]


def test_power_through_nested_roles_comes_and_goes(
    history: tuple[StoreBench, Instance, SyncDeps],
) -> None:
    bench, item, deps = history
    roles = role("top", is_superuser=True), role("middle", "top"), role("low", "middle")
    member = replace(ALICE, memberships=(Membership("low"),))
    bench.apply(item, SUPER, ALICE, *roles)
    assert told(deps) == []
    for hours, alice in ((6, member), (5, ALICE), (4, member)):
        bench.now = NOW - timedelta(hours=hours)
        bench.apply(item, SUPER, alice, *roles)
    assert told(deps) == [("alice", 6, 5), ("alice", 4, None)]
    (spell, _) = [
        found
        for found in fleet_report(
            deps, Asked(Selection(), NOW - timedelta(hours=7))
        ).administrators.spells
        if found.power is PowerKind.SUPERUSER
    ]
    assert spell.path.startswith("alice → low")
    # It began before the time of the report: nobody is new, and one was gone meanwhile.
    assert told(deps, 3) == []
    bench.now = NOW - timedelta(hours=2)
    bench.apply(item, SUPER, member, role("top"), role("middle", "top"), role("low", "middle"))
    assert ("alice", None, 2) in told(deps, 3)
    assert ("alice", 4, 2) in told(deps)


def test_who_is_dropped_and_made_again_is_gone_and_new(
    history: tuple[StoreBench, Instance, SyncDeps],
) -> None:
    bench, item, deps = history
    bench.apply(item, SUPER, ALICE)
    for hours, accounts in ((5, (ALICE,)), (3, (SUPER, ALICE))):
        bench.now = NOW - timedelta(hours=hours)
        bench.apply(item, *accounts)
    assert told(deps) == [("boss", None, 5), ("boss", 3, None)]


def test_a_first_sync_is_no_news(history: tuple[StoreBench, Instance, SyncDeps]) -> None:
    bench, item, deps = history
    bench.now = NOW - timedelta(hours=2)
    bench.apply(item, SUPER, ALICE)
    news = fleet_report(deps, Asked(Selection(), NOW - timedelta(hours=7))).administrators
    assert news.spells == ()
    assert [(found.instance, found.administrators) for found in news.first_reads] == [
        ("billing", 1)
    ]


def test_what_a_section_shows_that_was_not_readable_is_not_surely_new(
    history: tuple[StoreBench, Instance, SyncDeps],
) -> None:
    bench, item, deps = history
    whole = whole_snapshot((SUPER, ALICE), bench.now)
    key = SectionKey(SectionName.MEMBERSHIPS)
    denied = SectionReport(SectionStatus.DENIED, "Grant it.")
    session = bench.open([item])
    unread = replace(whole, sections={**whole.sections, key: denied})
    bench.apply_snapshot(bench.claim(session, item), item, unread)
    bench.now = NOW - timedelta(hours=2)
    bench.apply(item, SUPER, replace(ALICE, is_superuser=True))
    news = fleet_report(deps, Asked(Selection(), NOW - timedelta(hours=7))).administrators
    (spell,) = [found for found in news.new if found.power is PowerKind.SUPERUSER]
    assert (spell.account, spell.is_certain) == ("alice", False)


def test_what_the_first_sync_could_not_read_is_not_surely_new(
    history: tuple[StoreBench, Instance, SyncDeps],
) -> None:
    bench, item, deps = history
    whole = whole_snapshot((SUPER, ALICE), bench.now)
    denied = SectionReport(SectionStatus.DENIED, "Grant it.")
    session = bench.open([item])
    sections = {**whole.sections, SectionKey(SectionName.MEMBERSHIPS): denied}
    bench.apply_snapshot(bench.claim(session, item), item, replace(whole, sections=sections))
    bench.now = NOW - timedelta(hours=2)
    bench.apply(item, SUPER, replace(ALICE, is_superuser=True))
    for hours, is_certain in ((9, False), (7, False)):
        asked = Asked(Selection(), NOW - timedelta(hours=hours))
        news = fleet_report(deps, asked).administrators
        (spell,) = [found for found in news.new if found.power is PowerKind.SUPERUSER]
        assert (spell.account, spell.is_certain) == ("alice", is_certain)


def test_one_instance_that_is_damaged_costs_the_others_nothing(
    store: Store, tmp_path: Path
) -> None:
    bench = StoreBench(store, NOW - timedelta(hours=8))
    fleet = bench.fleet("one", "other", "third")
    deps = SyncDeps(store, NoSecrets(), Settings(home=tmp_path), lambda: NOW)
    for hours, accounts in ((8, (SUPER, ALICE)), (2, (SUPER, replace(ALICE, is_superuser=True)))):
        bench.now = NOW - timedelta(hours=hours)
        for item in fleet:
            bench.apply(item, *accounts)
    damage = update(instance_worlds).where(instance_worlds.c.instance_id == fleet[0].id)
    with store._database.write() as connection:
        connection.execute(damage.values(accounts=b"x"))
    news = administrator_news(deps, fleet, NOW - timedelta(hours=7))
    assert [spell.instance for spell in news.spells] == ["other", "third"]
    (note,) = news.notes
    assert note.startswith("one: ")


@pytest.mark.parametrize("is_first", [False, True])
def test_changed_instances_take_as_many_statements_as_one(
    store: Store, tmp_path: Path, is_first: bool
) -> None:
    """Those that are read together: three or twelve, first syncs and others."""
    bench = StoreBench(store, NOW - timedelta(hours=8))
    fleet = bench.fleet(*(f"i{number:02}" for number in range(12)))
    deps = SyncDeps(store, NoSecrets(), Settings(home=tmp_path), lambda: NOW)
    asked = Asked(Selection(), NOW - timedelta(hours=9 if is_first else 7))
    for item in fleet:
        bench.apply(item, SUPER, ALICE)
    sent = []
    for count, hours in ((3, 6), (12, 5)):
        bench.now = NOW - timedelta(hours=hours)
        for item in fleet[:count]:
            bench.apply(item, SUPER, replace(ALICE, is_superuser=hours == 6, is_locked=hours == 5))
        fleet_report(deps, asked)  # what is found on each instance is kept by who asks first
        with counted(store) as statements:
            news = fleet_report(deps, asked).administrators
        assert len({spell.instance for spell in news.spells}) == 3
        assert len(news.first_reads) == (12 if is_first else 0)
        sent.append(len(statements))
    assert sent[1] <= sent[0]


def test_changes_that_were_pruned_are_said_to_be(
    history: tuple[StoreBench, Instance, SyncDeps],
) -> None:
    bench, item, deps = history
    bench.apply(item, SUPER)
    deps.store.change_retention.move_horizon(NOW - timedelta(hours=1))
    report = fleet_report(deps, Asked(Selection(), NOW - timedelta(hours=7)))
    assert report.administrators.notes
    assert any("is not told" in note for note in report.notes)


def test_an_instance_that_does_not_exist_is_refused(filled: Command) -> None:
    assert "does not exist" in filled.wrong("report", "--instance", "nowhere")
    assert "No instance has the tag" in filled.wrong("report", "--tag", "nowhere")


def test_every_format_by_name_and_by_option(filled: Command, tmp_path: Path) -> None:
    base = tmp_path / "fleet.html"
    filled.ok("report", "--output", str(base), "--format", "all", "--language", "zh")
    assert sorted(item.name for item in tmp_path.glob("fleet.*")) == [
        "fleet.html", "fleet.xlsx", "fleet.zip",
    ]  # fmt: skip
    assert "数据库报告" in base.read_text()
    openpyxl.load_workbook(tmp_path / "fleet.xlsx").close()
    filled.ok("report", "--output", str(tmp_path / "one.xlsx"), "--tag", OWN.tag)
    assert "does not say the format" in filled.wrong("report", "--output", str(tmp_path / "x.pdf"))
