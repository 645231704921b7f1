"""The export: the console's pages as files that need nobody, of the instances of a tag alone."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import json
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_pipeline.errors import ConfigurationError, StoreDamaged
from sync_pipeline.model.viewer import Viewer
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.web.archive import directory as writing
from sync_pipeline.web.archive import exporting
from sync_pipeline.web.archive.directory import SUMS, UNFINISHED, new_directory
from sync_pipeline.web.archive.exporting import Made, Wanted, export
from sync_pipeline.web.archive.trail import Question, Trail, question_of
from sync_pipeline.web.resources.every import RESOURCES
from sync_pipeline.web.serve import reading
from sync_pipeline.web.views import Column, Kind, Link
from sync_pipeline.workflows.dependencies import SyncDeps
from workbench.benches.command import CANARY, Command
from workbench.fleet.teams import HOSTILE, NOW, Team, fill
from workbench.running.asked_pages import Pages

OWN, OTHER = Team("blue", 3, HOSTILE), Team("ruby", 2)
OF_OWN = Wanted((OWN.tag,), who_can=(("SELECT", "database:shop"),))
RESERVED = {
    "con", "prn", "aux", "nul",
    *(f"{port}{number}" for port in ("com", "lpt") for number in range(10)),
}  # fmt: skip
"""Names that Windows gives to devices, whatever follows after a point."""
BY_NAME = {item.name: item for item in RESOURCES}


@dataclass
class Exported:
    """An export, and the console over the same store for the same viewer."""

    place: Path
    made: Made
    pages: Pages


def files_in(place: Path) -> dict[str, bytes]:
    found = (path for path in place.rglob("*") if path.is_file())
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in found}


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The homes of a store of two teams, and of one with one of them alone."""
    made = tmp_path_factory.mktemp("two"), tmp_path_factory.mktemp("one")
    for home, teams in zip(made, ((OTHER, OWN), (OWN,)), strict=True):
        store = Store.open(f"sqlite:///{home}/sync_pipeline.db")
        fill(store, teams, 7, sessions=2, is_moved=True)
        store.close()
    return made


@pytest.fixture(scope="module")
def deps(homes: tuple[Path, Path]) -> Iterator[SyncDeps]:
    with reading(Settings(home=homes[0]), lambda: NOW) as found:
        yield found


@pytest.fixture(scope="module")
def own(deps: SyncDeps, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exported]:
    place = tmp_path_factory.mktemp("own") / "export"
    made = export(deps, OF_OWN, place)
    pages = Pages(deps, Viewer("export", reach=OF_OWN.reach))
    yield Exported(place, made, pages)
    pages.close()


