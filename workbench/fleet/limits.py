"""The least time a run over a fleet can take: its CPU time, and what it has to wait for."""

from __future__ import annotations

import os
from dataclasses import dataclass

from workbench.fleet.addresses import EndpointKind
from workbench.fleet.homes import FleetPlan
from workbench.fleet.recording import Recording
from workbench.fleet.responder import Latency

_MEAN_SPREAD = 0.75  # the product waits between half of a retry's wait and all of it


@dataclass(frozen=True, slots=True)
class Patience:
    """How often an instance is tried again, and the seconds before the first retry."""

    retry_limit: int
    retry_base_seconds: float

    @property
    def between_seconds(self) -> float:
        """Return the seconds between the attempts of an instance that fails to the last."""
        waits = [self.retry_base_seconds * 2.0**attempt for attempt in range(self.retry_limit)]
        return sum(waits) * _MEAN_SPREAD


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds that a fleet makes a run wait: of all instances in turn, and of the slowest."""

    together: float
    longest: float

    @classmethod
    def of(
        cls, plan: FleetPlan, recording: Recording, latency: Latency, patience: Patience
    ) -> Waits:
        """Return the waits for the live and the silent instances of a fleet."""
        counts = plan.mix.counts(plan.count)
        # One connection to the server as such, and one to each of its databases.
        connections = len(recording.starts) + 1
        live = connections * latency.connect + len(recording.answers) * latency.round_trip
        silent = plan.connect_seconds * (patience.retry_limit + 1)
        together = counts[EndpointKind.LIVE] * live + counts[EndpointKind.SILENT] * silent
        has_silent = counts[EndpointKind.SILENT] > 0
        longest = silent + patience.between_seconds if has_silent else live
        return cls(together, longest)


@dataclass(frozen=True, slots=True)
class Means:
    """What a runner works with: instances and interpreters at once, in so many runs."""

    at_once: int
    processes: int
    runs: int = 1

    @property
    def cores(self) -> int:
        """Return how many cores it can use: one interpreter runs on one."""
        return min(self.processes, os.cpu_count() or 1)

    def limit_seconds(self, own_seconds: float, other_seconds: float, waits: Waits) -> float:
        """Return the least time in which so much CPU time and these waits can end.

        The other CPU seconds are those of what the run works with on the same machine.
        """
        own = own_seconds / self.cores
        everything = (own_seconds + other_seconds) / (os.cpu_count() or 1)
        return max(own, everything, waits.together / self.at_once, waits.longest)
