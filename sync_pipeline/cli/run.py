"""`sync-pipeline run`: launch a job as the UI would, and see it through.

Annotations are not postponed here: Typer reads options that are made for each category.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Annotated, Any

import typer

from sync_pipeline.categories import CATEGORIES, Category
from sync_pipeline.cli.context import dependencies, show_json
from sync_pipeline.cli.launch import CANCELLED, run_job, user
from sync_pipeline.cli.options import with_options
from sync_pipeline.cli.output import Output
from sync_pipeline.model.instance import Selection
from sync_pipeline.model.session import Session, SessionStatus

DONE, SOME_FAILED = 0, 1
EXIT_STATUS = (
    "Exit status: 0 all went well, 1 an instance or the run failed, 2 the command is wrong, "
    "3 the store or the run could not be had, 130 the run was cancelled."
)


def build(rows: Iterable[Category]) -> typer.Typer:
    """Return the group of commands: one for each category."""
    group = typer.Typer(help="Launch a job now and wait for its end.", no_args_is_help=True)
    for row in rows:
        launched = _with_force(row) if row.force else _without_force(row)
        group.command(row.command, help=f"{row.help}\n\n{EXIT_STATUS}")(launched)
    return group


def _with_force(row: Category) -> Callable[..., None]:
    @with_options
    def launched(
        *,
        selection: Selection,
        output: Output,
        force: Annotated[bool, typer.Option("--force", help=row.force)] = False,
    ) -> None:
        launch(row.job, selection, output=output, force=force)

    return launched


def _without_force(row: Category) -> Callable[..., None]:
    @with_options
    def launched(*, selection: Selection, output: Output) -> None:
        launch(row.job, selection, output=output)

    return launched


def launch(
    job: str, selection: Selection, *, output: Output, ever: bool = False, **options: object
) -> None:
    """Launch a job, show how it ended, and exit with its status.

    `ever` also finds instances that were removed. A wrong name is told before anything
    is launched.
    """
    from rich.console import Console

    from sync_pipeline.cli.sessions import show_outcome, show_records

    with dependencies() as deps:
        registry = deps.store.registry
        (registry.select_ever if ever else registry.select)(selection)
        console = Console(quiet=not output.is_table)
        session = run_job(deps.store, console, job, _config(selection, options))
        if output.is_json:
            records = deps.store.sessions.records(session.session_id)
            show_json({"session": asdict(session), "records": [asdict(item) for item in records]})
        elif output.is_csv:
            show_records(deps.store, session, output)
        else:
            show_outcome(deps.store, session)
    raise typer.Exit(_exit_status(session))


def _config(selection: Selection, options: dict[str, object]) -> dict[str, Any]:
    config = {
        "instances": list(selection.names),
        "tags": list(selection.tags),
        "engines": list(selection.engines),
        "environments": list(selection.environments),
        "created_by": user(),
        **options,
    }
    return {"ops": {"select_instances": {"config": config}}}


def _exit_status(session: Session) -> int:
    if session.status is SessionStatus.COMPLETED:
        return DONE
    return CANCELLED if session.status is SessionStatus.CANCELLED else SOME_FAILED


app = build(CATEGORIES.values())
