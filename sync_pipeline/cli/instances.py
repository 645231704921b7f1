"""`sync-pipeline instances`: the fleet's registry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync_pipeline.cli import discover
from sync_pipeline.cli.completion import instance_names
from sync_pipeline.cli.context import (
    dependencies,
    say,
    show_json,
    show_text,
    shown_time,
)
from sync_pipeline.cli.options import (
    InstanceArgument,
    OneInstance,
    the_instance,
    with_options,
)
from sync_pipeline.cli.output import Cell, Output, time_cell
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.instance import (
    NEW_INSTANCE_TLS,
    EngineName,
    Instance,
    Selection,
    TlsMode,
)
from sync_pipeline.model.platform import platform_named
from sync_pipeline.model.text import first_names
from sync_pipeline.visible import visible

if TYPE_CHECKING:
    from datetime import datetime

    from sync_pipeline.fleet.files import ParsedFile
    from sync_pipeline.fleet.foreign import Defaults
    from sync_pipeline.model.origin import Origin
    from sync_pipeline.model.server_fact import ServerFact
    from sync_pipeline.workflows.dependencies import SyncDeps
    from sync_pipeline.workflows.syncing.admission import Hold
    from sync_pipeline.workflows.syncing.probe import Probe

app = typer.Typer(help="The instances of the fleet.", no_args_is_help=True)
app.add_typer(discover.app, name="discover")

PROBES_AT_ONCE = 8
_MOST_NAMED = 10
Host = Annotated[str | None, typer.Option(help="Host name or address.")]
Port = Annotated[int | None, typer.Option(help="Port; the engine's own by default.")]
Credential = Annotated[str | None, typer.Option(help="Name of a credential.")]
Database = Annotated[str | None, typer.Option(help="Database to connect to first.")]
Tls = Annotated[
    TlsMode | None,
    typer.Option(
        help=f"How much TLS is asked for; {NEW_INSTANCE_TLS} by default. verify-ca and "
        "verify-full check the server's certificate; disable and prefer are weaker."
    ),
]
TlsFile = Annotated[str | None, typer.Option(help="A PEM file on this machine.")]
Seconds = Annotated[float | None, typer.Option(help="A limit in seconds.")]
Environment = Annotated[str | None, typer.Option(help="Such as production.")]
NameArgument = InstanceArgument
Description = Annotated[str | None, typer.Option(help="For people.")]


@app.command()
def add(
    name: str,
    engine: Annotated[EngineName, typer.Option(help="The engine.")],
    host: Annotated[str, typer.Option(help="Host name or address.")],
    credential: Annotated[str, typer.Option(help="Name of a credential.")],
    port: Port = None,
    database: Database = None,
    tls: Tls = None,
    tls_ca: TlsFile = None,
    tls_cert: TlsFile = None,
    tls_key: TlsFile = None,
    connect_timeout: Seconds = None,
    statement_timeout: Seconds = None,
    total_timeout: Seconds = None,
    tag: Annotated[list[str] | None, typer.Option(help="May be repeated.")] = None,
    environment: Environment = None,
    description: Description = None,
    inactive: Annotated[
        bool, typer.Option("--inactive", help="Keep it, but do not sync it.")
    ] = False,
) -> None:
    """Add an instance."""
    given = {
        "name": name,
        "engine": engine,
        "host": host,
        "credential": credential,
        "port": port,
        "database": database,
        "tls": tls,
        "tls_ca": tls_ca,
        "tls_cert": tls_cert,
        "tls_key": tls_key,
        "connect_timeout": connect_timeout,
        "statement_timeout": statement_timeout,
        "total_timeout": total_timeout,
        "tags": tuple(tag or ()),
        "environment": environment,
        "description": description,
        "active": not inactive,
    }
    instance = _checked({key: value for key, value in given.items() if value is not None})
    with dependencies() as deps:
        if deps.store.registry.instance(name) is not None:
            raise ConfigurationError(
                f"The instance {name!r} exists already.",
                hint=f"Change it with: sync-pipeline instances edit {quote(name)}",
            )
        deps.store.registry.put_instances([instance], deps.clock())
    say(f"Instance {name} added. Test it with: sync-pipeline instances test {quote(name)}")


@app.command()
def edit(
    name: NameArgument = None,
    instance: OneInstance = None,
    engine: Annotated[EngineName | None, typer.Option(help="The engine.")] = None,
    host: Host = None,
    credential: Credential = None,
    port: Port = None,
    database: Database = None,
    tls: Tls = None,
    tls_ca: TlsFile = None,
    tls_cert: TlsFile = None,
    tls_key: TlsFile = None,
    connect_timeout: Seconds = None,
    statement_timeout: Seconds = None,
    total_timeout: Seconds = None,
    add_tag: Annotated[list[str] | None, typer.Option(help="May be repeated.")] = None,
    remove_tag: Annotated[list[str] | None, typer.Option(help="May be repeated.")] = None,
    environment: Environment = None,
    description: Description = None,
    active: Annotated[bool | None, typer.Option("--active/--inactive")] = None,
) -> None:
    """Change what is given, and leave the rest; an empty text takes a value away."""
    from sync_pipeline.fleet.rows import InstanceRow

    name = the_instance(name, instance)
    with dependencies() as deps:
        before = InstanceRow.of(_existing(deps, name))
        given = {
            "engine": engine,
            "host": host,
            "credential": credential,
            "port": port,
            "database": database,
            "tls": tls,
            "tls_ca": tls_ca,
            "tls_cert": tls_cert,
            "tls_key": tls_key,
            "connect_timeout": connect_timeout,
            "statement_timeout": statement_timeout,
            "total_timeout": total_timeout,
            "environment": environment,
            "description": description,
            "active": active,
        }
        tags = (set(before.tags) | set(add_tag or ())) - set(remove_tag or ())
        changed = {key: value for key, value in given.items() if value is not None}
        wanted = _checked({**before.model_dump(), **changed, "tags": tuple(tags)})
        counts = deps.store.registry.put_instances([wanted], deps.clock())
    say(f"Instance {name} changed." if counts.updated else f"Instance {name} was so already.")


@app.command("list")
@with_options
def list_(selection: Selection, output: Output) -> None:
    """List the instances, active or not."""
    from sync_pipeline.workflows.selecting import registered
    from sync_pipeline.workflows.syncing.admission import holds

    with dependencies() as deps:
        found = registered(deps.store, selection)
        held = holds(deps, found)
        origins = deps.store.origins.all()
    if output.is_json:
        show_json([_json(item, held[item.id], origins.get(item.id)) for item in found])
        return
    rows = [
        (
            item.name,
            item.engine,
            f"{item.host}:{item.port}",
            item.environment,
            ", ".join(item.tags),
            "yes" if item.is_active else "no",
            _hold(held[item.id]),
            item.server_version,
            _service(item),
            time_cell(item.last_connected_at),
            _listed(origins.get(item.id)),
        )
        for item in found
    ]
    columns = (
        "name",
        "engine",
        "address",
        "environment",
        "tags",
        "active",
        "on hold",
        "version",
        "platform",
        "reached",
        "listed",
    )
    output.show(columns, rows, "There is no such instance: sync-pipeline instances add.")


@app.command()
@with_options
def show(output: Output, name: NameArgument = None, instance: OneInstance = None) -> None:
    """Show everything about one instance."""
    from sync_pipeline.workflows.syncing.admission import holds

    with dependencies() as deps:
        found = _existing(deps, the_instance(name, instance))
        origin = deps.store.origins.of(found.id)
        value = _json(found, holds(deps, [found])[found.id], origin)
        facts = deps.store.server_facts.of(found.id)
    if output.is_json:
        show_json({**value, "server": [_fact_json(item, since) for item, since in facts]})
        return
    rows = [(key, _plain(item)) for key, item in {**value, "listed": _listed(origin)}.items()]
    rows += [(_fact_name(item), item.value) for item, _ in facts]
    output.show(("property", "value"), rows, "")


@app.command()
def remove(
    name: NameArgument = None,
    instance: OneInstance = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove an instance from the fleet; its history stays."""
    name = the_instance(name, instance)
    if not yes:
        typer.confirm(f"Remove {visible(name)} from the fleet?", abort=True)
    with dependencies() as deps:
        deps.store.registry.delete_instance(name, deps.clock())
    say(f"Instance {name} removed; its sessions and accounts stay in the history.")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A .yaml, .yml or .csv file, or another tool's.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the file and write nothing.")
    ] = False,
    of: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="Whose file it is: ansible (an inventory), pgadmin (servers.json), "
            "dbeaver (data-sources.json).",
        ),
    ] = None,
    credential: Annotated[
        str, typer.Option(help="With --from: of all of them; else that of the account's name.")
    ] = "",
    environment: Annotated[str, typer.Option(help="With --from: of all of them.")] = "",
    tag: Annotated[
        list[str] | None, typer.Option(help="With --from: of all of them; several times.")
    ] = None,
    encoding: Annotated[
        str, typer.Option(help="Of a .csv file, where it is not UTF-8: gbk, cp1252.")
    ] = "utf-8-sig",
) -> None:
    """Add or change many instances: all of a file, or nothing of it."""
    defaults = _defaults(of, credential, environment, tuple(tag or ()))
    parsed = _read(file, encoding, of, defaults)
    for left_out in parsed.left_out:
        say(f"Left out, {left_out}.")
    with dependencies() as deps:
        registered = deps.store.registry.instances()
        if of is not None:
            parsed = _with_what_was(of, parsed, registered, defaults)
        known = {item.name for item in deps.store.registry.credentials()}
        problems = [str(problem) for problem in parsed.problems]
        problems += [
            f"{item.name}: there is no credential {item.credential!r}"
            for item in parsed.instances
            if item.credential not in known
        ]
        if problems:
            raise ConfigurationError(
                f"Nothing of {file} was imported.",
                hint="Correct these rows and import it again.",
                details=[f"  {problem}" for problem in problems],
            )
        _tell_of_returning(deps, parsed, registered)
        _tell_of_one_address(parsed, registered)
        if dry_run:
            say(f"{len(parsed.instances)} instances are good; nothing was written.")
            return
        wanted, kept = _with_kept_modes(parsed, registered)
        counts = deps.store.registry.put_instances(wanted, deps.clock())
    say(f"{counts.added} added, {counts.updated} changed, {counts.unchanged} unchanged.")
    if kept:
        say(
            f"{kept} keep the TLS mode that they had, because the file says none. A new instance "
            f"gets {NEW_INSTANCE_TLS}; write `tls` into the file."
        )


