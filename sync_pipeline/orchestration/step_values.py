"""What steps hand to each other, in the memory of the run's process.

Dagster keeps a file a value by default. Here a value is read from memory; what a later run
may need, because it executes this one again from its failure, is appended to one file a run.
"""

from __future__ import annotations

import pickle
import threading
import time
from pathlib import Path

import dagster as dg

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.settings import Settings

SECONDS_KEPT = 30 * 86_400

Key = tuple[str, ...]


class StepValues(dg.IOManager):
    """The values of one run, and on demand those of the runs before it.

    A value is found by its run, step and output (and mapping key). Safe to share between
    threads. Runs on other machines find the file only where the directory is shared.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._values: dict[Key, object] = {}
        self._lock = threading.Lock()

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Keep a value, in memory and in the run's file."""
        key = tuple(context.get_identifier())
        self._values[key] = obj
        with self._lock, self._file(key[0]).open("ab") as file:
            pickle.dump((key, obj), file)

    def load_input(self, context: dg.InputContext) -> object:
        """Return a value.

        Raises:
            ConfigurationError: an earlier run handed it over and its file is not here.
        """
        key = tuple(context.get_identifier())
        if key not in self._values:
            with self._lock:
                if key not in self._values:
                    self._values.update(self._read(key[0]))
        try:
            return self._values[key]
        except KeyError:
            raise ConfigurationError(
                f"What run {key[0]} handed from step to step is not on this machine any more.",
                hint="Launch a new run instead of executing that one again from its failure.",
            ) from None

    def _file(self, run_id: str) -> Path:
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self._directory / f"{run_id}.values"

    def _read(self, run_id: str) -> dict[Key, object]:
        found: dict[Key, object] = {}
        try:
            with self._file(run_id).open("rb") as file:
                while True:
                    key, value = pickle.load(file)  # noqa: S301 - our own file, mode 0700
                    found[key] = value
        except (FileNotFoundError, EOFError, pickle.UnpicklingError):
            # A killed process may have left its last value half written.
            return found


def prune_step_values(settings: Settings) -> int:
    """Remove the files of runs that nobody executes again any more; return how many."""
    oldest = time.time() - SECONDS_KEPT
    old = [file for file in _directory(settings).glob("*.values") if file.stat().st_mtime < oldest]
    for file in old:
        file.unlink(missing_ok=True)
    return len(old)


@dg.io_manager(description="Values in the memory of the run's process, and in one file a run.")
def step_values(_context: dg.InitResourceContext) -> StepValues:
    """Keep the values below the home directory."""
    return StepValues(_directory(Settings.load()))


def _directory(settings: Settings) -> Path:
    return settings.dagster_home / "step_values"