class _Page(HTMLParser):
    """Collects where a page leads, what it is made of, and the rows of its tables."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tags: set[str] = set()
        self.names: set[str] = set()
        self.rows: list[list[str]] = []
        self.facts: list[str] = []
        self._in_cell = self._in_body = self._in_fact = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]
        self._in_body |= tag == "tbody"
        if tag == "tr" and self._in_body:
            self.rows.append([])
        if tag == "td":
            self.rows[-1].append("")
        if tag == "dd":
            self.facts.append("")
        self._in_cell |= tag == "td"
        self._in_fact |= tag == "dd"

    def handle_endtag(self, tag: str) -> None:
        self._in_body &= tag != "tbody"
        self._in_cell &= tag != "td"
        self._in_fact &= tag != "dd"

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.rows[-1][-1] += data
        if self._in_fact:
            self.facts[-1] += data


def html(files: dict[str, bytes]) -> dict[str, _Page]:
    return {
        name: _Page(content.decode()) for name, content in files.items() if name.endswith("html")
    }


def tables(files: dict[str, bytes], name: str) -> dict[str, dict[str, Any]]:
    """Return the tables of a page by their names, from the JSON beside it."""
    found = json.loads(files[name.removesuffix("html") + "json"])
    layout = BY_NAME[name.partition("/")[0]].layouts[0].name
    known: dict[str, dict[str, Any]] = found.get("tables", {layout: found})
    return known


def test_no_byte_of_another_team_is_in_it(
    own: Exported, homes: tuple[Path, Path], tmp_path: Path
) -> None:
    """It is that of a store of the team alone, in every file and its name."""
    with reading(Settings(home=homes[1]), lambda: NOW) as alone:
        export(alone, OF_OWN, tmp_path / "alone")
    files = files_in(own.place)
    assert files == files_in(tmp_path / "alone")
    assert not [name for name, content in files.items() if OTHER.word.encode() in content]
    assert len(files) > 100
    # It could fail: an export of everything has the other team.
    export(own.pages.deps, Wanted(most=1), tmp_path / "all")
    assert OTHER.word in (tmp_path / "all" / "instances" / "all.html").read_text()


def test_every_link_leads_to_a_file_and_nothing_needs_a_server(own: Exported) -> None:
    files = files_in(own.place)
    reached = {"index.html"}
    for name, page in html(files).items():
        assert not page.tags & {"script", "form", "input", "iframe", "button"}, name
        assert not {item for item in page.names if item.startswith("on") or item == "style"}
        for address in page.addresses:
            if address.startswith("#"):
                continue
            assert re.fullmatch(r"(\.\./)?[A-Za-z0-9./_-]+", address), (name, address)
            target = address.removeprefix("../")
            assert ("/" in name) == (target != address)
            assert target in files, (name, address)
            reached.add(target)
    left = {name for name in {*files} - reached if not name.endswith(".json")}
    assert left == {SUMS}, "each page and table is led to"


def test_every_list_and_thing_of_the_console_has_its_page(own: Exported) -> None:
    files = files_in(own.place)
    for item in RESOURCES:
        if item.is_listed and not item.required:
            assert f"{item.name}/all.html" in files
    get = own.pages.get
    wanted = [
        *(("instance", {"name": row["instance"]}) for row in rows(get("/api/v1/instances"))),
        *(("session", {"id": row["session"]}) for row in rows(get("/api/v1/sessions"))),
        *(
            ("account", {"instance": row["instance"], "name": row["account"]})
            for row in rows(get("/api/v1/accounts", {"limit": 500}))
            if "\x00" not in row["account"]
        ),
        ("who-can", {"privilege": "SELECT", "object": "database:shop"}),
    ]
    assert len(wanted) > 20
    for name, values in wanted:
        question = Question(BY_NAME[name], {key: (value,) for key, value in values.items()})
        assert question.file(1, "html") in files, (name, values)
        shown = json.loads(files[question.file(1, "json")])
        assert shown == get(f"/api/v1/{name}", {**values, "limit": 500}).json


def rows(answer: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer.json["items"]
    assert found
    return found


def test_a_page_its_csv_and_its_json_say_the_same(own: Exported) -> None:
    """Of every page that there is, row by row; numbers and times as data and as they are read."""
    files, compared = files_in(own.place), 0
    for name, page in html(files).items():
        if name == "index.html":
            continue
        resource = BY_NAME[name.partition("/")[0]]
        facts = json.loads(files[name.removesuffix("html") + "json"]).get("facts", {})
        kept = [item for item in resource.facts if not item.is_rare or facts[item.name] is not None]
        for column, cell in zip(kept, page.facts, strict=True):
            assert is_shown(column, facts[column.name], cell.strip()), (name, column, cell)
        columns = {item.name: item.columns for item in resource.layouts}
        several = len(columns) > 1
        shown = iter(page.rows)
        for table, data in tables(files, name).items():
            items = data["items"]
            ending = f"{table}.csv" if several else "csv"
            beside = files.get(name.removesuffix("html") + ending)
            assert (beside is None) == (not items), (name, table)
            if beside is None:
                continue
            header, *lines = csv.reader(io.StringIO(beside.decode()))
            assert header == list(items[0])
            on_page = [
                column
                for column in columns[table]
                if not column.is_rare or any(item[column.name] for item in items)
            ]
            for item, line, cells in zip(items, lines, shown, strict=False):
                assert len(line) == len(columns[table])
                for column, cell in zip(on_page, cells, strict=True):
                    assert is_shown(column, item[column.name], cell.strip()), (name, column, cell)
                    compared += 1
            assert len(lines) == len(items)
        assert next(shown, None) is None, name
    assert compared > 1000


def is_shown(column: Column, value: Any, cell: str) -> bool:
    """Return whether a cell says a value; words may be in another language, or shortened."""
    if value in (None, "", []):
        return cell == "–"
    if isinstance(value, bool):
        return cell == ("yes" if value else "no")
    if column.kind is Kind.NUMBER:
        return cell in (f"{value:,}", f"{value:,.1f}")
    if column.kind is Kind.MOMENT:
        return cell == f"{value[:10]} {value[11:19]}Z"
    return bool(cell)


def test_names_of_files_are_ours_and_safe_everywhere(own: Exported) -> None:
    names = list(files_in(own.place))
    assert len({name.casefold() for name in names}) == len(names)
    for name in names:
        for part in name.split("/"):
            assert re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_]+)*|SHA256SUMS", part), name
            assert part.partition(".")[0] not in RESERVED
        assert len(name) < 80
    # Names of servers that look like one file are several.
    stems = {
        Question(BY_NAME["account"], {"name": (name,), "instance": ("x",)}).stem
        for name in (
            "con",
            "CON",
            "Con ",
            "../../etc/passwd",
            "a/b",
            "a\\b",
            "",
            "ſ",
            "s",
            "\ud800",
        )
    }
    assert len(stems) == 10


def test_a_digest_of_every_file_is_beside_and_all_is_private(own: Exported) -> None:
    files = files_in(own.place)
    sums = dict(reversed(line.split("  ", 1)) for line in files[SUMS].decode().splitlines())
    assert sums == {
        name: hashlib.sha256(content).hexdigest() for name, content in files.items() if name != SUMS
    }
    assert own.made.digest == hashlib.sha256(files[SUMS]).hexdigest()
    assert own.made.files == len(sums)
    for path in (own.place, *own.place.rglob("*")):
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_the_first_page_says_what_it_is(own: Exported) -> None:
    first = files_in(own.place)["index.html"].decode()
    assert OWN.tag in first
    assert first.count("2026-11-30 08:00:00Z") == 2
    assert "Who can: <bdi>SELECT database:shop</bdi>" in first
    about = json.loads(files_in(own.place)["export.json"])
    assert about["tags"] == [OWN.tag]
    assert sum(about["pages"].values()) == own.made.pages
    assert (about["left_out"], about["cut"], about["unanswered"]) == ([], [], 0)
    assert own.made.is_whole


def test_lists_are_whole_by_pages_and_what_is_cut_says_so(
    deps: SyncDeps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = Pages(deps, Viewer("all"))
    whole = pages.get("/api/v1/accounts", {"limit": 500}).json["items"]
    pages.close()
    monkeypatch.setattr(exporting, "MOST_ROWS", 7)
    made = export(deps, Wanted(most=2), tmp_path / "small")
    assert not made.is_whole
    files = files_in(tmp_path / "small")
    name: str | None = "all.json"
    found: list[Any] = []
    while name:
        page = json.loads(files[f"accounts/{name}"])
        found += page["items"]
        name = page["next"]
    assert found == whole
    # What has no page is no link, and the first page says what there is more of.
    assert len([name for name in files if re.fullmatch(r"account/\w+\.html", name)]) == 2
    linked = sum("../account/" in address for address in html(files)["accounts/all.html"].addresses)
    assert linked <= 2
    assert "Account: there are more than the 2" in files["index.html"].decode()
    export(deps, Wanted(most=1, pages=2), tmp_path / "cut")
    files = files_in(tmp_path / "cut")
    last = json.loads(files["accounts/all.2.json"])
    assert last["next"] is None
    assert "Only the first 2 pages" in last["notes"][-1]
    assert 'rel="next"' not in files["accounts/all.2.html"].decode()
    assert "Only the first 2 pages" in files["accounts/all.2.html"].decode()
    assert "Accounts: a list has more than the 2 pages" in files["index.html"].decode()


def test_what_stands_there_is_never_touched(deps: SyncDeps, tmp_path: Path) -> None:
    full, file, link = tmp_path / "full", tmp_path / "file", tmp_path / "link"
    (full / "kept").mkdir(parents=True)
    file.write_text("kept")
    (tmp_path / "empty").mkdir()
    link.symlink_to(tmp_path / "empty")
    for target, why in (
        (full, "is not empty"),
        (file, "is no directory"),
        (link, "is no directory"),
        (tmp_path / "none" / "x", "can't be written"),
        (file / "x", "can't be written"),
    ):
        with pytest.raises(ConfigurationError, match=why):
            export(deps, OF_OWN, target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file", "full", "link"]
    with new_directory(tmp_path / "empty") as made:
        made.write("a.txt", b"a")
        (half,) = tmp_path.glob(f".empty.*{UNFINISHED}")
        assert not (half / SUMS).exists(), "it is known as such"
    assert (tmp_path / "empty" / "a.txt").read_bytes() == b"a"


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_half_an_export_is_not_kept(
    deps: SyncDeps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    written = [0]
    new_file = writing._new_file

    def failing(path: Path) -> Any:
        written[0] += 1
        if written[0] > 20:
            raise error
        return new_file(path)

    monkeypatch.setattr(writing, "_new_file", failing)
    kind = ConfigurationError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(kind) as told:
        export(deps, OF_OWN, tmp_path / "x")
    if isinstance(error, OSError):
        assert "its disk is full. Nothing of it was kept." in str(told.value)
    assert not list(tmp_path.iterdir())


def test_a_page_that_can_not_be_answered_says_so_and_ends_nothing_else(
    deps: SyncDeps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where what is stored of an instance is damaged."""

    def damaged(*_: Any) -> None:
        raise StoreDamaged("what is stored of secret-place is damaged")

    resources = tuple(
        replace(item, answer=damaged) if item.name == "account" else item for item in RESOURCES
    )
    monkeypatch.setattr(exporting, "RESOURCES", resources)
    made = export(deps, Wanted(most=3), tmp_path / "x")
    assert made.failed == 3
    (page, *_) = (tmp_path / "x" / "account").glob("*.html")
    assert "is damaged. Its next sync writes it again." in page.read_text()
    assert "secret-place" not in page.read_text()
    assert "3 pages could not be answered" in (tmp_path / "x" / "index.html").read_text()


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (Wanted(("team=nobody",)), "No instance has any of the tags team=nobody"),
        (Wanted(who_can=(("SELECT", "nonsense:x"),)), "can't be answered"),
        (Wanted(addresses=("/instance?name=nowhere",)), "There is no such thing"),
        (Wanted(addresses=("/nowhere",)), "is no page of the console: there is no such page"),
        (Wanted(addresses=("/accounts?x=1",)), "a parameter that there is not"),
        (Wanted(addresses=("https://evil.example/accounts",)), "is no page of the console"),
    ],
)
def test_what_can_not_be_exported_is_said_and_nothing_is_written(
    deps: SyncDeps, tmp_path: Path, wanted: Wanted, why: str
) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(why)):
        export(deps, wanted, tmp_path / "x")
    assert not list(tmp_path.iterdir())


