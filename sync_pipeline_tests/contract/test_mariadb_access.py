"""The access masks of MariaDB: bit by bit, and of every version that wrote one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_pipeline.engines.mariadb.access import BITS, EVERYTHING, GRANT_BIT
from sync_pipeline_tests.contract import mysql_show_grants as show
from sync_pipeline_tests.contract.mysql_family import Family
from sync_pipeline_tests.servers.running import RunningServer

pytestmark = pytest.mark.mariadb

NEWEST_OF_10_11 = 38
MASKS = st.one_of(
    st.integers(0, 2**30 - 1),
    st.integers(0, 2**39 - 1),
    st.integers(0, 2**42 - 1),
    st.sampled_from([EVERYTHING, -1, 0, 1 << GRANT_BIT, 2**39 - 1, 2**30 - 1, 2**63]),
)
VERSIONS = st.sampled_from(
    [
        0,
        100300,
        100400,
        100501,
        100502,
        100507,
        100508,
        100509,
        100603,
        101100,
        101119,
        110300,
        9999999,
    ]
)


@pytest.fixture
def family(each_mariadb_server: RunningServer) -> Iterator[Family]:
    found = Family(each_mariadb_server)
    yield found
    found.run("DELETE FROM mysql.global_priv WHERE User LIKE 'mask%'", "FLUSH PRIVILEGES")


def test_each_privilege_has_the_bit_that_the_table_says(family: Family) -> None:
    with family.users("'mask'@'%'"):
        for bit, word in BITS.items():
            if bit > NEWEST_OF_10_11:
                continue
            family.run(f"GRANT {word} ON *.* TO 'mask'@'%'")
            (access,) = family.rows(
                "SELECT JSON_VALUE(Priv, '$.access') FROM mysql.global_priv WHERE User = 'mask'"
            )
            assert int(access[0]) == 1 << bit, word
            family.run(f"REVOKE {word} ON *.* FROM 'mask'@'%'")


@settings(max_examples=25, deadline=None)
@given(masks=st.lists(st.tuples(MASKS, VERSIONS), min_size=1, max_size=12))
def check_masks(family: Family, masks: list[tuple[int, int]]) -> None:
    values = ", ".join(
        f"('%', 'mask{number}', '{{\"access\":{access}"
        + (f',"version_id":{version}' if version else "")
        + "}')"
        for number, (access, version) in enumerate(masks)
    )
    family.run(
        "DELETE FROM mysql.global_priv WHERE User LIKE 'mask%'",
        f"INSERT INTO mysql.global_priv VALUES {values}",
        "FLUSH PRIVILEGES",
    )
    states = {state.name: state for state in family.snapshot().accounts}
    for number, (access, version) in enumerate(masks):
        name = f"'mask{number}'@'%'"
        said = show.read(
            (line for (line,) in family.rows(f"SHOW GRANTS FOR {name}")), name, is_mysql=False
        )
        recognised = [grant for grant in states[name].grants if grant.recognised]
        ours = {(g.privilege, g.grantable) for g in recognised}
        assert ours == {(fact[0], fact[5]) for fact in said.grants}, (access, version)
        assert states[name].is_superuser == ("SUPER" in {fact[0] for fact in said.grants})


def test_masks_of_every_version_mean_what_show_grants_says(family: Family) -> None:
    check_masks(family)