def _tell_of_returning(deps: SyncDeps, parsed: ParsedFile, registered: Sequence[Instance]) -> None:
    """Name those that somebody removed: a list that still has them adds them again."""
    there = {item.name for item in registered}
    removed = {item.name for item in deps.store.registry.ever()} - there
    back = [item.name for item in parsed.instances if item.name in removed]
    if back:
        named = first_names(back[:_MOST_NAMED], len(back))
        say(f"Removed from the fleet before, and added again with their history: {named}.")


def _tell_of_one_address(parsed: ParsedFile, registered: Sequence[Instance]) -> None:
    """Name those that are one server: each of its accounts, findings and sizes counts twice."""
    from sync_pipeline.fleet.addresses import with_one_address

    found = with_one_address(parsed.instances, registered)
    for some in found[:_MOST_NAMED]:
        named = first_names([item.name for item in some[:_MOST_NAMED]], len(some))
        address = f"{some[0].host}:{some[0].port}"
        say(f"One address ({address}) under several names, so that it counts twice: {named}.")
    if len(found) > _MOST_NAMED:
        say(f"So it is with {len(found) - _MOST_NAMED} more addresses.")


def _defaults(of: str | None, credential: str, environment: str, tags: tuple[str, ...]) -> Defaults:
    """Return what is said for all of another tool's list."""
    from sync_pipeline.fleet.foreign import Defaults

    if of is None and (credential or environment or tags):
        raise ConfigurationError("--credential, --environment and --tag go with --from.")
    return Defaults(credential, environment, tags)


