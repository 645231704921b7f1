"""The sensor that closes sessions: of runs that have ended, are gone, or silent.

It is also the one that looks whether Dagster knows what the store has, as runs that died did not
say what they did: one sensor more would cost an idle system more than the look.

Annotations are not postponed here: Dagster reads them as types.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

import dagster as dg

from sync_pipeline.categories import AGGREGATION
from sync_pipeline.errors import StoreUnavailable
from sync_pipeline.orchestration.categories.aggregation.pages import Told, tell_missing
from sync_pipeline.orchestration.instance import require_configured
from sync_pipeline.orchestration.resources import PipelineResource
from sync_pipeline.orchestration.runs.run_ends import SeenEnds
from sync_pipeline.orchestration.runs.runs import (
    SUPERFLUOUS_TAG,
    close_session_of,
    end_lost_runs,
    leaves_session,
    reap_sessions,
    row_of,
)
from sync_pipeline.settings import Settings
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.sessions import Reaped
from sync_pipeline.workflows.watching.liveness import Observation, look

MOST_SECONDS_BETWEEN_LOOKS = 20
"""The last record closes a session by itself. This is for what dies, so it may be rare: each
look costs more of an idle system than anything else in it."""
BETWEEN_COMPARISONS = timedelta(hours=1)
"""From one look at all periods of the store to the next, where no run aggregates any."""
MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Looked:
    """What is kept from one look to the next, as the sensor's cursor.

    `compared` is when the periods of the store were compared with Dagster's last; None: never.
    """

    ends: SeenEnds
    signs: Observation
    compared: datetime | None = None

    def to_cursor(self) -> str:
        """Return it as text."""
        compared = self.compared.isoformat() if self.compared else None
        signs = self.signs.to_json()
        return json.dumps({"ends": self.ends.to_plain(), "signs": signs, "compared": compared})

    @classmethod
    def of_cursor(cls, text: str | None, now: datetime) -> Self:
        """Return what `to_cursor` wrote; nothing seen yet where it can't be read."""
        with suppress(ValueError, TypeError, KeyError, AttributeError):
            found = json.loads(text or "{}")
            # A version before this one compared nothing.
            compared = found.get("compared")
            return cls(
                SeenEnds.of_plain(found["ends"]),
                Observation.from_json(found["signs"]),
                datetime.fromisoformat(compared) if compared else None,
            )
        return cls(SeenEnds.first(now), Observation())


def look_seconds(settings: Settings) -> int:
    """Return the seconds between two looks: three before a silent run is given up."""
    return min(MOST_SECONDS_BETWEEN_LOOKS, settings.stale_after_seconds // 3)


def build_session_reaper(settings: Settings) -> dg.SensorDefinition:
    """Return the sensor that closes sessions whose last record did not."""

    @dg.sensor(
        minimum_interval_seconds=look_seconds(settings),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Close sessions whose run has ended, is gone, or silent for too long.",
    )
    def session_reaper(
        context: dg.SensorEvaluationContext, pipeline: PipelineResource
    ) -> dg.SkipReason:
        require_configured(context.instance)
        with pipeline.open() as deps:
            reaped, told = _looked(context, deps)
        closed = [f"{item.session.session_id}: {item.reason}" for item in reaped[:MOST_SHOWN]]
        more = f" and {len(reaped) - MOST_SHOWN} more" if len(reaped) > MOST_SHOWN else ""
        said = f"Closed {'; '.join(closed)}{more}" if closed else "No session to close."
        also = f" Told Dagster of {told.count} aggregated periods." if told.count else ""
        return dg.SkipReason(said + also)

    return session_reaper


def _looked(context: dg.SensorEvaluationContext, deps: SyncDeps) -> tuple[Sequence[Reaped], Told]:
    """Close what the last record did not close: also of a run that is gone, or a dead machine."""
    before = Looked.of_cursor(context.cursor, deps.clock())
    end_lost_runs(context.instance)  # first, so that this look closes their sessions
    ends, ended = before.ends.look(context.instance, deps.clock())
    _close(context, deps, [run for run in ended if _is_ours(context, run)])
    signs, silent = look(deps, before.signs, look_seconds(deps.settings))
    reaped = reap_sessions(context.instance, deps, silent)
    # Also what the sessions that were closed now have left, of runs that died.
    over = before.compared is None or deps.clock() - before.compared >= BETWEEN_COMPARISONS
    if not over and not any(row_of(run.job_name) is AGGREGATION for run in ended):
        context.update_cursor(Looked(ends, signs, before.compared).to_cursor())
        return reaped, Told()
    told = _compared(context, deps)
    # Of very many periods it was told of some: those that are left are for the next look.
    is_done = told is not None and not (told.count and told.is_more)
    context.update_cursor(Looked(ends, signs, deps.clock() if is_done else None).to_cursor())
    return reaped, told or Told()


def _compared(context: dg.SensorEvaluationContext, deps: SyncDeps) -> Told | None:
    """Tell Dagster of the periods that it does not know; where that fails, sessions are closed."""
    try:
        return tell_missing(context.instance, deps)
    except Exception:
        context.log.exception("What is aggregated was not compared with what Dagster knows.")
        return None


def _close(
    context: dg.SensorEvaluationContext, deps: SyncDeps, ended: Sequence[dg.DagsterRun]
) -> None:
    """Close the session of each run; one that can't be closed keeps no other one open.

    Raises:
        StoreUnavailable: the cursor stays as it was, and the next look does it again.
    """
    for run in ended:
        try:
            close_session_of(context.instance, run, deps)
        except StoreUnavailable:
            raise
        except Exception:
            context.log.exception("The session of run %s was not closed.", run.run_id)


def _is_ours(context: dg.SensorEvaluationContext, run: dg.DagsterRun) -> bool:
    """Return whether a run is of a job of this location that leaves a session."""
    origin, here = run.remote_job_origin, context.code_location_origin
    there = origin.repository_origin.code_location_origin if origin else None
    is_here = here is None or there is None or there.location_name == here.location_name
    is_of_tick = SUPERFLUOUS_TAG not in run.tags  # else another run did its work
    return is_here and is_of_tick and leaves_session(run.job_name)
