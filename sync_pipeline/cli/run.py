"""`sync-pipeline run`: launch a job as the UI would, and see it through.

Annotations are not postponed here: Typer reads options that are made for each category.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Annotated, Any

import typer

from sync_pipeline.categories import CATEGORIES, Category
from sync_pipeline.cli.context import SHOWN, dependencies, show_json
from sync_pipeline.cli.launch import CANCELLED, run_job, user
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.instance import EngineName, Selection
from sync_pipeline.model.session import Session, SessionStatus
from sync_pipeline.model.text import shortened

DONE, SOME_FAILED = 0, 1
MOST_CHOSEN = 20_000
"""Of one option; the jobs take no more."""
EXIT_STATUS = (
    "Exit status: 0 all went well, 1 an instance or the run failed, 2 the command is wrong, "
    "3 the store or the run could not be had, 130 the run was cancelled."
)

InstanceOption = Annotated[
    list[str] | None, typer.Option(help="Only this instance; may be repeated.")
]
TagOption = Annotated[
    list[str] | None, typer.Option(help="Only instances with this tag; may be repeated.")
]
EngineOption = Annotated[
    list[EngineName] | None, typer.Option(help="Only this engine; may be repeated.")
]
EnvironmentOption = Annotated[
    list[str] | None, typer.Option(help="Only this environment; may be repeated.")
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print the session as JSON, and no progress.")
]


def build(rows: Iterable[Category]) -> typer.Typer:
    """Return the group of commands: one for each category."""
    group = typer.Typer(help="Launch a job now and wait for its end.", no_args_is_help=True)
    for row in rows:
        launched = _with_force(row) if row.force else _without_force(row)
        group.command(row.command, help=f"{row.help}\n\n{EXIT_STATUS}")(launched)
    return group


def _with_force(row: Category) -> Callable[..., None]:
    def launched(
        *,
        instance: InstanceOption = None,
        tag: TagOption = None,
        engine: EngineOption = None,
        environment: EnvironmentOption = None,
        force: Annotated[bool, typer.Option("--force", help=row.force)] = False,
        as_json: JsonOption = False,
    ) -> None:
        selection = selection_of(instance, tag, engine, environment)
        launch(row.job, selection, as_json=as_json, force=force)

    return launched


def _without_force(row: Category) -> Callable[..., None]:
    def launched(
        *,
        instance: InstanceOption = None,
        tag: TagOption = None,
        engine: EngineOption = None,
        environment: EnvironmentOption = None,
        as_json: JsonOption = False,
    ) -> None:
        launch(row.job, selection_of(instance, tag, engine, environment), as_json=as_json)

    return launched


def selection_of(
    instance: list[str] | None,
    tag: list[str] | None,
    engine: list[EngineName] | None,
    environment: list[str] | None,
) -> Selection:
    """Return what the options of a command select.

    Raises:
        ConfigurationError: a value can't be a name, or there are more than a run takes.
    """
    given = {"--instance": instance, "--tag": tag, "--environment": environment}
    for option, values in given.items():
        _require_names(option, values or [])
    return Selection(
        names=tuple(instance or ()),
        tags=tuple(tag or ()),
        engines=tuple(str(item) for item in engine or ()),
        environments=tuple(environment or ()),
    )


def _require_names(option: str, values: list[str]) -> None:
    """Refuse what the run would refuse, before anything is launched."""
    from sync_pipeline.fleet.rows import LONGEST_NAME

    if len(values) > MOST_CHOSEN:
        raise ConfigurationError(f"{option} is given more than {MOST_CHOSEN} times.")
    for value in values:
        if not 0 < len(value) <= LONGEST_NAME:
            raise ConfigurationError(
                f"{option} {shortened(value, SHOWN)!r} names nothing.",
                hint=f"Give a name of 1 to {LONGEST_NAME} characters.",
            )


def launch(
    job: str, selection: Selection, *, as_json: bool, ever: bool = False, **options: object
) -> None:
    """Launch a job, show how it ended, and exit with its status.

    `ever` also finds instances that were removed. A wrong name is told before anything
    is launched.
    """
    from rich.console import Console

    from sync_pipeline.cli.sessions import show_outcome

    with dependencies() as deps:
        registry = deps.store.registry
        (registry.select_ever if ever else registry.select)(selection)
        console = Console(quiet=as_json)
        session = run_job(deps.store, console, job, _config(selection, options))
        if as_json:
            records = deps.store.sessions.records(session.session_id)
            show_json({"session": asdict(session), "records": [asdict(item) for item in records]})
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