def _read(file: Path, encoding: str, of: str | None, defaults: Defaults) -> ParsedFile:
    """Return what a file of ours or of another tool says."""
    from sync_pipeline.fleet.files import read_foreign, read_instances
    from sync_pipeline.fleet.foreign import ForeignFormat

    if of is None:
        return read_instances(file, encoding)
    if of not in list(ForeignFormat):
        raise ConfigurationError(
            f"{of!r} is no tool whose files are known.", hint="Give ansible, pgadmin or dbeaver."
        )
    return read_foreign(file, ForeignFormat(of), defaults)


def _with_what_was(
    of: str, parsed: ParsedFile, registered: Sequence[Instance], defaults: Defaults
) -> ParsedFile:
    """Return another tool's list with what is known of instances that are registered."""
    from sync_pipeline.fleet.foreign import ForeignFormat, with_what_was

    kind = ForeignFormat(of)
    before = {item.name: item for item in registered}
    found = (
        with_what_was(kind, item, before.get(item.name, item), defaults)
        for item in parsed.instances
    )
    return replace(parsed, instances=tuple(found))


def _with_kept_modes(
    parsed: ParsedFile, registered: Sequence[Instance]
) -> tuple[tuple[Instance, ...], int]:
    """Return what to register, and how many keep another TLS mode than a new instance gets.

    A file that was written when a row without a mode meant `prefer` must not turn
    registered instances into such that fail, nor into such that check less.
    """
    before = {item.name: item.tls.mode for item in registered}
    modes = {
        item.name: before.get(item.name, item.tls.mode)
        if item.name in parsed.without_tls_mode
        else item.tls.mode
        for item in parsed.instances
    }
    wanted = tuple(
        replace(item, tls=replace(item.tls, mode=modes[item.name])) for item in parsed.instances
    )
    kept = sum(item.tls.mode is not modes[item.name] for item in parsed.instances)
    return wanted, kept


