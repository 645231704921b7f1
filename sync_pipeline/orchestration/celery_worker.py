"""The Celery application of a worker: `celery -A sync_pipeline.orchestration.celery_worker`.

Its broker and result backend are those of the environment, as docs/more-machines.md says.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from celery.signals import worker_init
from celery.worker.control import Panel

from sync_pipeline.errors import SyncError
from sync_pipeline.orchestration.processes.celery_app import COMMANDS, make_app
from sync_pipeline.settings import Settings


@worker_init.connect  # type: ignore[untyped-decorator]
def only_needed_commands(**_: Any) -> None:
    """Leave a worker the remote commands that the launcher uses."""
    for name in [name for name in Panel.data if name not in COMMANDS]:
        del Panel.data[name]


try:
    app = make_app(
        os.environ.get("CELERY_BROKER_URL", ""),
        os.environ.get("CELERY_RESULT_BACKEND", ""),
        allows_insecure=Settings.load().allow_insecure_broker,
    )
except SyncError as error:
    sys.exit(str(error))
