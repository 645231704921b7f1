"""A cron line is taken exactly where Dagster takes it: at once, not when a daemon loads it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from dagster._utils.schedules import is_valid_cron_string, schedule_execution_time_iterator
from hypothesis import example, given
from hypothesis import strategies as st

from sync_pipeline.cron_line import fault_of
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.settings import Settings

CRONS = [name for name in Settings.model_fields if name.endswith("_cron")]
numbers = st.integers(0, 62).map(str)
words = st.sampled_from(
    [
        *"*?l#hLHw-/,",
        "mon",
        "FRI",
        "sun",
        "jan",
        "feb",
        "Apr",
        "xyz",
        "l5",
        "L6",
        "15w",
        "１",
        "1.5",
    ]
)
atoms = numbers | words
parts = st.one_of(
    atoms,
    st.builds("{}-{}".format, atoms, atoms),
    st.builds("{}/{}".format, atoms, atoms),
    st.builds("{}-{}/{}".format, numbers, numbers, numbers),
    st.builds("{}#{}".format, atoms, st.integers(0, 6)),
)
fields = st.one_of(
    st.just("*"), st.just("*"), parts, st.lists(parts, min_size=2, max_size=3).map(",".join)
)
sizes = st.sampled_from([5, 5, 5, 5, 5, 4, 6, 7])


def near(low: int, high: int, *named: str) -> st.SearchStrategy[str]:
    """A field that is mostly right: numbers may be one too small or too large."""
    inside = st.integers(low, high).map(str)
    number = st.one_of(*[inside] * 6, st.sampled_from([*named, str(high + 1)]))
    step = st.integers(0, high).map(str)
    return st.one_of(
        st.just("*"),
        number,
        st.builds("{}-{}".format, number, number),
        st.builds("*/{}".format, step),
        st.builds("{}-{}/{}".format, number, number, step),
        st.builds("{},{}".format, number, number),
    )


right = st.tuples(
    near(0, 59), near(0, 23), near(1, 31, "l"), near(1, 12, "feb", "APR"), near(0, 7, "mon", "L5")
)
lines = st.builds(
    lambda found, between: between.join(found),
    right | right | sizes.flatmap(lambda size: st.lists(fields, min_size=size, max_size=size)),
    st.sampled_from([" ", " ", "  ", "\t", "\n"]),
)


def loads(line: str) -> bool:
    """Whether Dagster loads a schedule of this line and finds a time for it."""
    try:
        return is_valid_cron_string(line) and bool(
            next(schedule_execution_time_iterator(0.0, line, "UTC"))
        )
    except Exception:  # noqa: BLE001 - whatever it is, the schedule does not load
        return False


@given(lines)
@example("@daily")
@example("@reboot")
@example("0 0 31 feb *")
@example("0 0 30 2 mon")
@example("0 0 31 2,4 *")
@example(" 0 0 * * * ")
@example("")
def test_it_is_as_strict_as_dagster(line: str) -> None:
    assert (fault_of(line) is None) is loads(line), line


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("61 * * * *", "out of range"),
        ("* 24 * * *", "out of range"),
        ("*/0 * * * *", "must not be zero"),
        ("0 0 31 2 *", "it never comes"),
        ("0 0 30 feb *", "it never comes"),
        # These Dagster takes, and fails with when it asks for their first time.
        ("0 0 31 4 *", "it never comes"),
        ("0 0 30,31 2 *", "it never comes"),
        ("* * * * monday", "it is not acceptable"),
        ("* * * * * *", "it has 6 fields instead of five"),
        ("* * * *", "it has 4 fields instead of five"),
        ("every hour", "it has 2 fields instead of five"),
        ("H * * * *", "hash_id"),
        ("R(0-5) * * * *", "R is a time by chance"),
        ("* * r * *", "R is a time by chance"),
        ("* * 1,R * *", "R is a time by chance"),
    ],
)
def test_a_wrong_line_is_named_when_the_settings_are_read(
    line: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in CRONS:
        with monkeypatch.context() as only:
            only.setenv(f"SYNC_PIPELINE_{name.upper()}", line)
            with pytest.raises(ConfigurationError) as caught:
                Settings.load()
        assert f"SYNC_PIPELINE_{name.upper()}: " in str(caught.value)
        assert f"{line!r} is not a cron line of five fields: " in str(caught.value)
        assert reason in str(caught.value)


@pytest.mark.parametrize("line", ["0 0 * * MON-FRI", "0 22 1,15 jan-dec *", "@hourly", "0 0 l * *"])
def test_names_and_ranges_are_taken(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNC_PIPELINE_ACCOUNT_SYNC_CRON", line)
    assert Settings.load().account_sync_cron == line


def test_the_lines_by_default_are_right() -> None:
    lines = [Settings.model_fields[name].default for name in CRONS]
    assert len(lines) >= 4
    # A setting that is another one's old name has none.
    assert {line: fault_of(line) for line in lines if line} == dict.fromkeys(filter(None, lines))


def test_no_library_is_loaded_before_it_is_used() -> None:
    code = (
        "import sys; from sync_pipeline.settings import Settings; Settings.load();"
        "import sync_pipeline.notify.channels, sync_pipeline.store.database;"
        "print(*{'croniter', 'requests', 'filelock', 'email.headerregistry'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""