@app.command()
def export(
    file: Annotated[Path | None, typer.Argument(help="Where to; else standard output.")] = None,
    file_format: Annotated[
        str | None, typer.Option("--format", help="yaml or csv; by the file's name.")
    ] = None,
) -> None:
    """Write the registry as a file that import reads; it holds no secret."""
    from sync_pipeline.files.atomic import replaced
    from sync_pipeline.fleet.files import write_instances

    chosen = file_format or ("csv" if file and file.suffix.lower() == ".csv" else "yaml")
    if chosen not in ("yaml", "csv"):
        raise ConfigurationError(f"{chosen!r} is not a format.", hint="Give yaml or csv.")
    with dependencies() as deps:
        found = deps.store.registry.instances()
    text = write_instances(found, chosen)
    if file is None:
        show_text(text)
        return
    try:
        with replaced(file) as output:
            output.write(text.encode())
    except OSError as error:
        raise ConfigurationError(
            f"{file} can't be written: {error.strerror or error}.", hint="Choose another file."
        ) from None
    say(f"{len(found)} instances written to {file}.")


@app.command("test")
@with_options
def probe(
    output: Output,
    selection: Selection,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Instances; or --all, or by --tag, --engine and --environment.",
            autocompletion=instance_names,
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All active instances.")] = False,
) -> None:
    """Connect, and check every privilege that a sync needs. Exit status 1: not all ready."""
    from concurrent.futures import ThreadPoolExecutor

    from sync_pipeline.workflows.selecting import active
    from sync_pipeline.workflows.syncing.probe import probe_instance

    wanted = replace(selection, names=(*(names or ()), *selection.names))
    if everything != wanted.is_everything:
        raise ConfigurationError("Name or select instances, or give --all, not both.")
    with dependencies() as deps:
        if everything:
            chosen = deps.store.registry.select(Selection())
        elif wanted == Selection(names=wanted.names):
            chosen = [_existing(deps, name) for name in wanted.names]
        else:
            chosen = active(deps.store, wanted)
        with ThreadPoolExecutor(PROBES_AT_ONCE) as pool:
            probes = list(pool.map(lambda item: probe_instance(deps, item), chosen))
    if output.is_json:
        show_json([{**asdict(probe), "is_ready": probe.is_ready} for probe in probes])
    else:
        _show_probes(probes, output)
    if not all(probe.is_ready for probe in probes):
        raise typer.Exit(1)


