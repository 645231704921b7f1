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
from sync_pipeline_tests.strategies.fleet import fleets

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
