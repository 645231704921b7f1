"""`sync-pipeline import`: moving in from another system, with its history."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync_pipeline.cli.context import (
    MOST_ROWS,
    dependencies,
    require_name,
    say,
    show_json,
)
from sync_pipeline.cli.options import with_options
from sync_pipeline.cli.output import Output, time_cell
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.imported import ImportedAccount, ImportedFilter, ImportKind, ImportPass
from sync_pipeline.model.instance import NEW_INSTANCE_TLS, Selection, TlsMode
from sync_pipeline.model.secret import Secret

if TYPE_CHECKING:
    from sync_pipeline.workflows.dependencies import SyncDeps
    from sync_pipeline.workflows.importing.whalefall import ImportReport

app = typer.Typer(help="Move in: take over what another system kept.", no_args_is_help=True)

LONGEST_SOURCE = 24
COLUMNS = ("what", "new", "here", "left", "why")

SourceOption = Annotated[
    str, typer.Option("--source", help="The name of that store here, if you import several.")
]


@app.command()
@with_options
def whalefall(
    output: Output,
    store: Annotated[
        str,
        typer.Option(
            help="Its PostgreSQL: env:NAME or file:/path of the URL; without a password, the URL."
        ),
    ],
    key: Annotated[
        str | None,
        typer.Option(help="Where its PASSWORD_ENCRYPTION_KEY is: env:NAME or file:/path."),
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Read all of it, tell what would be, write nothing.")
    ] = False,
    tls: Annotated[TlsMode, typer.Option(help="Of its instances.")] = NEW_INSTANCE_TLS,
    source: SourceOption = "whalefall",
    statement_timeout: Annotated[
        float, typer.Option(help="Seconds that one question to it may take.", min=1, max=86_400)
    ] = 300,
) -> None:
    """Take over a WhaleFall store: instances, credentials, sizes, sessions, accounts, changes.

    It is only read. What was cut off goes on where it was; run again, it takes what is new.
    """
    _require_source(source)
    from sync_pipeline.workflows.importing.whalefall import WhaleFallSource, import_whalefall

    with dependencies() as deps:
        url = _address(store) if "://" in store else _resolved(deps, store, "--store")
        secret_key = None if key is None else _resolved(deps, key, "--key")
        wanted = WhaleFallSource(url, secret_key, source, tls, statement_timeout, plan)
        report = import_whalefall(deps, wanted)
    _show(report, output)


@app.command()
@with_options
def report(output: Output, source: SourceOption = "whalefall") -> None:
    """Show what the last import took, what not, and why; also of one that was cut off."""
    _require_source(source)
    from sync_pipeline.workflows.importing.whalefall import last_report

    with dependencies() as deps:
        own, found = last_report(deps, source)
    _show(found, output, own)


@app.command()
@with_options
def accounts(
    selection: Selection,
    output: Output,
    account: Annotated[str | None, typer.Option(help="Only this account.")] = None,
    limit: Annotated[int, typer.Option(help="At most.", min=1, max=MOST_ROWS)] = 200,
) -> None:
    """List imported accounts as they were last known there; JSON has their permissions.

    No answer about access is made of them: a sync of yours reads the accounts anew.
    """
    from sync_pipeline.workflows.selecting import ever

    with dependencies() as deps:
        past = ever(deps.store, selection)
        wanted = ImportedFilter(instances=past.ids, account=account, limit=limit)
        found = deps.store.imported.accounts(wanted)
    if output.is_json:
        show_json([{**asdict(item), "state": json.loads(item.state)} for item in found])
        return
    rows = [
        (
            item.instance,
            item.name,
            item.owner,
            _state(item),
            time_cell(item.first_seen_at),
            time_cell(item.deleted_at),
            time_cell(item.last_change_at),
            item.source,
        )
        for item in found
    ]
    columns = ("instance", "account", "of", "state", "first seen", "gone", "last change", "from")
    output.show(columns, rows, past.nothing("No account was imported."))


def _state(item: ImportedAccount) -> str:
    words = [
        "active" if item.is_active else "gone",
        *(["administrator"] if item.is_superuser else []),
        *(["locked"] if item.is_locked else []),
    ]
    return ", ".join(words)


def _address(store: str) -> Secret:
    """Return a URL of the command line, which every user of the machine can read: no password."""
    after = store.partition("://")[2].partition("/")[0]
    if ":" in after.rpartition("@")[0] or re.search(r"[?&](ssl)?password=", store, re.IGNORECASE):
        raise ConfigurationError(
            "--store has a password, and a command line is read by others.",
            hint="Put the URL into a variable or a private file, and write env:NAME or file:/path. "
            "Whoever could read this line knows the password now.",
        )
    return Secret(store)


def _resolved(deps: SyncDeps, reference: str, option: str) -> Secret:
    from sync_pipeline.fleet.references import check_reference

    if not re.fullmatch(r"[a-z][a-z-]{1,20}:.+", reference):
        # What stands there may be the secret itself: it is not shown.
        raise ConfigurationError(
            f"{option} does not say where to look.", hint="Write env:NAME or file:/path."
        )
    check_reference(reference)
    return deps.vault.resolve(reference)


def _require_source(source: str) -> None:
    require_name(source, "the name of a source")
    if len(source) > LONGEST_SOURCE:
        raise ConfigurationError(f"--source has more than {LONGEST_SOURCE} characters.")


def _show(found: ImportReport, output: Output, own: ImportPass | None = None) -> None:
    if output.is_json:
        show_json(_json(found, own))
        return
    rows = list(_rows(found))
    nothing = "Nothing was looked at yet."
    output.show(COLUMNS, rows, nothing, found.notes)
    if output.is_table:
        say(_summary(found, own))


def _summary(found: ImportReport, own: ImportPass | None) -> str:
    # What is computed anew of each import is no row that was taken.
    taken = (mark for kind, mark in found.marks.items() if kind is not ImportKind.COMPUTED)
    new = sum(mark.tally.new for mark in taken)
    left = sum(sum(mark.tally.left.values()) for mark in found.marks.values())
    if found.is_plan:
        return (
            f"Nothing was written. {new} rows are new or are here already, {left} can't be taken."
        )
    if own is not None and own.finished_at is None:
        return f"Cut off: {new} rows taken, {left} not. Run the import again, and it goes on."
    return f"{new} rows taken, {left} not."


def _rows(found: ImportReport) -> Iterator[tuple[object, ...]]:
    for kind, mark in found.marks.items():
        tally = mark.tally
        left = sum(tally.left.values())
        state = () if mark.is_done or found.is_plan else ("not at its end",)
        lines = (*state, *_lines(tally.left, tally.examples), *_lines(tally.notes, tally.examples))
        yield str(kind), tally.new, tally.known, left, lines
    for table in found.left_there:
        yield table.table, 0, 0, table.rows, (f"not taken: {table.reason}",)


def _lines(counted: dict[str, int], examples: dict[str, list[str]]) -> Iterator[str]:
    for reason, count in counted.items():
        named = ", ".join(item for item in examples.get(reason, []) if item)
        yield f"{count}: {reason}" + (f" ({named})" if named else "")


def _json(found: ImportReport, own: ImportPass | None) -> dict[str, Any]:
    return {
        "source": found.source,
        "is_plan": found.is_plan,
        "started_at": own and own.started_at.isoformat(),
        "finished_at": own and own.finished_at and own.finished_at.isoformat(),
        "kinds": {
            str(kind): {"is_done": mark.is_done, **mark.tally.to_json()}
            for kind, mark in found.marks.items()
        },
        "left_there": [asdict(item) for item in found.left_there],
        "notes": list(found.notes),
    }
