"""Which driver is chosen, what it is told, and what is said where none is there."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import sqlglot

from sync_pipeline.engines.base import sql_text
from sync_pipeline.engines.sqlserver.engine import PACKAGE
from sync_pipeline.engines.sqlserver.names import bracketed, login_name, principal_name
from sync_pipeline.engines.sqlserver.wire import drivers
from sync_pipeline.engines.sqlserver.wire.connection import bound
from sync_pipeline.engines.sqlserver.wire.drivers import (
    choose_driver,
    connection_string,
    load_pyodbc,
)
from sync_pipeline.engines.sqlserver.wire.faults import fault
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.instance import TlsOptions
from workbench.servers.sqlserver_drivers import target_at

SQL = Path(drivers.__file__).parents[1] / "sql"
FILES = sorted(path.name for path in SQL.glob("*.sql"))


def test_the_newest_of_microsofts_registered_drivers_comes_first() -> None:
    names = ["FreeTDS", "ODBC Driver 9 for SQL Server", "ODBC Driver 18 for SQL Server", "SQLite"]
    assert choose_driver("", names, "i").name == "ODBC Driver 18 for SQL Server"
    assert choose_driver("", ["SQLite", "FreeTDS"], "i").name == "FreeTDS"


def test_the_setting_names_a_registered_driver_or_a_library(tmp_path: Path) -> None:
    library = tmp_path / "libmsodbcsql-18.so"
    library.touch()
    assert choose_driver("FreeTDS", ["FreeTDS"], "i").is_freetds
    assert not choose_driver(str(library), [], "i").is_freetds
    with pytest.raises(ConfigurationError, match="no ODBC driver 'Free'; registered are: FreeTDS"):
        choose_driver("Free", ["FreeTDS"], "i")


def test_without_any_driver_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(drivers, "packaged_library", lambda: None)
    with pytest.raises(ConfigurationError, match="apt-get install unixodbc tdsodbc") as caught:
        choose_driver("", ["SQLite"], "the-instance")
    assert str(caught.value).startswith("the-instance: No ODBC driver")


def test_without_libodbc_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError("libodbc.so.2: cannot open shared object file")

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ConfigurationError, match=r"libodbc\.so\.2.*apt-get install unixodbc"):
        load_pyodbc("the-instance")


def test_a_closing_brace_is_doubled_for_microsofts_driver() -> None:
    target = target_at(1433, password="a}b;c")
    text = connection_string(drivers.Driver("ODBC Driver 18 for SQL Server"), target, TlsOptions())
    assert "PWD={a}}b;c}" in text
    assert "SERVER=tcp:127.0.0.1,1433" in text
    assert "Encrypt=yes;TrustServerCertificate=yes" in text


@pytest.mark.parametrize(
    ("name", "expected"), [("sa", "sa"), ("CORP\\a", "CORP\\a"), ("[x]", "[[x]]]")]
)
def test_a_login_is_never_taken_for_a_principal_of_a_database(name: str, expected: str) -> None:
    assert login_name(name) == expected
    assert principal_name("d]b", name) == f"[d]]b].{bracketed(name)}"


def test_numbers_and_text_are_read_from_what_a_driver_raises() -> None:
    found = fault(
        RuntimeError(
            "42000",
            "[42000] [FreeTDS][SQL Server]Login failed (really) for 'a'. (18456) "
            "(SQLDriverConnect); [01000] [FreeTDS][SQL Server]More. (20002)",
        )
    )
    assert found.numbers == (18456, 20002)
    assert found.text == "Login failed (really) for 'a'. ; More"


def test_a_percent_sign_without_parameters_is_only_that() -> None:
    assert bound("SELECT '%(x)s'", None) == ("SELECT '%(x)s'", ())
    assert bound("TOP (%(a)s) %(b)s", {"b": 2, "a": 1}) == ("TOP (?) ?", (1, 2))


@pytest.mark.parametrize("file", FILES)
def test_every_statement_is_one_select_of_tsql_with_a_header(file: str) -> None:
    text = sql_text(PACKAGE, file)
    assert text.startswith("-- ")
    header = text[: text.index("\nSELECT") if "\nWITH" not in text else text.index("\nWITH")]
    assert "Since" in header
    assert "Needs" in header.replace("\n-- ", " ")
    (tree,) = sqlglot.parse(bound(text, {"limit": 1, "permission": "p"})[0], read="tsql")
    assert isinstance(tree, sqlglot.exp.Select)


@pytest.mark.parametrize("file", FILES)
def test_names_of_different_kinds_are_put_together_under_one_collation(file: str) -> None:
    """Views of the server and of a database may have collations that conflict."""
    (tree,) = sqlglot.parse(
        bound(sql_text(PACKAGE, file), {"limit": 1, "permission": "p"})[0], read="tsql"
    )
    for together in tree.find_all(sqlglot.exp.Coalesce):
        parts = [together.this, *together.expressions]
        names = [part for part in parts if part.find(sqlglot.exp.Column) and "name" in part.sql()]
        if len(names) > 1:
            assert all(isinstance(part, sqlglot.exp.Collate) for part in names)
