"""What the ops, hooks and sensors are given."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime

import dagster as dg
from pydantic import PrivateAttr

from sync_pipeline.errors import StoreUnavailable
from sync_pipeline.files.private import secure_home
from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.fleet.shards import MOST_AT_ONCE
from sync_pipeline.orchestration.catalogued import Catalogued
from sync_pipeline.orchestration.runs.ends import note_machine
from sync_pipeline.orchestration.runs.lineage import Part, part_of
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.watching.liveness import signs_of_life


def utc_now() -> datetime:
    """Return the present moment, aware."""
    return datetime.now(UTC)


@contextmanager
def open_dependencies(runs_at_once: int = 1) -> Iterator[SyncDeps]:
    """Open the store and the vault that the settings name, and close them after use.

    Raises:
        SyncError: a setting is wrong, or the store does not answer.
    """
    settings = Settings.load()
    secure_home(settings.home)
    store = Store.open(settings.effective_store_url)
    try:
        vault = SecretVault.open(settings)
        yield SyncDeps(store, vault, settings, utc_now, runs_at_once=runs_at_once)
    finally:
        store.close()


class PipelineResource(dg.ConfigurableResource[SyncDeps]):
    """Store, secrets and settings, opened by the first step of a process that uses them.

    It has no configuration, because Dagster shows that in the UI, and it opens nothing
    before a step asks, because an error then would fail the step without a retry. The steps
    that a process runs share what was opened: the store has a pool of connections.
    """

    _lock: threading.Lock = PrivateAttr(default_factory=threading.Lock)
    _stack: ExitStack = PrivateAttr(default_factory=ExitStack)
    _opened: SyncDeps | None = PrivateAttr(default=None)
    _run: dg.DagsterRun | None = PrivateAttr(default=None)
    _instance: dg.DagsterInstance | None = PrivateAttr(default=None)
    _parts: dict[str, Part] = PrivateAttr(default_factory=dict)
    _catalogued: Catalogued | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Keep the run that this is for; a sensor has none."""
        self._run = context.run
        self._instance = context.instance

    @contextmanager
    def open(self) -> Iterator[SyncDeps]:
        """Give a step what `open_dependencies` opens; it is closed when the run ends.

        From then on the process gives signs of life of its run, whose log names its machine.
        """
        with self._lock:
            if self._opened is None:
                opened = open_dependencies(self._runs_at_once())
                self._opened = self._stack.enter_context(opened)
                if self._run is not None and self._instance is not None:
                    session_id = self.part_of(self._instance, self._run).session_id
                    signs = signs_of_life(self._opened, session_id, self._run.run_id)
                    self._stack.enter_context(signs)
                    note_machine(self._instance, self._run)
        yield self._opened

    def _runs_at_once(self) -> int:
        """Return how many runs of this one's session may be at work at once."""
        if self._run is None or self._instance is None:
            return 1
        return min(self.part_of(self._instance, self._run).shard.count, MOST_AT_ONCE)

    def part_of(self, instance: dg.DagsterInstance, run: dg.DagsterRun) -> Part:
        """Return which part of which session a run is; Dagster is asked once."""
        if run.run_id not in self._parts:
            self._parts[run.run_id] = part_of(run, instance)
        return self._parts[run.run_id]

    def session_of(self, instance: dg.DagsterInstance, run_id: str) -> str:
        """Return the session of a run; Dagster is asked once."""
        if run_id in self._parts:
            return self._parts[run_id].session_id
        run = instance.get_run_by_id(run_id)
        return self.part_of(instance, run).session_id if run else run_id

    def catalogued(self) -> Catalogued:
        """Return the instances that are assets; the store is asked once a run.

        Where it does not answer there are none: who asks has done its work, and wants to show it.
        """
        with suppress(StoreUnavailable), self.open() as deps, self._lock:
            if self._catalogued is None:
                self._catalogued = Catalogued.of(deps)
            return self._catalogued
        return Catalogued()

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:  # noqa: ARG002
        """Close what was opened."""
        with self._lock:
            self._opened = None
            self._stack.close()
