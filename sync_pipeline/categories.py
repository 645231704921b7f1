"""The categories of jobs that leave sessions: one row each.

Jobs, schedules, commands, metrics, freshness and lists of sessions follow from the rows. They are
text, so that every layer can read them, the settings too. What Dagster needs of a category is in
its folder, `orchestration/categories/<name>/`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Category:
    """What sessions of one kind are about, and how people meet them.

    `name` is in every session. `job` is the job that runs by its schedule, which the setting
    `cron_setting` times, and which `sync-pipeline run <command>` launches; `more_jobs` leave
    sessions of the category too. `summary` says in one sentence what it does, and `help` more.
    `counters` are the words of a record's counters, in their order: those beyond are not used.

    Where a category reads instances (`reads_instances`), each is left alone in maintenance and
    where it is not reached again and again, it may be overdue, and a large fleet takes several
    runs. `force` says what the option of that name allows; empty: there is none.
    """

    name: str
    job: str
    cron_setting: str
    command: str
    summary: str
    help: str
    counters: tuple[str, ...]
    reads_instances: bool = False
    force: str = ""
    more_jobs: tuple[str, ...] = ()


ACCOUNT = Category(
    name="account",
    job="account_sync",
    cron_setting="account_sync_cron",
    command="account-sync",
    summary="Sync the accounts of all active instances.",
    help="Sync the accounts of all active instances, or of those selected.",
    counters=("synced", "created", "updated", "deactivated"),
    reads_instances=True,
    force="Allow a mass deactivation of accounts.",
)

CAPACITY = Category(
    name="capacity",
    job="capacity_sync",
    cron_setting="capacity_sync_cron",
    command="capacity-sync",
    summary="Measure the databases of all active instances.",
    help="Measure the databases of all active instances, or of those selected.\n\n"
    "A second collection of a date replaces the first.",
    counters=("measured", "new", "back", "vanished"),
    reads_instances=True,
    force="Allow many databases to have vanished at once.",
)

AGGREGATION = Category(
    name="aggregation",
    job="aggregate_sizes",
    cron_setting="aggregation_cron",
    command="aggregation",
    summary="Aggregate sizes once the collection of the day has ended.",
    help="Aggregate what is due today: the running periods to date, and those that ended.\n\n"
    "It waits for a collection that still runs.",
    counters=("rows",),
    more_jobs=(
        *("backfill_sizes", "aggregate_day", "aggregate_week", "aggregate_month"),
        "aggregate_quarter",
    ),
)

CATEGORIES = {row.name: row for row in (ACCOUNT, CAPACITY, AGGREGATION)}

_EVERY_COUNTER = ("synced", "created", "updated", "deleted")


def counter_words(name: str) -> tuple[str, ...]:
    """Return the words of a category's counters; of one of another version, those of the store."""
    return CATEGORIES[name].counters if name in CATEGORIES else _EVERY_COUNTER


def reading_categories() -> tuple[str, ...]:
    """Return the names of the categories that read instances."""
    return tuple(row.name for row in CATEGORIES.values() if row.reads_instances)


def category_of_job(job: str) -> Category | None:
    """Return the category of a job's sessions; None where it leaves none."""
    rows = CATEGORIES.values()
    return next((row for row in rows if job == row.job or job in row.more_jobs), None)
