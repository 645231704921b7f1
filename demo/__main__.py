"""Sync the accounts of sample servers, measure them, aggregate a history, write a report."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from demo.history import DAYS, generate_history
from demo.samples import (
    MONITOR,
    MONITOR_PASSWORD,
    MYSQL_NIGHT,
    MYSQL_SEED,
    POSTGRESQL_NIGHT,
    POSTGRESQL_SEED,
    run_script,
)
from sync_pipeline.engines.registry import ENGINES
from workbench.servers import mariadb, postgresql
from workbench.servers.running import RunningServer

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".demo"
COMMAND = Path(sys.executable).parent / "sync-pipeline"
SEEDS = {"postgresql": POSTGRESQL_SEED, "mariadb": MYSQL_SEED}
NIGHTS = {"postgresql": POSTGRESQL_NIGHT, "mariadb": MYSQL_NIGHT}


def say(text: str) -> None:
    """Print a heading."""
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    sys.stdout.write(f"\n{bold}{text}{plain}\n")
    sys.stdout.flush()


def command(*arguments: str, stdin: str | None = None) -> None:
    """Run one `sync-pipeline` command as a user would; a failure ends the demonstration."""
    sys.stdout.write(f"$ sync-pipeline {' '.join(arguments)}\n")
    sys.stdout.flush()
    done = subprocess.run([COMMAND, *arguments], input=stdin, text=True, check=False)
    if done.returncode:
        sys.exit(done.returncode)


def leave_running(port: int) -> None:
    """Serve the UI until Ctrl-C, and let it end in good order before the servers do."""
    with subprocess.Popen([COMMAND, "up", "--port", str(port)]) as serving:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: serving.send_signal(signal.SIGINT))
        serving.wait()


def start_servers(stack: ExitStack) -> dict[str, RunningServer]:
    """Start one private server of each engine that is installed here."""
    servers: dict[str, RunningServer] = {}
    newest = postgresql.installations()[-1]
    directory = STATE / "servers"
    servers["billing-pg"] = stack.enter_context(
        postgresql.run_postgresql(newest, directory / "postgresql")
    )
    installation = mariadb.installation()
    if installation is None:
        say("MariaDB is not installed here (apt install mariadb-server): going on without it")
    else:
        servers["shop-mariadb"] = stack.enter_context(
            mariadb.run_mariadb(installation, directory / "mariadb")
        )
    for name, server in servers.items():
        sys.stdout.write(f"{name}: {server.engine} {server.version} on port {server.port}\n")
    return servers


def seed(server: RunningServer) -> None:
    """Create the sample accounts, and the monitoring account by its own script."""
    run_script(server, SEEDS[server.engine])
    script = ENGINES[server.engine].grants_script(MONITOR, "%", [server.database])
    statements = "\n".join(line for line in script.splitlines() if not line.startswith("--"))
    run_script(server, statements.replace("<password>", MONITOR_PASSWORD))


def register(servers: dict[str, RunningServer]) -> None:
    """Put the servers into the registry with the command a user would use."""
    command(
        "credentials", "add", "demo", "--username", MONITOR, "--password-stdin",
        stdin=MONITOR_PASSWORD,
    )  # fmt: skip
    for name, server in servers.items():
        command(
            "instances", "add", name, "--engine", str(server.engine), "--host", server.host,
            "--port", str(server.port), "--credential", "demo", "--environment", "demo",
            # Private servers on loopback, without TLS.
            "--tls", "disable",
        )  # fmt: skip
    command("instances", "test", "--all")


def main() -> None:
    """Run the demonstration."""
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--ui", action="store_true", help="leave the Dagster UI running")
    parser.add_argument("--port", type=int, default=3000, help="the UI's port on 127.0.0.1")
    options = parser.parse_args()
    shutil.rmtree(STATE, ignore_errors=True)
    # The database servers refuse root, so their user must be able to enter.
    STATE.mkdir(mode=0o755)
    os.environ["SYNC_PIPELINE_HOME"] = str(STATE / "home")
    with ExitStack() as stack:
        say("1. Private sample servers with sample accounts")
        servers = start_servers(stack)
        for server in servers.values():
            seed(server)
        say("2. The fleet's registry")
        register(servers)
        say("3. The first account sync, through Dagster")
        command("run", "account-sync")
        command("sessions", "show", "latest")
        say("4. Overnight, somebody changes accounts; the second sync")
        for server in servers.values():
            run_script(server, NIGHTS[server.engine])
        command("run", "account-sync")
        command("sessions", "show", "latest")
        say("5. What changed")
        command("accounts", "changes", "--session", "latest")
        say("6. Who can really do what, and what a review finds")
        command("access", "who-can", "INSERT", "table:billing.invoice")
        command("access", "of", "alice", "--instance", "billing-pg")
        command("findings", "--severity", "medium")
        say("7. Sizes: collected, with a generated history of the days before")
        command("run", "capacity-sync")
        sys.stdout.write(f"{generate_history()} instance days of history were generated.\n")
        say("8. Aggregations: past months and quarters in one run each, then what is due today")
        today = datetime.now(UTC).date()
        since = ("--from", str(today - timedelta(days=DAYS)), "--to", str(today))
        for period in ("day", "week", "month", "quarter"):
            command("backfill", "--period", period, *since)
        command("run", "aggregation")
        say("9. What is large, what grows, and where that leads")
        for name in servers:
            command("capacity", "limit", name, "60MB")
        command("capacity", "top")
        command("capacity", "history", next(iter(servers)), "--period", "quarter", *since)
        command("capacity", "forecast")
        say("10. The report")
        command("report", "--output", str(STATE / "capacity.html"))
        if options.ui:
            say(f"11. The Dagster UI on http://127.0.0.1:{options.port} (Ctrl-C ends it)")
            leave_running(options.port)


if __name__ == "__main__":
    main()
