"""What every engine promises of the monitoring account: its script is enough, and none too much."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.errors import PrivilegeError
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.privilege import SectionName
from sync_pipeline.model.size import Measure, MeasureState, SizeSnapshot
from sync_pipeline.model.snapshot import SectionStatus
from sync_pipeline_tests.contract.worlds.monitors import MONITORS, Monitor

MAKES = ("CREATE DATABASE IF NOT EXISTS ", "CREATE ROLE IF NOT EXISTS ", "CREATE OR REPLACE ")
READS = (
    *("GRANT SELECT ON ", "GRANT READ ON ", "GRANT SHOW VIEW ON ", "GRANT PROCESS ON "),
    *("GRANT REPLICATION CLIENT ON ", "GRANT CONNECT ", "GRANT pg_monitor ", "GRANT VIEW "),
    *("GRANT CREATE SESSION ", "ALTER ROLE ", "ALTER USER "),
)
"""How lines begin that let the account read; the two ALTER bound it, or show it containers."""


@pytest.fixture(params=MONITORS)
def monitor(request: pytest.FixtureRequest) -> Iterator[Monitor]:
    making, variant = MONITORS[request.param]
    with making(request, variant) as made:
        yield made


@pytest.mark.parametrize("engine", EngineName)
def test_the_script_is_one_account_and_one_statement_a_line(engine: EngineName) -> None:
    text = ENGINES[engine].grants_script("mon", "%", ("sales", "hr"))
    assert text.endswith(";\n")
    create, *lines = [line for line in text.splitlines() if not line.startswith("--")]
    assert create.startswith("CREATE ")
    assert create.count("<password>") == 1
    assert not any("password>" in line for line in lines)
    assert all(line.endswith(";") and line.count(";") == 1 for line in lines)
    assert len(set(lines)) == len(lines)
    assert all(line.startswith((*MAKES, *READS)) for line in lines), lines
    assert not any("OPTION" in line.upper().partition(" AS SELECT ")[0] for line in lines)


@pytest.mark.parametrize("engine", EngineName)
def test_each_line_is_explained_and_each_explanation_is_of_a_line(engine: EngineName) -> None:
    found = ENGINES[engine]
    lines = [
        line
        for username in ("mon", "c##mon")
        for line in found.grants_script(username, "%", ("sales",)).splitlines()
        if not line.startswith("--")
    ]
    platforms = getattr(found, "platforms", ())
    lines += [
        line
        for name in platforms
        for line in found.platform_script("mon", name).splitlines()
        if not line.startswith("--")
    ]
    starts = [note.start for note in found.grant_notes if note.start]
    assert all(any(line.startswith(start) for start in starts) for line in lines)
    assert all(any(line.startswith(start) for line in lines) for start in starts)
    for note in found.grant_notes:
        assert note.opens
        assert bool(note.start) is not bool(note.optional)
        assert note.optional not in lines


def test_with_the_script_everything_is_read(monitor: Monitor) -> None:
    """Without a warning, and as much as the administrator reads."""
    found, everything = monitor.found(monitor.script), monitor.everything()
    assert found.said == ""
    assert found.snapshot is not None
    assert found.sizes is not None
    assert everything.snapshot is not None
    assert everything.sizes is not None
    known = {status for status in SectionStatus if status in ("read", "not applicable")}
    left = {key.name for key in found.snapshot.unreviewed}
    optional = {SectionName.LOGIN_RULES, SectionName.DEFINERS, SectionName.OBJECT_DEFINERS}
    assert left <= optional, "what stays without a grant"
    sections, whole = (
        {key: report for key, report in item.sections.items() if key.name not in left}
        for item in (found.snapshot, everything.snapshot)
    )
    assert {report.status for report in sections.values()} <= known
    assert sections == whole
    names = {state.name for state in found.snapshot.accounts}
    assert {state.name for state in everything.snapshot.accounts} <= names
    more = names - {state.name for state in everything.snapshot.accounts}
    assert all("mon" in name or "sync_pipeline_definer" in name for name in more), more
    assert {item.name for item in everything.sizes.databases} <= {
        item.name for item in found.sizes.databases
    }


def check_sizes(
    monitor: Monitor, left_out: str, sizes: SizeSnapshot, everything: SizeSnapshot | None
) -> None:
    """Check that just what a line opens is denied, with that line; nothing is too small."""
    assert everything is not None
    opened = (what for start, what in monitor.opens.items() if left_out.startswith(start))
    denied = {name: measure for name, measure in named(sizes) if is_denied(measure)}
    shut = set() if sizes.inventory_is_complete else {"the list"}
    assert {*denied, *shut} == next(opened, frozenset()) | monitor.leaves_shut, left_out
    for name in denied.keys() - monitor.leaves_shut:
        assert monitor.names(left_out).upper() in denied[name].reason.upper()
    whole = {item.name: item.measures() for item in everything.databases}
    for item in sizes.databases:  # what the script itself made is not there before
        for name, known in whole.get(item.name, {}).items():
            measure = item.measures()[name]
            assert measure == known or is_denied(measure) or measure.bytes, (left_out, item.name)
            assert is_denied(measure) or (measure.bytes or 0) >= 0.9 * (known.bytes or 0)


def named(sizes: SizeSnapshot) -> Iterator[tuple[str, Measure]]:
    """Yield the sizes of databases and of the server, by what the monitors call them."""
    for item in sizes.databases:
        yield from item.measures().items()
    for name in ("log", "shared", "temporary"):
        yield f"server {name}", getattr(sizes, name)


def is_denied(measure: Measure) -> bool:
    return measure.state is MeasureState.DENIED


def test_without_a_line_it_is_named(monitor: Monitor) -> None:
    assert monitor.needed
    everything = monitor.everything()
    for left_out in monitor.needed:
        found = monitor.found([line for line in monitor.script if line != left_out])
        assert monitor.names(left_out).upper() in found.told.upper(), left_out
        for error in found.errors:
            assert isinstance(error, PrivilegeError)
            assert not error.retryable
        if found.sizes is not None:
            check_sizes(monitor, left_out, found.sizes, everything.sizes)
        if found.snapshot is None:
            continue
        unread = found.snapshot.unread
        assert len(unread) <= 1 or not monitor.costs_one_section
        if unread:
            named = monitor.names(left_out).upper()
            assert any(named in report.reason.upper() for report in unread.values()), left_out
            assert any(named in text.upper() for text in found.snapshot.warnings), left_out
        assert {report.status for report in unread.values()} <= {SectionStatus.DENIED}
