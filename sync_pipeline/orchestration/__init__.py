"""Everything that knows Dagster: jobs, schedules, sensors, and how they are started."""
