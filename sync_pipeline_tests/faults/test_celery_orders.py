"""Orders that a stranger writes to Redis: a real worker, a real Redis with TLS and a password."""

from __future__ import annotations

import json
import os
import pickle
import signal
import socket
import ssl
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

import pytest
import redis
from kombu.exceptions import OperationalError

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.orchestration.processes.celery_app import EXECUTE_RUN, make_app, require_safe
from sync_pipeline.settings import project_root
from sync_pipeline_tests.faults.test_celery import worker_command
from workbench.running.system import environment_of, wait_for
from workbench.servers.mysql_faults import Authority, authority
from workbench.servers.redis import redis_server

SAFE = "rediss://:secret@redis.example.net:6380/0?ssl_cert_reqs=required"
PASSWORD = "Broker-1"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "no password"),
        ("redis://redis.example.net/0", "no password"),
        ("redis://:secret@redis.example.net/0", "no TLS"),
        ("redis://:secret@192.0.2.1/0?ssl_cert_reqs=required", "no TLS"),
        ("rediss://redis.example.net/0?ssl_cert_reqs=required", "no password"),
        ("rediss://user@redis.example.net/0?ssl_cert_reqs=required", "no password"),
        ("rediss://:secret@redis.example.net/0", "verifies no certificate"),
        (SAFE.replace("required", "none"), "verifies no certificate"),
        (SAFE.replace("required", "optional"), "verifies no certificate"),
        (f"{SAFE}&ssl_cert_reqs=none", "verifies no certificate"),
        (f"{SAFE}&ssl_check_hostname=False", "verifies no host name"),
        ("amqp://guest:secret@rabbit.example.net//", "no TLS"),
        ("redis://:secret@localhost.evil.example/0", "no TLS"),
        ("redis://127.0.0.1:x@redis.example.net/0", "no TLS"),
    ],
)
def test_an_unsafe_broker_is_refused_and_its_password_not_shown(url: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem) as caught:
        require_safe(url, allows_insecure=False)
    assert "SYNC_PIPELINE_ALLOW_INSECURE_BROKER" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_what_is_allowed_all_the_same_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    require_safe(SAFE, allows_insecure=False)
    assert caplog.text == ""
    for url in ("redis://127.0.0.1:6379/0", "redis://localhost/0", "redis://[::1]/0"):
        require_safe(url, allows_insecure=False)
    require_safe("redis://:secret@redis.example.net/0", allows_insecure=True)
    assert caplog.text.count("can give workers orders") == 4
    assert "secret" not in caplog.text


def test_nothing_but_the_one_task_is_registered() -> None:
    app = make_app(SAFE, SAFE, allows_insecure=False)
    assert set(app.tasks) == {EXECUTE_RUN}
    assert app.conf.accept_content == app.conf.result_accept_content == ["json"]
    for run_id in ("", "x", "../../x", str(uuid4()).upper(), f"{uuid4()}\n", None, {"a": 1}):
        with pytest.raises(ConfigurationError):
            app.tasks[EXECUTE_RUN](run_id)


@dataclass
class Broker:
    """A worker, what it says, and the Redis from which it takes its orders."""

    url: str
    ca: Path
    process: subprocess.Popen[bytes]
    log: Path

    def write(self, task: str, kwargs: object = None, args: object = (), **options: Any) -> None:
        """Put a message into the queue, as anyone can who knows the password."""
        task_id = str(uuid4())
        body = json.dumps([args, kwargs or {}, options.get("embed") or {}]).encode()
        message = {
            "body": b64encode(options.get("body", body)).decode(),
            "content-encoding": "utf-8",
            "content-type": options.get("content_type", "application/json"),
            "headers": {
                "lang": "py", "task": task, "id": task_id, "root_id": task_id,
                "parent_id": None, "group": None, "retries": 0, "timelimit": [None, None],
            },
            "properties": {
                "correlation_id": task_id, "delivery_mode": 2, "priority": 0,
                "delivery_info": {"exchange": "", "routing_key": "dagster"},
                "body_encoding": "base64", "delivery_tag": task_id,
            },
        }  # fmt: skip
        with redis.Redis.from_url(self.url) as client:
            client.lpush("dagster", json.dumps(message))

    def says(self, text: str) -> None:
        """Wait until the worker says something."""
        wait_for(lambda: text in self.log.read_text(errors="replace"), 60, repr(text))


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("tls") / "own", "127.0.0.1")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory, tls: Authority) -> Iterator[Broker]:
    home = tmp_path_factory.mktemp("worker")
    with redis_server(home, tls, PASSWORD) as url:
        process, log = started(home, url)
        try:
            broker = Broker(url, tls.ca, process, log)
            broker.says("ready.")
            yield broker
        finally:
            stopped(process)
            sys.stdout.write(log.read_text(errors="replace")[-8000:])


def started(home: Path, url: str) -> tuple[subprocess.Popen[bytes], Path]:
    environment = {
        **environment_of(home),
        "DAGSTER_HOME": str(project_root()),
        "CELERY_BROKER_URL": url,
        "CELERY_RESULT_BACKEND": url,
    }
    log = home / "worker.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            worker_command(), cwd=project_root(), env=environment, stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    return process, log


