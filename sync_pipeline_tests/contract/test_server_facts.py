"""What every engine promises of what its server is set to."""

from __future__ import annotations

from sync_pipeline.engines.base import FactRow
from sync_pipeline.errors import PrivilegeError
from sync_pipeline.model.privilege import OF_SERVER, SectionName
from sync_pipeline.model.server_fact import ServerFacts
from sync_pipeline.model.snapshot import SectionStatus
from sync_pipeline_tests.contract.worlds.world import Row, World


def has_settings(world: World) -> bool:
    fills = (query.fills for query in world.engine.account_queries if query.row is FactRow)
    return any(SectionName.SERVER_SETTINGS in names for names in fills)


def test_queries_of_the_server_fill_its_sections_alone(world: World) -> None:
    for query in world.engine.account_queries:
        is_of_server = bool(OF_SERVER.intersection(query.fills))
        assert (query.row is FactRow) == is_of_server, query.name
        assert not is_of_server or OF_SERVER.issuperset(query.fills), query.name


def test_what_the_server_is_set_to_is_read_with_its_accounts(world: World) -> None:
    snapshot = world.snapshot()
    server = ServerFacts(snapshot.server_facts)
    assert snapshot.server_facts == tuple(sorted(snapshot.server_facts))
    read = [
        report.status
        for key, report in snapshot.sections.items()
        if key.name is SectionName.SERVER_SETTINGS
    ]
    assert read == ([SectionStatus.READ] if has_settings(world) else [])
    settings = [item for item in snapshot.server_facts if not (item.database or item.subject)]
    assert bool(settings) is has_settings(world)
    assert all(server.value(item.name) == item.value for item in settings)


def test_settings_that_were_refused_are_not_known_and_nobody_is_warned(world: World) -> None:
    """Whatever of it is refused, the accounts are whole, and no fact of it is left."""

    def refused(sql: str, rows: list[Row]) -> list[Row]:
        if "-- Settings that findings about the server ask for." in sql:
            raise PrivilegeError("no")
        return rows

    whole, snapshot = world.snapshot(), world.snapshot(refused)
    assert snapshot.accounts == whole.accounts
    assert snapshot.warnings == whole.warnings
    assert snapshot.unread == whole.unread
    names = {key.name for key in snapshot.unreviewed} - {key.name for key in whole.unreviewed}
    if has_settings(world):
        assert names == {SectionName.SERVER_SETTINGS}
        assert set(snapshot.server_facts) < set(whole.server_facts)
