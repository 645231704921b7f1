"""Cron lines, checked as Dagster checks them when it loads a schedule."""

from __future__ import annotations

import re

FIELDS = 5
_AT_RANDOM = re.compile(r"(?:^|[\s,])r(?:$|[\s,(/])", re.IGNORECASE)


def fault_of(line: str) -> str | None:
    """Return why a schedule can't have a cron line; None: it can.

    Dagster has croniter 6.0 in itself (dagster/_vendored/README.md) and takes what that parses
    as five fields (dagster/_utils/schedules.py, `is_valid_cron_string`). Later ones of croniter
    take other lines. A line that never comes fails when Dagster asks for its first time.
    """
    # Not before there is a line to read.
    from croniter import CroniterBadDateError, croniter  # noqa: PLC0415

    if _AT_RANDOM.search(line):
        return "R is a time by chance, another one each time that it is asked for"
    try:
        fields, *_ = croniter.expand(line)
    except Exception as error:  # noqa: BLE001 - croniter raises more than its own errors
        return _reason(line, error)
    if len(fields) != FIELDS:
        return f"it has {len(fields)} fields instead of five"
    try:
        croniter(line, 0.0).get_next()
    except CroniterBadDateError:
        return "it never comes"
    return None


def _reason(line: str, error: Exception) -> str:
    count = len(line.split())
    if count != FIELDS and not line.lstrip().startswith("@"):
        return f"it has {count} fields instead of five"
    reason = str(error).removeprefix(f"[{line}] ") or type(error).__name__
    return f"it {reason}" if reason.startswith("is ") else reason
