"""The running UI: who reaches it, what it gives away, and what its processes know."""

from __future__ import annotations

import http.client
import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from workbench.running.system import (
    LAUNCH,
    System,
    running_system,
    wait_for,
)
from workbench.servers.running import RunningServer, free_port

pytestmark = pytest.mark.long

KEY = Fernet.generate_key().decode()
MARK = "S3cretMark"
SECRETS = {
    "SYNC_PIPELINE_SECRET_KEY": KEY,
    "SYNC_PIPELINE_ALERT_SMTP_USERNAME": "ops",
    "SYNC_PIPELINE_ALERT_SMTP_PASSWORD": f"{MARK}-smtp",
    "SYNC_PIPELINE_ALERT_WEBHOOK_URL": f"http://127.0.0.1:9/{MARK}-hook",
    "SYNC_PIPELINE_ALERT_SLACK_URL": f"http://127.0.0.1:9/{MARK}-slack",
    "BILLING_PASSWORD": f"{MARK}-credential",
    "AWS_SECRET_ACCESS_KEY": f"{MARK}-aws",
    "PGPASSWORD": f"{MARK}-pg",
}
RUNS = "{ runsOrError { ... on Runs { results { runId } } } }"
EVIL = "evil.example"
SOURCES = [
    {"ops": {"select_instances": {"config": {field: value}}}}
    for source in ({"env": "SYNC_PIPELINE_SECRET_KEY"}, {"env": "BILLING_PASSWORD"})
    for field, value in (
        ("instances", [source]), ("tags", [source]), ("engines", [source]),
        ("environments", [source]), ("created_by", source), ("force", source),
        ("instances", source),
    )
] + [
    {"execution": {"config": {"start_method": {"forkserver": {"preload_modules": ["this"]}}}}},
    {"execution": {"config": {"max_concurrent": {"env": "SYNC_PIPELINE_SECRET_KEY"}}}},
    {"loggers": {"console": {"config": {"log_level": {"env": "SYNC_PIPELINE_SECRET_KEY"}}}}},
    {"loggers": {"console": {"config": {"name": "x"}}}},
    {"resources": {"io_manager": {"config": {"base_dir": {"env": "SYNC_PIPELINE_SECRET_KEY"}}}}},
    {"resources": {"pipeline": {"config": {"x": {"env": "SYNC_PIPELINE_SECRET_KEY"}}}}},
    {"ops": {"open_session": {"config": {"env": "SYNC_PIPELINE_SECRET_KEY"}}}},
    {"ops": {"open_session": {"inputs": {"selected": {"env": "SYNC_PIPELINE_SECRET_KEY"}}}}},
]  # fmt: skip


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    home = tmp_path_factory.mktemp("guarded")
    url = f"sqlite:///{home / MARK}.db"
    settings = {"store_url": url, "account_sync_cron": "0 0 1 1 *"}
    with running_system(home, variables=SECRETS, **settings) as system:
        yield system


def raw(port: int, text: str, host: str = "127.0.0.1") -> int:
    """Send bytes as they are and return the status of the answer."""
    with socket.create_connection((host, port), timeout=60) as connection:
        connection.sendall(text.replace("\n", "\r\n").encode("latin-1"))
        answer = connection.makefile("rb").readline().decode()
    match = re.match(r"HTTP/1\.1 (\d{3})", answer)
    assert match is not None, answer
    return int(match[1])


