"""`sync-pipeline metrics`: what Prometheus reads."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sync_pipeline.cli.context import dependencies, say, show_text
from sync_pipeline.errors import ConfigurationError, StoreUnavailable, SyncError

if TYPE_CHECKING:
    from sync_pipeline.cli.scrape import Kept, MetricsServer, Page
    from sync_pipeline.workflows.dependencies import SyncDeps

HIGHEST_PORT = 65_535


def metrics(
    textfile: Annotated[
        Path | None,
        typer.Option(help="Write them to this file, for node_exporter.", dir_okay=False),
    ] = None,
    serve: Annotated[
        str | None,
        typer.Option(help="Serve them at HOST:PORT; there is no login, so keep it private."),
    ] = None,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(help="Another name by which they may be asked for. May be repeated."),
    ] = None,
) -> None:
    """Print metrics in Prometheus' text format, or write or serve them.

    A store that does not answer gives `sync_pipeline_up 0` alone: in the file, with exit
    status 3, and on the served page with the HTTP status 503.
    """
    from sync_pipeline.cli.scrape import Kept

    if textfile and serve:
        raise ConfigurationError(
            "The metrics are either written or served.", hint="Give --textfile or --serve."
        )
    with ExitStack() as opened:
        source = _Source(opened)
        if serve:
            _serve(serve, Kept(source.page), allowed_host or ())
        elif textfile:
            _write(source, textfile)
        else:
            show_text(source.text())


@dataclass(slots=True)
class _Source:
    """The metrics of a store that is opened when it first answers, and then kept open."""

    opened: ExitStack
    deps: SyncDeps | None = None

    def text(self) -> str:
        """Return the exposition.

        Raises:
            SyncError: the store can't be read.
        """
        from sync_pipeline.report.metrics import render_metrics
        from sync_pipeline.workflows.answers.metrics import fleet_metrics

        if self.deps is None:
            self.deps = self.opened.enter_context(dependencies())
        return render_metrics(fleet_metrics(self.deps))

    def page(self) -> Page:
        """Return the exposition, or that there is none."""
        from sync_pipeline.cli.scrape import Page

        try:
            return Page(self.text(), is_up=True)
        except SyncError as error:
            return Page(_down(error), is_up=False)


def _down(error: SyncError) -> str:
    from sync_pipeline.report.metrics import render_down

    return render_down(str(error))


def _write(source: _Source, textfile: Path) -> None:
    from sync_pipeline.report.metrics import write_metrics

    try:
        text = source.text()
    except StoreUnavailable as error:
        write_metrics(_down(error), textfile)
        raise
    write_metrics(text, textfile)
    say(f"The metrics are in {textfile}.")


def _serve(address: str, kept: Kept, allowed_hosts: Sequence[str]) -> None:
    from sync_pipeline.cli.scrape import PATH, MetricsServer

    host, port = _parsed(address)
    try:
        server = MetricsServer(host, port, kept, allowed_hosts)
    except OSError as error:
        raise ConfigurationError(
            f"{address} can't be listened on: {error.strerror or error}.",
            hint="Choose another address or port with --serve.",
        ) from None
    with server, _stopped_by_signals(server):
        shown = f"[{host}]" if ":" in host else host
        say(f"Metrics are at http://{shown}:{server.server_port}{PATH}")
        server.serve_forever()


@contextmanager
def _stopped_by_signals(server: MetricsServer) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the server."""

    def stop(*_: object) -> None:
        # From another thread: shutting down waits for the loop that this signal interrupts.
        threading.Thread(target=server.shutdown, daemon=True).start()

    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, stop) for number in signals]
    try:
        yield
    finally:
        for number, earlier in zip(signals, before, strict=True):
            signal.signal(number, earlier)


def _parsed(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > HIGHEST_PORT:
        raise ConfigurationError(
            f"{address!r} is not an address to serve at.",
            hint="Write it as HOST:PORT, such as 127.0.0.1:9188 or [::1]:9188.",
        )
    return host.removeprefix("[").removesuffix("]"), int(port)
