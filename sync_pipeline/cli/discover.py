"""`sync-pipeline instances discover`: instances from the lists of clouds, a plan first."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync_pipeline.cli.context import dependencies, say, say_beside, show_json
from sync_pipeline.cli.options import with_options
from sync_pipeline.cli.output import Output
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.instance import NEW_INSTANCE_TLS, EngineName, TlsMode

if TYPE_CHECKING:
    from sync_pipeline.fleet.discovery.listing import Listing
    from sync_pipeline.fleet.discovery.plan import Asked, Plan
    from sync_pipeline.model.origin import Step
    from sync_pipeline.workflows.dependencies import SyncDeps

app = typer.Typer(
    help="Instances from the list of a cloud: a plan, and with --apply what it says.",
    no_args_is_help=True,
)

_PACKAGES = {"boto3": "aws", "botocore": "aws", "azure": "azure", "google": "gcp"}

Credential = Annotated[str, typer.Option(help="Name of the credential of those that are added.")]
Apply = Annotated[bool, typer.Option("--apply", help="Do what the plan says.")]
CloudTag = Annotated[
    list[str] | None,
    typer.Option(
        "--tag",
        help="Only what has this tag there: key=value (key, where it has no value); several "
        "times: all of them.",
    ),
]
Engine = Annotated[list[EngineName] | None, typer.Option(help="Only this engine; several times.")]
Environment = Annotated[str, typer.Option(help="Of those that are added.")]
Tls = Annotated[TlsMode, typer.Option(help="Of those that are added, unless their list says more.")]
TlsCa = Annotated[str, typer.Option(help="Of those that are added: a PEM file on this machine.")]


@app.command()
@with_options
def aws(
    output: Output,
    credential: Credential,
    region: Annotated[
        list[str] | None,
        typer.Option(help="Only this region; several times. Else all that the account has."),
    ] = None,
    tag: CloudTag = None,
    engine: Engine = None,
    environment: Environment = "",
    tls: Tls = NEW_INSTANCE_TLS,
    tls_ca: TlsCa = "",
    apply: Apply = False,
) -> None:
    """Amazon RDS and Aurora. Exit status 1: something was not listed whole."""

    def listed() -> Listing:
        from sync_pipeline.fleet.discovery.aws import list_aws

        return list_aws(tuple(region or ()))

    asked = _asked(credential, environment, tls, tls_ca, tag, engine)
    _discover(listed, asked, output, is_applied=apply)


@app.command()
@with_options
def azure(
    output: Output,
    credential: Credential,
    subscription: Annotated[
        list[str] | None,
        typer.Option(help="Only this subscription; several times. Else all that one may see."),
    ] = None,
    tag: CloudTag = None,
    engine: Engine = None,
    environment: Environment = "",
    tls: Tls = NEW_INSTANCE_TLS,
    tls_ca: TlsCa = "",
    apply: Apply = False,
) -> None:
    """Azure SQL, and Azure Database for PostgreSQL and MySQL. Exit status 1: as with aws."""

    def listed() -> Listing:
        from sync_pipeline.fleet.discovery.azure import list_azure

        return list_azure(tuple(subscription or ()))

    asked = _asked(credential, environment, tls, tls_ca, tag, engine)
    _discover(listed, asked, output, is_applied=apply)


@app.command()
@with_options
def gcp(
    output: Output,
    credential: Credential,
    project: Annotated[
        list[str] | None,
        typer.Option(help="Only this project; several times. Else that of the credentials."),
    ] = None,
    tag: CloudTag = None,
    engine: Engine = None,
    environment: Environment = "",
    tls: Tls = NEW_INSTANCE_TLS,
    tls_ca: TlsCa = "",
    apply: Apply = False,
) -> None:
    """Google Cloud SQL. Exit status 1: as with aws."""

    def listed() -> Listing:
        from sync_pipeline.fleet.discovery.google import list_google

        return list_google(tuple(project or ()))

    asked = _asked(credential, environment, tls, tls_ca, tag, engine)
    _discover(listed, asked, output, is_applied=apply)


def _asked(
    credential: str,
    environment: str,
    tls: TlsMode,
    tls_ca: str,
    tag: list[str] | None,
    engine: list[EngineName] | None,
) -> Asked:
    from sync_pipeline.fleet.discovery.plan import Asked

    return Asked(credential, environment, tls, tls_ca, tuple(tag or ()), tuple(engine or ()))


def _discover(
    listed: Callable[[], Listing], asked: Asked, output: Output, *, is_applied: bool
) -> None:
    from sync_pipeline.fleet.discovery.plan import planned

    with dependencies() as deps:
        _require_credential(deps, asked.credential)
        listing = _with_package(listed)
        plan = planned(listing, _fleet(deps), asked, deps.clock())
        if is_applied:
            deps.store.origins.apply(plan.steps, deps.clock())
    _show(plan, output, is_applied=is_applied)
    if plan.gaps:
        raise typer.Exit(1)


def _require_credential(deps: SyncDeps, name: str) -> None:
    if deps.store.registry.credential(name) is None:
        raise ConfigurationError(
            f"The credential {name!r} does not exist.", hint="See: sync-pipeline credentials list."
        )


def _with_package(listed: Callable[[], Listing]) -> Listing:
    try:
        return listed()
    except ModuleNotFoundError as error:
        name = error.name or ""
        extra = _PACKAGES.get(name.partition(".")[0])
        if extra is None:
            raise
        raise ConfigurationError(
            f"This needs the package {name}, which is not installed.",
            hint=f"Install it: pip install 'sync-pipeline[{extra}]'.",
        ) from None


def _fleet(deps: SyncDeps) -> Any:
    from sync_pipeline.fleet.discovery.plan import Fleet

    registry = deps.store.registry
    there = registry.instances()
    ids = {item.id for item in there}
    removed = [item for item in registry.ever() if item.id not in ids]
    return Fleet(there, removed, deps.store.origins.all())


def _show(plan: Plan, output: Output, *, is_applied: bool) -> None:
    if output.is_json:
        show_json(
            {
                "is_applied": is_applied,
                "steps": [_json(step) for step in plan.steps],
                "unchanged": plan.unchanged,
                "left_out": plan.left_out,
                "gaps": plan.gaps,
            }
        )
    else:
        rows = [_row(step) for step in plan.steps]
        columns = ("step", "instance", "engine", "address", "platform", "tls", "listed in", "why")
        notes = [f"Left out: {reason}." for reason in plan.left_out]
        output.show(columns, rows, "Nothing is to be done.", [*notes, *plan.gaps])
        tell = say_beside if output.is_csv else say
        tell(_summary(plan, is_applied=is_applied))


def _row(step: Step) -> tuple[object, ...]:
    item = step.instance
    return (
        str(step.kind),
        item.name,
        str(item.engine),
        f"{item.host}:{item.port}",
        item.platform.service if item.platform else "",
        str(item.tls.mode),
        step.origin.scope,
        _why(step),
    )


def _why(step: Step) -> tuple[str, ...]:
    """Return what is to be known of a step; what is added comes with all its tags."""
    from sync_pipeline.model.origin import StepKind

    tags = ", ".join(step.instance.tags) if step.kind is StepKind.ADD else ""
    return *step.differences, *([tags] if tags else [])


def _json(step: Step) -> dict[str, Any]:
    item, origin = step.instance, step.origin
    return {
        "step": str(step.kind),
        "instance": item.name,
        "engine": str(item.engine),
        "host": item.host,
        "port": item.port,
        "platform": item.platform and str(item.platform),
        "tls": str(item.tls.mode),
        "tags": item.tags,
        "scope": origin.scope,
        "resource_id": origin.resource_id,
        "differences": step.differences,
    }


def _summary(plan: Plan, *, is_applied: bool) -> str:
    from collections import Counter

    from sync_pipeline.model.origin import StepKind

    counts = Counter(step.kind for step in plan.steps)
    said = ", ".join(f"{kind} {counts[kind]}" for kind in StepKind)
    begin = "Done" if is_applied else "Plan"
    end = "" if is_applied else " Nothing was written: --apply does it."
    return f"{begin}: {said}; {plan.unchanged} unchanged.{end}"