def request(
    port: int, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, bytes, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request(method, path, body, named)
        response = connection.getresponse()
        return response.status, response.read(), response.headers
    finally:
        connection.close()


def launch_of(config: dict[str, Any]) -> dict[str, Any]:
    params = {
        "selector": {
            "repositoryLocationName": "sync_pipeline",
            "repositoryName": "__repository__",
            "jobName": "account_sync",
        },
        "runConfigData": config,
    }
    return {"query": LAUNCH, "variables": {"params": params}}


def runs(system: System) -> set[str]:
    return {item["runId"] for item in system.graphql(RUNS)["runsOrError"]["results"]}


def websocket(port: int, *headers: str, host: str = "") -> int:
    lines = [
        "GET /graphql HTTP/1.1", f"Host: {host or f'127.0.0.1:{port}'}", "Upgrade: websocket",
        "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: graphql-ws",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", *headers, "", "",
    ]  # fmt: skip
    return raw(port, "\n".join(lines))


@pytest.mark.parametrize("config", SOURCES, ids=str)
def test_a_launch_that_asks_for_the_environment_is_refused(
    system: System, config: dict[str, Any]
) -> None:
    before = runs(system)
    answer = system.graphql(LAUNCH, **launch_of(config)["variables"])["launchRun"]
    assert answer["__typename"] == "RunConfigValidationInvalid", answer
    assert MARK not in str(answer)
    assert KEY not in str(answer)
    assert runs(system) == before


def test_a_launch_of_an_asset_that_asks_for_the_environment_is_refused(system: System) -> None:
    """Dagster is less strict with the configuration of assets than with that of jobs."""
    before = runs(system)
    for config in SOURCES:
        launch = launch_of({**config, **nested(config)})["variables"]
        launch["params"]["selector"] |= {
            "jobName": "__ASSET_JOB",
            "assetSelection": [{"path": ["fleet_aggregations", "day"]}],
        }
        answer = system.graphql(LAUNCH, **launch)["launchRun"]
        assert answer["__typename"] == "RunConfigValidationInvalid", (config, answer)
        assert MARK not in str(answer)
        assert KEY not in str(answer)
    assert runs(system) == before


def nested(config: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration of steps as that of the steps inside an asset."""
    return {"ops": {"fleet_aggregations_day": {"ops": config["ops"]}}} if "ops" in config else {}


def test_what_is_too_long_fails_with_a_sentence_that_does_not_repeat_it(system: System) -> None:
    run_id = system.launch(instances=["z" * 300_000], created_by="y" * 300_000)
    assert system.ended_run(run_id) == "FAILURE"
    said = " ".join(event.message or "" for event in system.events(run_id))
    assert "zzz" not in said
    assert "zzz" not in str(system.events(run_id))
    failures = [e for e in system.events(run_id) if e.event_type_value == "STEP_FAILURE"]
    assert "should have at most 255 characters" in str(failures[0].event_specific_data)


def test_tags_of_a_launch_are_bounded(system: System) -> None:
    tags = {
        "sync_pipeline/session_id": "../../x" * 1000,
        "sync_pipeline/shard": "99999999999/1",
        "sync_pipeline/created_by": "x" * 100_000,
        "dagster/schedule_name": "x" * 100_000,
    }
    run_id = system.launch(tags=tags)
    system.ended_run(run_id)
    session = system.fleet.ended_session(run_id)
    assert len(session.created_by or "") == 255


def test_a_get_and_a_form_launch_nothing(system: System) -> None:
    before = runs(system)
    asked = launch_of({})
    query = "query=" + json.dumps(asked["query"]) + "&variables=" + json.dumps(asked["variables"])
    body = json.dumps(asked).encode()
    for path in (f"/graphql?{query}", f"/graphql%0A?{query}", f"/graphql%0D%0A?{query}"):
        safe = path.replace(" ", "%20").replace("\\n", "%20").replace('"', "%22")
        safe = safe.replace("{", "%7B").replace("}", "%7D")
        assert request(system.port, "GET", safe)[0] in (400, 405)
        # The page in which queries can be written is shown, and no query is done.
        shown = request(system.port, "GET", safe, Accept="text/html")
        assert shown[0] == 400 or b"<title>GraphiQL" in shown[1]
        for kind in ("text/plain", "application/x-www-form-urlencoded", "application/graphql", ""):
            assert request(system.port, "POST", safe, body, Content_Type=kind)[0] in (400, 405, 415)
    assert runs(system) == before


def test_only_allowed_hosts_are_answered(system: System) -> None:
    port = system.port
    ask = "GET /server_info HTTP/1.1\nHost: {}\n\n"
    for host in (f"127.0.0.1:{port}", f"LOCALHOST:{port}", f"localhost.:{port}", f"[::1]:{port}"):
        assert raw(port, ask.format(host)) == 200
    for host in ("", EVIL, f"{EVIL}:{port}", "127.0.0.1", f"127.0.0.1:{port}@{EVIL}"):
        assert raw(port, ask.format(host)) in (400, 403)
    own = f"127.0.0.1:{port}"
    assert raw(port, "GET /server_info HTTP/1.1\n\n") == 400
    assert raw(port, "GET /server_info HTTP/1.0\n\n") == 403
    assert raw(port, f"GET /server_info HTTP/1.1\nHost: {own}\nHost: {EVIL}\n\n") == 400
    assert raw(port, f"GET /server_info HTTP/1.1\nHost: {own}\nHost: {own}\n\n") == 400
    assert raw(port, f"GET http://{EVIL}/server_info HTTP/1.1\nHost: {own}\n\n") == 400
    assert raw(port, f"GET http://{own}/server_info HTTP/1.1\nHost: {EVIL}\n\n") == 403
    assert raw(port, f"GET /server_info HTTP/1.1\nHost: {EVIL}\nX-Forwarded-Host: {own}\n\n") == 403
    assert raw(port, f"GET /server_info HTTP/1.1\nHost : {own}\n\n") == 400
    assert raw(port, f"GET /server_info HTTP/1.1\nX: y\n Host: {own}\n\n") in (400, 403)


def test_a_websocket_of_another_page_is_refused(system: System) -> None:
    own = f"http://127.0.0.1:{system.port}"
    assert websocket(system.port) == 101
    assert websocket(system.port, f"Origin: {own}") == 101
    for origin in (f"http://{EVIL}", "null", f"http://localhost:{system.port}", f"{own}.{EVIL}"):
        assert websocket(system.port, f"Origin: {origin}") == 403
    assert websocket(system.port, f"Origin: {own}", "Sec-Fetch-Site: cross-site") == 403
    assert websocket(system.port, host=f"{EVIL}:{system.port}") == 403


def test_a_page_of_another_origin_gets_nothing(system: System) -> None:
    before = runs(system)
    body = json.dumps(launch_of({})).encode()
    for origin in (f"http://{EVIL}", "null", "http://127.0.0.1:8000"):
        answer = request(
            system.port, "POST", "/graphql", body, Content_Type="application/json", Origin=origin
        )
        assert answer[0] == 403
        preflight = request(
            system.port, "OPTIONS", "/graphql", Origin=origin, Access_Control_Request_Method="POST"
        )
        assert preflight[0] in (403, 405)
        assert not [name for name in preflight[2] if name.lower().startswith("access-control")]
    assert runs(system) == before


def test_no_page_can_be_framed(system: System) -> None:
    for path in ("/", "/runs", "/graphql", "/favicon.png"):
        status, _, headers = request(system.port, "GET", path, Accept="text/html")
        assert status == 200
        assert headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in (headers.get_all("Content-Security-Policy") or [])
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "server" not in headers


def children(pid: int) -> set[int]:
    """Return a process and all that it started, and those started."""
    found = {pid}
    with suppress(FileNotFoundError, ProcessLookupError):  # one that ends while it is asked
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found |= children(int(child))
    return found


def text_of(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def sockets_of(pids: set[int]) -> set[str]:
    """Return the numbers of the sockets that processes have open."""
    found = set()
    for link in (link for pid in pids for link in Path(f"/proc/{pid}").glob("fd/*")):
        with suppress(OSError):
            found |= set(re.findall(r"socket:\[(\d+)\]", str(link.readlink())))
    return found


def unix_listening(pids: set[int]) -> set[Path]:
    """Return the files at which processes listen."""
    sockets = sockets_of(pids)
    lines = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
    return {Path(line[7]) for line in lines if line[3] == "00010000" and line[6] in sockets}


def listening(pids: set[int]) -> set[int]:
    """Return the TCP ports on which processes listen."""
    sockets = sockets_of(pids)
    ports = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == "0A" and columns[9] in sockets:
                ports.add(int(columns[1].rpartition(":")[2], 16))
    return ports


def test_secrets_are_only_where_they_are_used(
    system: System, postgresql_server: RunningServer
) -> None:
    webserver = system.service_pid("sync_pipeline.orchestration.processes.webserver")
    daemon = system.service_pid("dagster._daemon")
    code_server = system.service_pid("grpc")
    assert webserver
    assert daemon
    assert code_server
    for pid in (webserver, daemon):
        known = text_of(pid, "environ")
        assert "SYNC_PIPELINE_HOME=" in known
        assert MARK not in known
        assert KEY not in known
    assert KEY in text_of(code_server, "environ")  # what starts the runs
    assert system.process is not None
    everything = children(system.process.pid)
    assert {webserver, daemon, code_server} <= everything
    for pid in everything:
        assert MARK not in text_of(pid, "cmdline")
        assert KEY not in text_of(pid, "cmdline")


def test_one_port_is_open_and_the_code_server_is_behind_a_private_socket(system: System) -> None:
    assert system.process is not None
    assert listening(children(system.process.pid)) == {system.port}
    webserver = system.service_pid("sync_pipeline.orchestration.processes.webserver")
    assert webserver
    words = text_of(webserver, "cmdline").split("\0")
    directory = Path(words[words.index("--workspace") + 1]).parent
    assert directory.stat().st_mode & 0o077 == 0
    assert (directory / "code.sock").is_socket()


def test_the_code_server_of_the_command_is_out_of_others_reach(system: System) -> None:
    command = subprocess.Popen(
        [sys.executable, "-m", "sync_pipeline.cli.main", "run", "account-sync", "--json"],
        env=system.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, umask=0,
    )  # fmt: skip
    try:

        def look() -> set[Path]:
            found = unix_listening(children(command.pid))
            return found if "code.sock" in {path.name for path in found} else set()

        # That of the code server, and that at which processes of runs are asked for.
        addresses = wait_for(look, 60, "the code server")
        assert {address.name for address in addresses} == {"code.sock", "runs.sock"}
        for address in addresses:
            assert address.parent.stat().st_mode & 0o077 == 0
            assert address.stat().st_mode & 0o077 == 0
        started = children(command.pid)
        assert listening(started) == set()
        for pid in started:
            assert MARK not in text_of(pid, "cmdline")
            assert KEY not in text_of(pid, "cmdline")
    finally:
        _, errors = command.communicate(timeout=120)
    assert command.returncode == 0, errors
    for address in addresses:
        assert not address.parent.exists()


def test_a_run_and_its_page_give_no_secret_away(system: System) -> None:
    run_id = system.launch()
    system.ended_run(run_id)
    info = str(system.graphql("{ instance { info } version }"))
    assert "HomeArtifactStorage" in info
    answers = [info, str(system.graphql("{ instance { runLauncher { name } } }"))]
    answers += [request(system.port, "GET", path)[1].decode() for path in ("/", "/server_info")]
    answers.append(" ".join(str(event) for event in system.events(run_id)))
    for text in answers:
        assert MARK not in text
        assert KEY not in text
    kept = system.fleet.home / "dagster"
    holders = [
        path
        for path in kept.rglob("*")
        if path.is_file() and {MARK.encode(), KEY.encode()} & _found(path.read_bytes())
    ]
    assert holders == []


def _found(content: bytes) -> set[bytes]:
    return {word for word in (MARK.encode(), KEY.encode()) if word in content}


@contextmanager
def another_webserver(
    system: System, *options: str, **settings: str
) -> Iterator[tuple[int, System]]:
    """Start a second webserver beside the first, for the same code server."""
    first = system.service_pid("sync_pipeline.orchestration.processes.webserver")
    words = text_of(first or 0, "cmdline").split("\0")
    workspace = words[words.index("--workspace") + 1]
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "sync_pipeline.orchestration.processes.webserver",
         "--host", "127.0.0.1", "--port", str(port), "--workspace", workspace, *options],
        env={**system.environment, **settings},
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    other = System(system.fleet, system.environment, port, (), process)
    try:
        wait_for(other.is_loaded, 90, "the start of the second webserver")
        yield port, other
    finally:
        other.stop()


SELECTOR = 'repositoryLocationName: "sync_pipeline", repositoryName: "__repository__"'
JOB = f'selector: {{{SELECTOR}, jobName: "account_sync"}}'
MUTATIONS = [
    f'launchRun(executionParams: {{{JOB}, runConfigData: "{{}}"}}) {{ __typename }}',
    'terminateRun(runId: "x") { __typename }',
    'deletePipelineRun(runId: "x") { __typename }',
    'reloadRepositoryLocation(repositoryLocationName: "sync_pipeline") { __typename }',
    "reloadWorkspace { __typename }",
    'wipeAssets(assetPartitionRanges: [{assetKey: {path: ["sizes"]}}]) { __typename }',
    'setConcurrencyLimit(concurrencyKey: "x", limit: 1)',
    f'startSensor(sensorSelector: {{{SELECTOR}, sensorName: "session_reaper"}}) {{ __typename }}',
]


def test_read_only_changes_nothing_and_other_names_can_be_allowed(system: System) -> None:
    before = runs(system)
    allowed = {"SYNC_PIPELINE_UI_ALLOWED_HOSTS": "ui.example.net, other.example.net:8443"}
    with another_webserver(system, "--read-only", **allowed) as (port, other):
        for mutation in MUTATIONS:
            body = json.dumps({"query": f"mutation {{ {mutation} }}"}).encode()
            _, answer, _ = request(port, "POST", "/graphql", body, Content_Type="application/json")
            assert "UnauthorizedError" in answer.decode(), (mutation, answer)
        assert runs(other) == before
        ask = "GET /server_info HTTP/1.1\nHost: {}\n\n"
        for host in ("ui.example.net", f"UI.example.net:{port}", "other.example.net:8443"):
            assert raw(port, ask.format(host)) == 200
        for host in (EVIL, "other.example.net", "x.ui.example.net"):
            assert raw(port, ask.format(host)) == 403


def test_a_wrong_name_is_told_before_anything_starts(system: System) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sync_pipeline.cli.main", "up", "--port", str(free_port())],
        env={**system.environment, "SYNC_PIPELINE_UI_ALLOWED_HOSTS": "*"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "SYNC_PIPELINE_UI_ALLOWED_HOSTS" in done.stderr
    assert "Traceback" not in done.stderr
