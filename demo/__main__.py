"""Sync the accounts of sample servers, measure them, aggregate a history, write a report."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from demo.fleet import ABSENT, FEW, SEVERAL, Sample, start_servers
from demo.history import DAYS, generate_history
from demo.samples import MONITOR, MONITOR_PASSWORD, run_script
from sync_pipeline.engines.registry import ENGINES
from workbench.servers.running import RunningServer, free_port

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".demo"
COMMAND = Path(sys.executable).parent / "sync-pipeline"
GENERATED = "A sample; its sizes before today are generated."


def say(text: str) -> None:
    """Print a heading."""
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    sys.stdout.write(f"\n{bold}{text}{plain}\n")
    sys.stdout.flush()


def command(*arguments: str, stdin: str | None = None, may_fail: bool = False) -> None:
    """Run one `sync-pipeline` command as a user would; a failure ends the demonstration.

    `may_fail`: a run is one that fails where an instance is not reached.
    """
    sys.stdout.write(f"$ sync-pipeline {' '.join(arguments)}\n")
    sys.stdout.flush()
    done = subprocess.run([COMMAND, *arguments], input=stdin, text=True, check=False)
    if done.returncode and not may_fail:
        sys.exit(done.returncode)


def leave_running(port: int, console_port: int) -> None:
    """Serve the console and the UI until Ctrl-C; they end in good order before the servers do."""
    ui, console = (f"http://127.0.0.1:{number}" for number in (port, console_port))
    sys.stdout.write(
        f"The console: {console}\n"
        f"Who can change an order: {console}/who-can?privilege=UPDATE&object=table:shop.orders\n"
        f"The Dagster UI: {ui}\n"
    )
    sys.stdout.flush()
    os.environ["SYNC_PIPELINE_CONSOLE_DAGSTER_UI"] = ui
    ports = ("--port", str(port), "--console-port", str(console_port))
    with subprocess.Popen([COMMAND, "up", *ports]) as serving:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: serving.send_signal(signal.SIGINT))
        serving.wait()


def seed(item: Sample, server: RunningServer) -> None:
    """Create the sample accounts, and the monitoring account by its own script."""
    run_script(server, item.seed)
    script = ENGINES[server.engine].grants_script(MONITOR, "%", [server.database])
    statements = "\n".join(line for line in script.splitlines() if not line.startswith("--"))
    run_script(server, statements.replace("<password>", MONITOR_PASSWORD))


def register(servers: Mapping[Sample, RunningServer]) -> None:
    """Put the servers into the registry with the command a user would use."""
    command(
        "credentials", "add", "demo", "--username", MONITOR, "--password-stdin",
        stdin=MONITOR_PASSWORD,
    )  # fmt: skip
    for item, server in servers.items():
        add(item.name, str(server.engine), server.port, item.team)
    command("instances", "test", "--all")


def add(name: str, engine: str, port: int, team: str) -> None:
    """Register an instance on loopback, without TLS: its server is private."""
    command(
        "instances", "add", name, "--engine", engine, "--host", "127.0.0.1",
        "--port", str(port), "--credential", "demo", "--environment", "demo",
        "--tls", "disable", "--tag", f"team={team}", "--description", GENERATED,
    )  # fmt: skip


def leave_something_to_look_at() -> None:
    """Let one instance of the larger fleet be away, and one be in maintenance."""
    add(ABSENT, "postgresql", free_port(), "billing")
    command("run", "account-sync", may_fail=True)
    command(
        "maintenance", "start", "--instance", "web-mariadb", "--hours", "4",
        "--reason", "new disks", may_fail=True,
    )  # fmt: skip


def options_of() -> argparse.Namespace:
    """Read the arguments."""
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument(
        "--ui",
        action="store_true",
        help="leave the console and the Dagster UI running, over several servers of each engine",
    )
    parser.add_argument("--port", type=int, default=3000, help="the UI's port on 127.0.0.1")
    parser.add_argument(
        "--console-port", type=int, default=3080, help="the console's port on 127.0.0.1"
    )
    return parser.parse_args()


def main() -> None:
    """Run the demonstration."""
    options = options_of()
    shutil.rmtree(STATE, ignore_errors=True)
    # The database servers refuse root, so their user must be able to enter.
    STATE.mkdir(mode=0o755)
    os.environ["SYNC_PIPELINE_HOME"] = str(STATE / "home")
    with ExitStack() as stack:
        say("1. Private sample servers with sample accounts")
        servers = start_servers(stack, STATE / "servers", SEVERAL if options.ui else FEW)
        for item, server in servers.items():
            seed(item, server)
        say("2. The fleet's registry")
        register(servers)
        say("3. The first account sync, through Dagster")
        command("run", "account-sync")
        command("sessions", "show", "latest")
        say("4. Overnight, somebody changes accounts; the second sync")
        for item, server in servers.items():
            run_script(server, item.night)
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
        for item in servers:
            command("capacity", "limit", item.name, "60MB")
        command("capacity", "top")
        command("capacity", "history", FEW[0].name, "--period", "quarter", *since)
        command("capacity", "forecast")
        say("10. The report")
        command("report", "--output", str(STATE / "report.html"), "--format", "all")
        command("report", "--output", str(STATE / "report.zh.html"), "--language", "zh")
        if options.ui:
            say("11. One instance is away, one is in maintenance")
            leave_something_to_look_at()
            say("12. The console, and the Dagster UI (Ctrl-C ends both)")
            leave_running(options.port, options.console_port)


if __name__ == "__main__":
    main()