def _show_probes(probes: Sequence[Probe], output: Output) -> None:
    rows = [
        (
            probe.instance,
            "ready" if probe.is_ready else "not ready",
            probe.version,
            platform_named(probe.platform).service if probe.platform else "",
            "" if probe.error else probe.tls or "no TLS",
            _latency(probe.latency_seconds),
            probe.accounts,
        )
        for probe in probes
    ]
    columns = ("instance", "state", "version", "platform", "TLS", "latency", "accounts")
    output.show(columns, rows, "There is no active instance: sync-pipeline instances add.")
    for line in (line for probe in probes for line in _told(probe)):
        typer.echo(visible(line), err=output.is_csv)


def _latency(seconds: float | None) -> Cell | None:
    return None if seconds is None else Cell(seconds, f"{seconds * 1000:.1f} ms")


def _told(probe: Probe) -> Iterator[str]:
    if probe.error:
        yield probe.error
    for section, reason in probe.unread.items():
        yield f"{probe.instance}: {section} can't be read: {reason}"
    for reason in probe.unmeasured:
        yield f"{probe.instance}: sizes: {reason}"
    for note in probe.notes:
        yield f"{probe.instance}: note: {note}"


def _existing(deps: SyncDeps, name: str) -> Instance:
    found = deps.store.registry.instance(name)
    if found is None:
        raise ConfigurationError(
            f"The instance {name!r} does not exist.", hint="See: sync-pipeline instances list."
        )
    return found


def _checked(given: dict[str, Any]) -> Instance:
    from pydantic import ValidationError

    from sync_pipeline.fleet.files import reasons
    from sync_pipeline.fleet.rows import InstanceRow

    try:
        return InstanceRow.model_validate(given).instance()
    except ValidationError as error:
        raise ConfigurationError(
            f"The instance is not valid: {'; '.join(reasons(error))}.",
            hint="Nothing was written.",
        ) from None


def _json(instance: Instance, hold: Hold, origin: Origin | None) -> dict[str, Any]:
    from sync_pipeline.fleet.rows import InstanceRow

    window = hold.window
    return {
        **InstanceRow.of(instance).model_dump(mode="json"),
        "server_version": instance.server_version,
        "platform": instance.platform and str(instance.platform),
        "last_connected_at": instance.last_connected_at and instance.last_connected_at.isoformat(),
        "origin": origin and _origin_json(origin),
        "maintenance": window
        and {
            "number": window.id,
            "tag": window.tag,
            "until": window.ends_at.isoformat(),
            "reason": window.reason,
        },
        "not_reached": [
            {
                "category": str(item.streak.category),
                "failures": item.streak.failures,
                "last_failed_at": item.streak.last_failed_at.isoformat(),
                "error_kind": item.streak.error_kind,
                "error_message": item.streak.error_message,
                "next_try_at": item.due.isoformat(),
            }
            for item in hold.waiting
        ],
    }


def _fact_name(fact: ServerFact) -> str:
    """Return what a fact is called in a list of properties."""
    return " ".join(("server", *filter(None, (fact.database, fact.name, fact.subject))))


def _fact_json(fact: ServerFact, since: datetime) -> dict[str, Any]:
    return {**asdict(fact), "since": since.isoformat()}


def _origin_json(origin: Origin) -> dict[str, Any]:
    return {
        "cloud": str(origin.cloud),
        "scope": origin.scope,
        "resource_id": origin.resource_id,
        "vanished_at": origin.vanished_at and origin.vanished_at.isoformat(),
    }


def _listed(origin: Origin | None) -> str:
    """Say in a cell whose list has an instance, and since when it has it no more."""
    if origin is None:
        return ""
    gone = origin.vanished_at
    return f"{origin.cloud}, gone since {shown_time(gone)}" if gone else str(origin.cloud)


def _service(instance: Instance) -> str:
    return instance.platform.service if instance.platform else ""


def _hold(hold: Hold) -> str:
    """Say in a cell what keeps an instance from being synced."""
    texts = [
        f"{item.streak.category}: {item.streak.failures} failures, next try {shown_time(item.due)}"
        for item in hold.waiting
    ]
    if hold.window is not None:
        texts.insert(0, f"maintenance until {shown_time(hold.window.ends_at)}")
    return "; ".join(texts)


def _plain(value: object) -> object:
    """Return what a cell shows of a property: lists and mappings as text."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {item}" for key, item in value.items() if item is not None)
    return ", ".join(str(_plain(item)) for item in value) if isinstance(value, list) else value