def test_the_command_writes_it_without_any_secret(
    homes: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "sync_pipeline.db").write_bytes((homes[1] / "sync_pipeline.db").read_bytes())
    command = Command(home, monkeypatch, capsys)
    command.ok(
        *("credentials", "add", "secret", "--username", "u", "--password-stdin"), stdin=CANARY
    )
    target = tmp_path / "export"
    asked = ("console", "export", str(target))
    pairs = (
        *("--who-can", "SELECT", "database:shop"),
        *("--who-can", "CREATE VIEW", "database:shop"),
    )
    page = ("--page", "/accounts?superusers=yes&system=no", "--language", "zh")
    said = command.ok(*asked, *pairs, *page, "--tag", OWN.tag, "--limit", "2")
    files = files_in(target)
    first = files["index.html"].decode()
    assert '<html lang="zh">' in first
    assert "SELECT database:shop" in first
    assert "CREATE VIEW database:shop" in first
    assert question_of(BY_NAME["accounts"], "superusers=yes").file(1, "html") in files
    assert hashlib.sha256(files[SUMS]).hexdigest() in said.out
    assert "It does not have all pages" in said.out
    key = next(home.glob("*key*")).read_bytes()
    secrets = (CANARY.encode(), key.strip(), b"sqlite", str(home).encode())
    assert not [name for name, content in files.items() for it in secrets if it in content]
    assert "is not empty" in command.wrong(*asked)
    assert "takes a privilege and an object" in command.wrong(
        "console", "export", str(tmp_path / "x"), "--who-can", "SELECT"
    )
    command.close()


LINKS = st.builds(
    Link,
    st.just("x"),
    st.sampled_from(
        ["/accounts", "/account", "/causes", "/instance", "/who-can", "/nowhere", "//x"]
    ),
    st.dictionaries(
        st.sampled_from(["name", "instance", "by", "tag", "after", "privilege", "object", "odd"]),
        st.sampled_from(["", "a", "b", "rule", "yes", "c" * 13_000, "\ud800"]),
        max_size=3,
    ),
)


@settings(max_examples=30)
@given(st.lists(st.tuples(LINKS, st.integers(-1, 3)), max_size=30), st.integers(1, 3))
def test_a_link_leads_to_a_page_that_is_written_once(
    links: list[tuple[Link, int]], most: int
) -> None:
    """And of each resource to no more than are allowed, whatever is linked."""
    trail = Trail({item.page: item for item in RESOURCES if item.has_page}, most)
    led = {file for link, depth in links if (file := trail.follow(link, depth))}
    written = [item.file(1, "html") for item in trail.questions()]
    assert led == set(written)
    assert len(written) == len(led)
    for name in {file.partition("/")[0] for file in written}:
        assert sum(file.startswith(f"{name}/") for file in written) <= most
