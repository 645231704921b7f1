"""One host is one host wherever hosts are compared: in limits, orders and shards."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.engines.sqlserver.wire.connection import login_database
from sync_pipeline.model.instance import EngineName, Instance, host_of
from sync_pipeline.model.shard import shard_count, slices
from sync_pipeline.settings import Settings
from sync_pipeline.workflows.syncing.limits import limits_of

SPELLINGS = {
    "db1.example.net": (
        "db1.example.net",
        "DB1.Example.net",
        "db1.example.net.",
        " Db1.example.NET. ",
    ),
    "10.0.0.7": ("10.0.0.7", "::ffff:10.0.0.7", "::FFFF:0a00:7"),
    "2001:db8::7": ("2001:db8::7", "2001:DB8:0:0::7", "2001:0db8:0000:0000:0000:0000:0000:0007"),
    "db2.example.net": ("db2.example.net", "db2.example.net."),
    "::1": ("::1", "0:0:0:0:0:0:0:1"),
}
EVERY = [(name, spelling) for name, spellings in SPELLINGS.items() for spelling in spellings]
fleets = st.lists(st.sampled_from(EVERY), min_size=1, max_size=40)


def instance(number: int, host: str) -> Instance:
    return Instance(number, f"i{number}", EngineName.MYSQL, host, 3306, "monitor")


@given(fleets, st.integers(1, 12))
def test_what_shares_a_limit_shares_a_shard(fleet: list[tuple[str, str]], count: int) -> None:
    instances = [instance(number, spelling) for number, (_, spelling) in enumerate(fleet)]
    shards = slices(instances, count)
    by_host: dict[str, set[int]] = {}
    for item, (name, _) in zip(instances, fleet, strict=True):
        assert host_of(item) == name
        by_host.setdefault(name, set()).add(shards[item.id])
    assert all(len(numbers) == 1 for numbers in by_host.values())
    assert shard_count(instances, 1) == len(by_host)


@pytest.mark.parametrize(("name", "spelling"), EVERY)
def test_a_limit_knows_a_host_by_any_spelling(name: str, spelling: str, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, connections_per_host=2)
    assert name in {limit.name for limit in limits_of(settings, instance(1, spelling))}


@pytest.mark.parametrize("host", ["x.database.windows.net", "X.Database.Windows.NET."])
def test_azure_is_known_by_any_spelling(host: str) -> None:
    azure = Instance(1, "i", EngineName.SQLSERVER, host, 1433, "monitor", database="shop")
    assert login_database(azure) == "shop"
