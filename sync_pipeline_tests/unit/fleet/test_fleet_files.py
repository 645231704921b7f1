"""Import and export files: nothing is lost on the way, and every bad row is named."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.fleet.files import read_instances, write_instances
from sync_pipeline.model.instance import Instance
from workbench.strategies.fleet import fleets

SECRET = "typed-into-the-wrong-column"


def problems(path: Path, text: str) -> list[str]:
    path.write_text(text, encoding="utf-8")
    return [str(problem) for problem in read_instances(path).problems]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fleets, st.sampled_from(["yaml", "csv"]))
def test_what_is_exported_is_imported(
    tmp_path: Path, fleet: list[Instance], file_format: str
) -> None:
    path = tmp_path / f"fleet.{file_format}"
    path.write_text(write_instances(fleet, file_format), encoding="utf-8", newline="")
    parsed = read_instances(path)
    assert parsed.problems == ()
    assert list(parsed.instances) == fleet


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(), st.sampled_from(["yaml", "csv"]))
def test_any_text_is_a_fleet_or_says_why_not(tmp_path: Path, text: str, file_format: str) -> None:
    path = tmp_path / f"fleet.{file_format}"
    path.write_bytes(text.encode(errors="surrogatepass"))
    with suppress(ConfigurationError):
        read_instances(path)


def test_every_bad_row_of_yaml_is_named(tmp_path: Path) -> None:
    text = f"""\
# a comment
instances:
  - name: good
    engine: mysql
    host: db1
    credential: monitor
  - name: no engine
    host: db2
    credential: monitor
  - just a text
  - name: bad values
    engine: db2
    host: "db\\n3"
    port: 70000
    connect_timeout: -1
    tags: [a;b]
    credential: monitor
    password: {SECRET}
  - name: good
    engine: mysql
    host: db4
    credential: monitor
"""
    found = problems(tmp_path / "fleet.yaml", text)
    assert not [line for line in found if SECRET in line]
    assert [line.split(": ")[:2] for line in found] == [
        ["line 7", "engine"],
        ["line 10", "an instance is a mapping of its properties"],
        ["line 11", "engine"],
        ["line 11", "host"],
        ["line 11", "port"],
        ["line 11", "connect_timeout"],
        ["line 11", "tags"],
        ["line 11", "password"],
        ["line 19", "'good' is already on line 3"],
    ]


def test_every_bad_row_of_csv_is_named(tmp_path: Path) -> None:
    text = (
        "name,engine,host,credential,port,tags,description\r\n"
        'good,mysql,db1,monitor,,a;b,"two\r\nlines"\r\n'
        "no host,mysql,,monitor,,,\r\n"
        "bad port,mysql,db,monitor,many,,\r\n"
        f"too long,mysql,db,monitor,,,,{SECRET}\r\n"
        "good,mysql,db4,monitor,,,\r\n"
    )
    found = problems(tmp_path / "fleet.csv", text)
    assert not [line for line in found if SECRET in line]
    assert [line.split(": ")[:2] for line in found] == [
        ["line 4", "host"],
        ["line 5", "port"],
        ["line 6", "(too many columns)"],
        ["line 7", "'good' is already on line 2"],
    ]


def test_defaults_are_the_engine_s_own(tmp_path: Path) -> None:
    path = tmp_path / "fleet.yml"
    path.write_text("- {name: a, engine: postgresql, host: db, credential: c}")
    (instance,) = read_instances(path).instances
    assert (instance.port, instance.is_active, instance.tags) == (5432, True, ())


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("fleet.yaml", b"instances: [", "line 1 is not valid YAML"),
        ("fleet.yaml", b"other: []", "no.* hold a list under `instances`"),
        ("fleet.yaml", b"", "no.* hold a list under `instances`"),
        ("fleet.yaml", b"a: \xff\xfe", "can't be read"),
        ("fleet.csv", b"name\n" + b"x" * 200_000, "not valid CSV"),
        ("fleet.txt", b"", "no known format"),
    ],
)
def test_a_file_that_is_none_is_told_in_one_sentence(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=message):
        read_instances(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="can't be read"):
        read_instances(tmp_path / "none.yaml")


ENTRY = "engine: mysql\n    host: db1\n    credential: monitor"


def entry(line: str, *, without: str = "") -> str:
    """Return a file of one instance with one more line."""
    lines = [item for item in ENTRY.split("\n    ") if not without or without not in item]
    return "instances:\n  - name: a\n    " + "\n    ".join([*lines, line]) + "\n"


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("port: 03306", "port", 3306),
        ("port: '03306'", "port", 3306),
        ("environment: no", "environment", "no"),
        ("environment: 0777", "environment", "0777"),
        ("environment: 1e3", "environment", "1e3"),
        ("environment: 54:32", "environment", "54:32"),
        ("environment: 2026-01-31", "environment", "2026-01-31"),
        ("environment: .inf", "environment", ".inf"),
        ("environment: 0x1F", "environment", "0x1F"),
        ("environment: 1_000", "environment", "1_000"),
        ("environment: !!int 017", "environment", "017"),
        ("environment: ~", "environment", None),
        ("description: 2026-02-30", "description", "2026-02-30"),
        ("database: on", "database", "on"),
        ("tags: [2026-01-31, 010, yes]", "tags", ("010", "2026-01-31", "yes")),
        ("active: no", "is_active", False),
        ("active: on", "is_active", True),
    ],
)
def test_values_of_yaml_are_what_was_written(
    tmp_path: Path, line: str, field: str, value: object
) -> None:
    path = tmp_path / "fleet.yaml"
    path.write_text(entry(line), encoding="utf-8")
    parsed = read_instances(path)
    assert parsed.problems == ()
    assert getattr(parsed.instances[0], field) == value


@pytest.mark.parametrize(
    "text",
    ["54:32", "33_06", "0x1F", "0o17", "1e3", "3306.5", "true", "3306 # x", "٣٣٠٦", "[1]", "1,5"],
)
@pytest.mark.parametrize("field", ["port", "connect_timeout"])
def test_a_number_that_is_not_written_in_digits_is_refused(
    tmp_path: Path, field: str, text: str
) -> None:
    if (field, text) == ("connect_timeout", "3306.5"):
        return
    quoted = f"'{text}'" if "#" in text else text
    found = problems(tmp_path / "fleet.yaml", entry(f"{field}: {quoted}"))
    assert [line.split(": ")[:2] for line in found] == [["line 2", field]]
    cell = f'"{text}"'
    table = f"name,engine,host,credential,{field}\na,mysql,db1,monitor,{cell}\n"
    found = problems(tmp_path / "fleet.csv", table)
    assert [line.split(": ")[:2] for line in found] == [["line 2", field]]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "f.yaml",
            "instances: []\nother: 1\ninstances: []\n",
            "line 3: 'instances' is there twice",
        ),
        ("f.yaml", entry("host: db2"), "line 6: 'host' is there twice"),
        ("f.yaml", entry('"host": db2'), "line 6: 'host' is there twice"),
        ("f.yaml", f"x: {'[' * 5000}\n", "nested too deeply"),
        ("f.yaml", "instances:\n- ? [a]\n  : 1\n", "line 2 is not valid YAML"),
        ("f.csv", "name,engine,host,host\n", "line 1: 'host' is there twice"),
        ("f.csv", "\nname,engine,,host\n", "line 2: column 3 has no name"),
        ("f.csv", 'name,engine\n"a,mysql\nb,mysql\n', "line 2, is not valid CSV"),
        ("f.csv", 'name,engine\n"a"b,mysql\n', "line 2, is not valid CSV"),
    ],
)
def test_nothing_of_a_file_is_dropped_silently(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=said):
        read_instances(path)


def test_aliases_that_multiply_are_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
    merges = ["m0: &m0 {k: 1}"]
    merges += [f"m{i}: &m{i} {{<<: [{', '.join([f'*m{i - 1}'] * 90)}]}}" for i in range(1, 9)]
    for bomb in (lines, [*merges, "instances: [*m8]"]):
        path = tmp_path / "fleet.yaml"
        path.write_text("\n".join(bomb), encoding="utf-8")
        with pytest.raises(ConfigurationError, match=r"aliases make more|more than 10000 keys"):
            read_instances(path)


def test_a_merge_gives_defaults(tmp_path: Path) -> None:
    path = tmp_path / "fleet.yaml"
    text = """
