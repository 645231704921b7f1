"""Lists that other tools keep: files as they write them, with wrong entries in them."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.fleet.addresses import with_one_address
from sync_pipeline.fleet.files import ParsedFile, read_foreign, read_instances
from sync_pipeline.fleet.foreign import Defaults, ForeignFormat, foreign_rows
from sync_pipeline.fleet.rows import InstanceRow
from sync_pipeline.model.instance import EngineName, Instance, TlsMode

# As pgAdmin 4 exports it (Tools, Import/Export Servers): with parameters of libpq since version 7.
PGADMIN = {
    "Servers": {
        "1": {
            "Name": "Abrechnung – prod",
            "Group": "EU;west",
            "Host": "db1.example.net",
            "Port": 5433,
            "MaintenanceDB": "billing",
            "Username": "monitor",
            "ConnectionParameters": {"sslmode": "verify-full", "sslrootcert": "/etc/ca.pem"},
            "Comment": "seit 2019",
        },
        "2": {"Name": "old", "Group": "Servers", "HostAddr": "10.0.0.7", "Port": 5432,
              "MaintenanceDB": "postgres", "Username": "postgres", "SSLMode": "allow"},
        "3": {"Name": "tunnelled", "Group": "Servers", "Host": "db2", "Port": 5432,
              "Username": "x", "UseSSHTunnel": 1},
        "4": {"Name": "by service", "Group": "Servers", "Service": "billing"},
        "5": {"Name": "no host", "Group": "Servers", "Port": 5432, "Username": "x"},
    }
}  # fmt: skip


def connection(provider: str, driver: str, name: str, **configuration: Any) -> dict[str, Any]:
    plain = {"type": "prod", "configurationType": "MANUAL", "auth-model": "native"}
    return {
        "provider": provider, "driver": driver, "name": name, "save-password": True,
        "folder": "eu/billing", "configuration": {**plain, **configuration},
    }  # fmt: skip


# As DBeaver 24 writes it, in General/.dbeaver of a workspace.
DBEAVER = {
    "folders": {"eu/billing": {}},
    "connections": {
        "mysql8-1": connection("mysql", "mysql8", "orders", host="db3", port="3307",
                               database="shop", url="jdbc:mysql://db3:3307/shop", user="monitor"),
        "mariaDB-1": connection("mysql", "mariaDB", "stock", host="db4", port="3306"),
        "pg-1": connection("postgresql", "postgres-jdbc", "billing", host="db5", port="5432"),
        "ms-1": connection("sqlserver", "microsoft", "erp", host="db6", port="1433"),
        "ora-1": connection("oracle", "oracle_thin", "hr", host="db7", port="1521", database="HR"),
        "mongo-1": connection("mongodb", "mongodb", "papers", host="db8"),
        "pg-2": connection("postgresql", "postgres-jdbc", "far", host="db9", port="5432",
                           handlers={"ssh_tunnel": {"type": "TUNNEL", "enabled": True}}),
        "pg-3": connection("postgresql", "postgres-jdbc", "near", host="db10", port="5432",
                           handlers={"ssh_tunnel": {"type": "TUNNEL", "enabled": False}}),
        "red-1": connection("postgresql", "postgres-redshift-jdbc", "lake", host="db12"),
        "pg-5": connection("postgresql", "postgres-edb-jdbc", "edb", host="db13", port="5444"),
        "pg-4": connection("postgresql", "postgres-jdbc", "url", url="jdbc:postgresql://db11/x"),
    },
}  # fmt: skip


def read(
    tmp_path: Path, kind: ForeignFormat, content: object, defaults: Defaults | None = None
) -> ParsedFile:
    path = tmp_path / "list.json"
    path.write_text(json.dumps(content, indent=4, ensure_ascii=False), encoding="utf-8")
    return read_foreign(path, kind, defaults or Defaults())


def by_name(found: ParsedFile) -> dict[str, Instance]:
    return {item.name: item for item in found.instances}


def test_servers_of_pgadmin(tmp_path: Path) -> None:
    found = read(tmp_path, ForeignFormat.PGADMIN, PGADMIN)
    known = by_name(found)
    first = known["Abrechnung – prod"]
    assert (first.engine, first.host, first.port) == (
        EngineName.POSTGRESQL, "db1.example.net", 5433,
    )  # fmt: skip
    assert (first.database, first.credential, first.tags) == ("billing", "monitor", ("EU,west",))
    assert (first.tls.mode, first.tls.ca_file) == (TlsMode.VERIFY_FULL, "/etc/ca.pem")
    assert first.description == "seit 2019"
    assert (known["old"].host, known["old"].tls.mode) == ("10.0.0.7", TlsMode.PREFER)
    assert [item.reason for item in found.left_out] == [
        "tunnelled: it is reached through an SSH tunnel",
        "by service: it is a service of libpq, 'billing', and no address",
    ]
    assert [str(item) for item in found.problems] == ["line 38: host: Field required"]
    assert found.left_out[0].line == 25


@pytest.mark.parametrize("kind", [ForeignFormat.PGADMIN, ForeignFormat.DBEAVER])
def test_a_name_that_is_there_twice_costs_the_later_entry(
    tmp_path: Path, kind: ForeignFormat
) -> None:
    """Both tools allow it, in one folder too; one of them is no reason to refuse a whole file."""
    servers = {
        str(number): {"Name": name, "Host": f"db{number}", "Port": 5432, "Username": "x"}
        for number, name in enumerate(("main", "main", "other", "main"))
    }
    connections = {
        key: connection("postgresql", "postgres-jdbc", item["Name"], host=item["Host"], port="5432")
        for key, item in servers.items()
    }
    whole = {"Servers": servers} if kind is ForeignFormat.PGADMIN else {"connections": connections}
    found = read(tmp_path, kind, whole, Defaults("fleet"))
    assert {name: item.host for name, item in by_name(found).items()} == {
        "main": "db0", "other": "db2",
    }  # fmt: skip
    assert found.problems == ()
    assert [item.reason.partition(" of line")[0] for item in found.left_out] == [
        "main: its name is that"
    ] * 2


def test_two_names_of_one_address_are_told() -> None:
    one = InstanceRow.model_validate(
        {"name": "one", "engine": "postgresql", "host": "DB.example", "credential": "c"}
    ).instance()
    two, other = replace(one, name="two", host="db.example."), replace(one, name="x", port=1)
    assert [[item.name for item in some] for some in with_one_address([two], [one, other])] == [
        ["one", "two"]
    ]
    # What is at one address already is no news of this file.
    assert with_one_address([other], [one, two]) == []
    # Another address of the same name is the one that counts.
    assert with_one_address([replace(two, host="away")], [one, two]) == []
    oracle = replace(one, engine=EngineName.ORACLE, database="A")
    assert with_one_address([replace(oracle, name="b", database="B")], [oracle]) == []


def test_connections_of_dbeaver(tmp_path: Path) -> None:
    defaults = Defaults("fleet", "", ("moved",))
    found = read(tmp_path, ForeignFormat.DBEAVER, DBEAVER, defaults)
    known = by_name(found)
    assert {name: str(item.engine) for name, item in known.items()} == {
        "orders": "mysql", "stock": "mariadb", "billing": "postgresql", "erp": "sqlserver",
        "hr": "oracle", "near": "postgresql",
        "edb": "postgresql",
    }  # fmt: skip
    orders = known["orders"]
    assert (orders.host, orders.port, orders.database) == ("db3", 3307, "shop")
    assert (orders.credential, orders.environment) == ("fleet", "prod")
    assert orders.tags == ("eu/billing", "moved")
    assert found.problems == ()
    assert [item.reason for item in found.left_out] == [
        "papers: it is of no engine that is known here (mongodb)",
        "far: it is reached through another host (ssh_tunnel)",
        "lake: it is of no engine that is known here (postgres-redshift-jdbc)",
        "url: it has an address that is written as a URL alone",
    ]
    assert found.without_tls_mode == set(known)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"config-profile": "jump"}, "it is reached as the network profile 'jump' says"),
        ({"handlers": {"aws_ssm": {"type": "TUNNEL", "enabled": True}}},
         "it is reached through another host (aws_ssm)"),
        ({"handlers": {"socks_proxy": {"enabled": True}}},
         "it is reached through another host (socks_proxy)"),
        ({"handlers": {"postgre_ssl": {"type": "CONFIG", "enabled": True}}}, None),
        ({"config-profile": ""}, None),
    ],
)  # fmt: skip
def test_what_dbeaver_reaches_through_another_host_is_left_out(
    tmp_path: Path, more: dict[str, Any], reason: str | None
) -> None:
    entry = connection("postgresql", "postgres-jdbc", "x", host="localhost", **more)
    found = read(tmp_path, ForeignFormat.DBEAVER, {"connections": {"1": entry}}, Defaults("c"))
    assert [item.reason for item in found.left_out] == ([f"x: {reason}"] if reason else [])
    assert len(found.instances) == (reason is None)


def test_an_address_beside_a_name_is_one(tmp_path: Path) -> None:
    """As pgAdmin writes it since version 7."""
    entry = {"Name": "x", "Username": "m", "ConnectionParameters": {"hostaddr": "10.0.0.8"}}
    (item,) = read(tmp_path, ForeignFormat.PGADMIN, {"Servers": {"1": entry}}).instances
    assert item.host == "10.0.0.8"


def test_what_is_said_for_all_wins(tmp_path: Path) -> None:
    found = read(tmp_path, ForeignFormat.DBEAVER, DBEAVER, Defaults("c", "test", ()))
    assert {item.environment for item in found.instances} == {"test"}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"Servers": []}', "{", '{"Servers": {"1": 5}}'])
def test_what_is_no_such_list_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "servers.json"
    path.write_text(text)
    with suppress(ConfigurationError):
        found = read_foreign(path, ForeignFormat.PGADMIN, Defaults())
        assert [item.reason for item in found.left_out] == ["1: it is no mapping of properties"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner),
)


@given(st.sampled_from(ForeignFormat), st.dictionaries(st.text(max_size=5), json_values))
def test_whatever_is_in_a_list_is_a_row_or_says_why_not(
    kind: ForeignFormat, entries: dict[str, Any]
) -> None:
    place = "Servers" if kind is ForeignFormat.PGADMIN else "connections"
    with suppress(ConfigurationError):
        for row in foreign_rows(kind, json.dumps({place: entries}), Path("x"), Defaults()):
            assert bool(row.values) is not bool(row.reason)


def test_a_spreadsheet_in_another_encoding_is_read_where_it_is_named(tmp_path: Path) -> None:
    text = "name;engine;host;credential;description\n订单;mysql;db1;monitor;生产\n"
    path = tmp_path / "fleet.csv"
    path.write_bytes(text.encode("gbk"))
    with pytest.raises(ConfigurationError, match="--encoding gbk"):
        read_instances(path)
    (found,) = read_instances(path, "gbk").instances
    assert (found.name, found.description) == ("订单", "生产")
    with pytest.raises(ConfigurationError, match="'klingon' is no encoding"):
        read_instances(path, "klingon")


def test_json_that_is_indented_by_tabs(tmp_path: Path) -> None:
    """As DBeaver writes it; and with escapes that YAML has not, or reads otherwise."""
    entry = connection("mysql", "mysql8", "\U0001f600 a\\ud83d\\b/c", host="db", port="3306")
    written = {"connections": {"x": entry}}
    file = tmp_path / "data-sources.json"
    file.write_text(json.dumps(written, indent="\t").replace("/", "\\/"), "utf-8")
    found = read_foreign(file, ForeignFormat.DBEAVER, Defaults("monitor"))
    assert (found.problems, found.left_out) == ((), ())
    assert [item.name for item in found.instances] == ["\U0001f600 a\\ud83d\\b/c"]
    assert foreign_lines(file) == [3]


def foreign_lines(file: Path) -> list[int]:
    rows = foreign_rows(ForeignFormat.DBEAVER, file.read_text("utf-8"), file, Defaults())
    return [row.line for row in rows]