def stopped(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class Evil:
    """What runs code where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize(
    "task",
    [
        "execute_plan", "execute_job", "resume_job", "celery.ping", "celery.map", "celery.starmap",
        "celery.chunks", "celery.group", "celery.chain", "celery.chord", "celery.chord_unlock",
        "celery.accumulate", "celery.backend_cleanup", "os.system",
    ],
)  # fmt: skip
def test_another_task_is_not_known(broker: Broker, task: str) -> None:
    broker.write(task, {"execute_step_args_packed": {}, "executable_dict": {}})
    broker.says(f"Received unregistered task of type '{task}'")


def test_a_pickle_is_not_opened(broker: Broker, tmp_path: Path) -> None:
    for kind in ("application/x-python-serialize", "pickle"):
        mark = tmp_path / kind.replace("/", "-")
        evil = pickle.dumps(((), {"run_id": Evil(mark)}, {}))
        broker.write(EXECUTE_RUN, body=evil, content_type=kind)
        broker.says("ContentDisallowed")
        assert not mark.exists()


@pytest.mark.parametrize("run_id", ["x", "../../etc/passwd", None, {"__class__": "InstanceRef"}])
def test_what_is_no_run_s_id_is_refused(broker: Broker, run_id: object) -> None:
    before = broker.log.read_text(errors="replace").count("This is not the id of a run.")
    broker.write(EXECUTE_RUN, {"run_id": run_id})
    wait_for(
        lambda: (
            broker.log.read_text(errors="replace").count("This is not the id of a run.") > before
        ),
        60,
        "the refusal",
    )


def test_a_callback_of_a_message_runs_no_code(broker: Broker) -> None:
    """A message may name tasks for its end; they are orders like any others."""
    evil = {"task": "os.system", "args": ["true"], "kwargs": {}, "options": {}, "immutable": True}
    unknown = str(uuid4())
    broker.write(EXECUTE_RUN, {"run_id": unknown}, embed={"errbacks": [evil], "callbacks": [evil]})
    broker.says(f"Run with id '{unknown}' not found")
    assert broker.process.poll() is None


def test_remote_commands_are_those_of_the_launcher(broker: Broker, tls: Authority) -> None:
    app = make_app(broker.url, broker.url, allows_insecure=False)
    assert app.control.ping(timeout=5)
    for command in ("shutdown", "pool_restart", "autoscale", "add_consumer", "conf", "rate_limit"):
        assert app.control.broadcast(command, reply=True, timeout=0.5) in ([], None) or all(
            "error" in answer
            for found in app.control.broadcast(command, reply=True, timeout=0.5)
            for answer in found.values()
        )
    assert app.control.ping(timeout=5)
    assert broker.process.poll() is None


def test_who_has_no_password_or_another_certificate_is_out(broker: Broker, tmp_path: Path) -> None:
    port = urlsplit(broker.url).port or 0
    with (
        redis.Redis("127.0.0.1", port, ssl=True, ssl_ca_certs=str(broker.ca)) as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.lpush("dagster", "x")
    stranger = authority(tmp_path / "stranger", "127.0.0.1")
    url = broker.url.replace(quote(str(broker.ca), safe=""), quote(str(stranger.ca), safe=""))
    assert url != broker.url
    for error in errors_of(url):
        assert "CERTIFICATE_VERIFY_FAILED" in error


def test_a_certificate_of_another_host_is_refused(tmp_path: Path) -> None:
    """One that the trusted authority signed, as a machine beside Redis may have."""
    other = authority(tmp_path / "other", "other.example.net")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(other.certificate, other.key)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=greet, args=(server, context), daemon=True).start()
        known = f"ssl_cert_reqs=required&ssl_ca_certs={quote(str(other.ca), safe='')}"
        url = f"rediss://:{PASSWORD}@127.0.0.1:{server.getsockname()[1]}/0?{known}"
        for error in errors_of(url):
            assert "IP address mismatch" in error


def greet(server: socket.socket, context: ssl.SSLContext) -> None:
    """Take part in the handshake of every client until the server is closed."""
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection, suppress(OSError):
            context.wrap_socket(connection, server_side=True).close()


def errors_of(url: str) -> list[str]:
    """Return why a launcher gets through neither to the broker nor to the results."""
    app = make_app(url, url, allows_insecure=False)
    with app.connection_for_write() as connection, pytest.raises(OperationalError) as broker:
        connection.ensure_connection(max_retries=1, interval_start=0)
    with pytest.raises(redis.ConnectionError) as results:
        app.backend.client.ping()
    return [str(broker.value), str(results.value)]


def test_an_unsafe_broker_ends_a_worker_with_a_sentence(tmp_path: Path) -> None:
    process, log = started(tmp_path, "redis://:secret@redis.example.net:6379/0")
    try:
        assert process.wait(60) != 0
    finally:
        stopped(process)
    said = log.read_text()
    assert "has no TLS" in said
    assert "secret" not in said
    assert "Traceback" not in said
