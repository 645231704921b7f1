"""CSV files as spreadsheets write them: nothing that they add is an error, nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.fleet.files import ParsedFile, read_instances

HEADER = "name;engine;host;credential;connect_timeout;environment;tags;description"
ROW = "Abrechnung;mysql;db1;monitor;2,5;prod;eu;seit 2019"
BILLING = ("Abrechnung", "db1", 2.5, "prod", ("eu",), "seit 2019")


def read(tmp_path: Path, content: bytes, encoding: str = "utf-8-sig") -> ParsedFile:
    path = tmp_path / "fleet.CSV"
    path.write_bytes(content)
    return read_instances(path, encoding)


def known(parsed: ParsedFile) -> list[tuple[object, ...]]:
    assert parsed.problems == ()
    return [
        (item.name, item.host, item.timeouts.connect_seconds, item.environment, item.tags,
         item.description)
        for item in parsed.instances
    ]  # fmt: skip


def lines(*texts: str, end: str = "\r\n") -> bytes:
    return "".join(f"{text}{end}" for text in texts).encode()


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"], ids=["windows", "unix", "old mac"])
def test_every_end_of_line(tmp_path: Path, end: str) -> None:
    assert known(read(tmp_path, lines(HEADER, ROW, end=end))) == [BILLING]


@pytest.mark.parametrize(
    ("codec", "named"),
    [("utf-8-sig", "utf-8-sig"), ("utf-8-sig", "utf-8"), ("utf-16", "utf-16"),
     ("gbk", "gbk"), ("cp1252", "cp1252")],
)  # fmt: skip
def test_every_encoding_that_is_named(tmp_path: Path, codec: str, named: str) -> None:
    name = "账务" if codec == "gbk" else "Müller"
    text = lines(HEADER, ROW.replace("Abrechnung", name)).decode()
    assert known(read(tmp_path, text.encode(codec), named)) == [(name, *BILLING[1:])]


@pytest.mark.parametrize("codec", ["gbk", "cp1252"])
def test_another_encoding_is_not_guessed(tmp_path: Path, codec: str) -> None:
    with pytest.raises(ConfigurationError, match="--encoding gbk"):
        read(tmp_path, HEADER.replace("name", "name;ü").encode(codec))


def test_the_mark_that_begins_the_text_of_another_codec(tmp_path: Path) -> None:
    text = "\ufeff" + lines(HEADER, ROW).decode()
    assert known(read(tmp_path, text.encode("utf-16-le"), "utf-16-le")) == [BILLING]


@pytest.mark.parametrize(
    "header",
    [
        "Name;Engine;Host;Credential;Connect Timeout;Environment;Tags;Description",
        " NAME ;engine\u00a0;Host;CREDENTIAL;connect-timeout;Environment; tags;description",
        HEADER.replace("name", '"Name"', 1),
    ],
    ids=["capitals", "blanks", "quoted"],
)
def test_a_header_as_people_write_it(tmp_path: Path, header: str) -> None:
    assert known(read(tmp_path, lines(header, ROW))) == [BILLING]


def test_two_names_that_are_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="'name' is there twice"):
        read(tmp_path, lines("name;engine;host;credential;Name", ROW))


def test_rows_and_columns_without_a_word(tmp_path: Path) -> None:
    """Excel writes each cell that once had something, or a colour."""
    content = lines(";" * 9, f"{HEADER};;", f"{ROW};;", "", f" {';' * 9}", ";" * 9)
    assert known(read(tmp_path, content)) == [BILLING]


def test_a_word_in_a_column_without_a_name_is_told(tmp_path: Path) -> None:
    found = read(tmp_path, lines(f"{HEADER};;", f"{ROW};;what is this"))
    assert [str(item) for item in found.problems] == [
        "line 2: (too many columns): Extra inputs are not permitted"
    ]


def test_the_line_that_names_the_separator(tmp_path: Path) -> None:
    content = lines("sep=|", *(text.replace(";", "|") for text in (HEADER, ROW, "x|y")))
    found = read(tmp_path, content)
    assert [item.name for item in found.instances] == ["Abrechnung"]
    assert {item.line for item in found.problems} == {4}


def test_blanks_around_a_cell(tmp_path: Path) -> None:
    row = " Abrechnung;mysql ;\u00a0db1;monitor; 2,5 ;prod\u3000; eu ;seit 2019"
    assert known(read(tmp_path, lines(HEADER, row))) == [BILLING]
    row = ROW.replace(";eu;", ';"eu; west ;";')
    assert known(read(tmp_path, lines(HEADER, row)))[0][4] == ("eu", "west")


def test_a_line_within_a_cell(tmp_path: Path) -> None:
    row = ROW.replace("seit 2019", '"seit 2019\r\n;""alt"" "')
    assert known(read(tmp_path, lines(HEADER, row)))[0][5] == 'seit 2019\n;"alt" '


@pytest.mark.parametrize("text", ["1,500", "2,5,5", "2.500,5", ",5", "2,"])
def test_a_number_that_can_be_read_in_two_ways_is_refused(tmp_path: Path, text: str) -> None:
    found = read(tmp_path, lines(HEADER, ROW.replace("2,5", text)))
    assert [str(item).split(": ")[:2] for item in found.problems] == [["line 2", "connect_timeout"]]


@pytest.mark.parametrize(("text", "is_active"), [("TRUE", True), ("FALSE", False)])
def test_a_truth_as_a_spreadsheet_writes_it(tmp_path: Path, text: str, *, is_active: bool) -> None:
    found = read(tmp_path, lines(f"{HEADER};active", f"{ROW};{text}"))
    assert [item.is_active for item in found.instances] == [is_active]
