"""The sensor that watches freshness and tells the news, and how long a success counts.

Annotations are not postponed here: Dagster reads them as types.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

import dagster as dg
from dagster._utils.schedules import schedule_execution_time_iterator

from sync_pipeline.categories import CATEGORIES
from sync_pipeline.model.session import SyncCategory
from sync_pipeline.notify.delivery import Delivery
from sync_pipeline.orchestration.instance import require_configured
from sync_pipeline.orchestration.resources import PipelineResource
from sync_pipeline.settings import Settings
from sync_pipeline.workflows.news.rules import alerting_of
from sync_pipeline.workflows.news.telling import channels_of, tell_news
from sync_pipeline.workflows.watching.freshness import check_freshness, watched_categories
from sync_pipeline.workflows.watching.windows import in_maintenance

SECONDS_BETWEEN_LOOKS = 60
_SHORTEST_SPAN = timedelta(days=8)
_FEWEST_TICKS, _MOST_TICKS = 14, 12_000
# Any moment will do: what differs between weeks and months is within the span.
_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)


@cache
def longest_interval(cron: str, time_zone: str) -> timedelta:
    """Return the longest time between two ticks of a cron line.

    A schedule that rests at weekends is not overdue on Sunday. Looks at a week at least,
    and at more than a dozen ticks.
    """
    ticks = schedule_execution_time_iterator(_SOME_DAY.timestamp(), cron, time_zone)
    before = first = next(ticks)
    longest = timedelta()
    for count, tick in enumerate(ticks, 2):
        longest = max(longest, tick - before)
        before = tick
        is_enough = tick - first >= _SHORTEST_SPAN and count >= _FEWEST_TICKS
        if is_enough or count >= _MOST_TICKS:
            break
    return longest


def freshness_limits(settings: Settings) -> Mapping[SyncCategory, timedelta]:
    """Return how long a success of each watched category counts."""
    return {
        category: longest_interval(settings.cron_of(CATEGORIES[category]), settings.time_zone)
        * settings.freshness_intervals
        for category in watched_categories(settings)
    }


@dg.sensor(
    minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Find instances that were not synced for too long; tell people of what happened.",
)
def instance_freshness(
    context: dg.SensorEvaluationContext, pipeline: PipelineResource
) -> dg.SkipReason:
    """Look at the whole fleet, and send each route what it has to tell now."""
    require_configured(context.instance)
    with pipeline.open() as deps:
        overdue = check_freshness(deps, freshness_limits(deps.settings), in_maintenance(deps))
        # After it: a file that is not valid keeps nobody from knowing what is overdue.
        alerting = alerting_of(deps.settings)
        deliveries = tell_news(deps, alerting, channels_of(deps, alerting))
    for item in deliveries:
        if item.error is not None:
            context.log.error(str(item.error))
    return dg.SkipReason(_summary(overdue, deliveries, has_routes=bool(alerting.routes)))


def _summary(overdue: int, deliveries: Sequence[Delivery], *, has_routes: bool) -> str:
    found = f"{overdue} overdue." if overdue else "Nothing is overdue."
    if not has_routes:
        return f"{found} Nobody is told: no SYNC_PIPELINE_ALERT_… channel is set."
    told = [
        f"{item.channel}: {'told' if item.error is None else 'not told, ' + str(item.error)}"
        for item in deliveries
    ]
    return " ".join([found, *told])
