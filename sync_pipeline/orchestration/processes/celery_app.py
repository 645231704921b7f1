"""What the launcher and the workers share: one task, told as JSON, over a broker that is safe.

Whoever can write to the broker gives the workers their orders. So a worker knows one task,
which carries out a run that Dagster has made, and takes nothing but the run's id.
"""

from __future__ import annotations

import ipaddress
import logging
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

from celery import Celery
from dagster import DagsterInstance
from dagster._cli.api import _execute_run_command_body

from sync_pipeline.errors import ConfigurationError

_LOG = logging.getLogger("sync_pipeline")
EXECUTE_RUN = "sync_pipeline.execute_run"
QUEUE = "dagster"
COMMANDS = ("ping", "revoke")
"""What a worker may be told besides: whether it is there, and to end a run."""
_RUN_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_VERIFIED = ("required", "CERT_REQUIRED")


def make_app(broker: str, backend: str, *, allows_insecure: bool) -> Celery:
    """Return the Celery application, which knows the task and nothing else.

    Raises:
        ConfigurationError: a URL has no password or no TLS, and that is not allowed.
    """
    for url in (broker, backend):
        require_safe(url, allows_insecure=allows_insecure)
    app = Celery("sync_pipeline", broker=broker, backend=backend)
    app.conf.update(
        accept_content=["json"],
        result_accept_content=["json"],
        task_serializer="json",
        result_serializer="json",
        event_serializer="json",
        task_default_queue=QUEUE,
        worker_prefetch_multiplier=1,
        # A launch fails soon where the broker is away, and the daemon says so.
        broker_transport_options={"max_retries": 3, "interval_start": 0, "interval_max": 0.5},
        # A worker takes the tasks of this module, and imports none that a message names.
        imports=(),
        worker_pool_restarts=False,
    )
    app.task(execute_run, name=EXECUTE_RUN, track_started=True)
    app.finalize()
    for name in [name for name in app.tasks if name != EXECUTE_RUN]:
        app.tasks.pop(name)
    return app


def execute_run(run_id: str) -> int:
    """Carry out a run that Dagster has made; it ignores one that is at work or has ended."""
    if not isinstance(run_id, str) or not _RUN_ID.fullmatch(run_id):
        raise ConfigurationError("This is not the id of a run.")
    with DagsterInstance.get() as instance:
        return _execute_run_command_body(
            run_id=run_id,
            instance=instance,
            write_stream_fn=_keep_nothing,
            set_exit_code_on_failure=True,
        )


def require_safe(url: str, *, allows_insecure: bool) -> None:
    """Make sure that only who knows a password can give orders, and nobody can listen.

    On this machine, a broker without is taken with a warning.

    Raises:
        ConfigurationError: the URL has no password or no verified TLS.
    """
    problem = _problem(url)
    if not problem:
        return
    if allows_insecure or _is_loopback(url):
        _LOG.warning("The Celery broker has %s: who can reach it can give workers orders.", problem)
        return
    raise ConfigurationError(
        f"The Celery broker or result backend has {problem}.",
        hint="Write rediss://USER:PASSWORD@HOST:6380/0?ssl_cert_reqs=required"
        "&ssl_ca_certs=/etc/ssl/redis-ca.pem (docs/more-machines.md). To go on without, set "
        "SYNC_PIPELINE_ALLOW_INSECURE_BROKER=true.",
    )


def _problem(url: str) -> str:
    """Return what a URL lacks; empty where nothing."""
    parts = urlsplit(url)
    if not parts.password:
        return "no password"
    if parts.scheme != "rediss":
        return "no TLS"
    asked = parse_qs(parts.query)
    if asked.get("ssl_cert_reqs", [""])[-1] not in _VERIFIED:
        return "TLS that verifies no certificate (ssl_cert_reqs=required)"
    if asked.get("ssl_check_hostname", ["true"])[-1].lower() == "false":
        return "TLS that verifies no host name (ssl_check_hostname)"
    return ""


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _keep_nothing(event: Any) -> None:
    """Leave an event to Dagster's storage, where it is already."""
