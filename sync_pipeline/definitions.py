"""What Dagster loads: the composition of jobs, schedules and sensors, nothing else."""

from __future__ import annotations

import dagster as dg

from sync_pipeline.orchestration.jobs import build_account_sync
from sync_pipeline.orchestration.resources import PipelineResource
from sync_pipeline.orchestration.schedules import build_account_sync_schedule
from sync_pipeline.orchestration.sensors import build_run_end_sensors, session_reaper
from sync_pipeline.settings import Settings

_SETTINGS = Settings.load()

account_sync = build_account_sync(_SETTINGS)

defs = dg.Definitions(
    jobs=[account_sync],
    schedules=[build_account_sync_schedule(_SETTINGS, account_sync)],
    sensors=[*build_run_end_sensors(account_sync), session_reaper],
    resources={"pipeline": PipelineResource()},
)