defaults: &all {engine: mysql, credential: monitor, host: nowhere}
instances:
  - {<<: *all, name: a, host: db1}
"""
    path.write_text(text, encoding="utf-8")
    parsed = read_instances(path)
    assert (parsed.problems, parsed.instances[0].host) == ((), "db1")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_csv_of_a_spreadsheet_in_any_country(tmp_path: Path, separator: str) -> None:
    rows = [
        ("name", "engine", "host", "credential", "tags"),
        ("a", "mysql", "db1", "monitor", '"x;y"'),
        ("b", "mysql", "db2", "monitor", ""),
    ]
    path = tmp_path / "fleet.csv"
    path.write_text("\n\n".join(separator.join(row) for row in rows), encoding="utf-8-sig")
    parsed = read_instances(path)
    assert parsed.problems == ()
    assert [(item.host, item.tags) for item in parsed.instances] == [
        ("db1", ("x", "y")),
        ("db2", ()),
    ]


def test_lines_of_csv_are_those_of_the_file(tmp_path: Path) -> None:
    text = (
        'name,engine,host,credential,description\n\na,mysql,db1,monitor,"two\nlines"\n\nb,db2,,\n'
    )
    found = problems(tmp_path / "fleet.csv", text)
    assert {line.split(": ")[0] for line in found} == {"line 6"}


@pytest.mark.parametrize(
    "host",
    ["[::1]:5433", "[::1]", "db:5433", "10.0.0.1:5433", "tcp://db", "db/x", "me@db", "a b", "a,b"],
)
def test_a_host_is_a_host_alone(tmp_path: Path, host: str) -> None:
    found = problems(tmp_path / "fleet.yaml", entry(f"host: '{host}'", without="host"))
    assert [line.split(": ")[:2] for line in found] == [["line 2", "host"]]


@pytest.mark.parametrize(
    "host", ["db1", "::1", "fe80::1%eth0", "10.0.0.1", "srv\\INST", "a_b.c-d."]
)
def test_a_name_or_an_address_is_a_host(tmp_path: Path, host: str) -> None:
    assert problems(tmp_path / "fleet.yaml", entry(f"host: '{host}'", without="host")) == []
