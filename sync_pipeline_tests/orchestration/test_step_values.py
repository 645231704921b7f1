"""What steps hand over is read from memory, and by a later run from the file of the first."""

from __future__ import annotations

import os
import time
from pathlib import Path

import dagster as dg
import pytest

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.orchestration.step_values import SECONDS_KEPT, StepValues, prune_step_values
from sync_pipeline.settings import Settings

KEYS = ("a", "b", "c")


def output(key: str) -> dg.OutputContext:
    return dg.build_output_context("open", "result", run_id="run-1", mapping_key=key)


def load(values: StepValues, key: str) -> object:
    return values.load_input(dg.build_input_context(upstream_output=output(key)))


def handed_over(directory: Path) -> StepValues:
    values = StepValues(directory)
    for key in KEYS:
        values.handle_output(output(key), key.upper())
    return values


def test_a_run_reads_its_values_and_so_does_its_re_execution(tmp_path: Path) -> None:
    first, later = handed_over(tmp_path), StepValues(tmp_path)
    for values in (first, later):
        assert [load(values, key) for key in KEYS] == ["A", "B", "C"]


def test_values_are_not_read_from_the_file_again(tmp_path: Path) -> None:
    values = handed_over(tmp_path)
    (tmp_path / "run-1.values").unlink()
    assert load(values, "b") == "B"


def test_a_file_that_ends_in_the_middle_gives_what_it_has(tmp_path: Path) -> None:
    handed_over(tmp_path)
    file = tmp_path / "run-1.values"
    file.write_bytes(file.read_bytes()[:-3])
    later = StepValues(tmp_path)
    assert load(later, "b") == "B"
    with pytest.raises(ConfigurationError, match=r"run run-1 .* not on this machine"):
        load(later, "c")


def test_old_files_are_removed(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    directory = settings.dagster_home / "step_values"
    directory.mkdir(parents=True)
    handed_over(directory)
    assert prune_step_values(settings) == 0
    long_ago = time.time() - SECONDS_KEPT - 60
    os.utime(directory / "run-1.values", (long_ago, long_ago))
    assert prune_step_values(settings) == 1
    assert not list(directory.iterdir())
