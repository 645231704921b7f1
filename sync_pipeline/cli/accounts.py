"""`sync-pipeline accounts`: who can do what, now and at any past moment."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from sync_pipeline.cli.context import (
    MOST_ROWS,
    dependencies,
    parse_past,
    say,
    show_json,
    show_notes,
    shown_time,
)
from sync_pipeline.cli.imported import notes_of, refuse_filters, show_changes
from sync_pipeline.cli.options import (
    WHEN,
    ImportedOption,
    OneInstance,
    WithSystem,
    instance_and,
    with_options,
)
from sync_pipeline.cli.output import Output, time_cell
from sync_pipeline.errors import ConfigurationError, StoreDamaged
from sync_pipeline.model.change import Baseline, ChangeType, LoggedChange
from sync_pipeline.model.change_json import diff_to_json
from sync_pipeline.model.classification import AccountRule, Capability, ClassCount
from sync_pipeline.model.imported import ImportedFilter
from sync_pipeline.model.instance import EngineName, Selection
from sync_pipeline.model.inventory import AccountFilter, AccountView, ChangeFilter
from sync_pipeline.model.snapshot import SectionState, SectionStatus

if TYPE_CHECKING:
    from sync_pipeline.model.account import AccountState
    from sync_pipeline.model.tenure import Tenure
    from sync_pipeline.workflows.answers.history import AccountAt
    from sync_pipeline.workflows.answers.use import Uses

ItemT = TypeVar("ItemT")

app = typer.Typer(help="Accounts, their permissions and their history.", no_args_is_help=True)


ClassOption = Annotated[
    str | None, typer.Option("--class", help="Only those that are in this class.")
]
CapabilityOption = Annotated[
    list[Capability] | None,
    typer.Option("--capability", help="Only those with it; may be repeated: with any of them."),
]
RoleOption = Annotated[
    list[str] | None,
    typer.Option("--role", help="Only those that have exactly this role, through any chain."),
]


@app.command("list")
@with_options
def list_(
    selection: Selection,
    output: Output,
    name: Annotated[str | None, typer.Option(help="LIKE pattern of the whole name.")] = None,
    superusers: Annotated[bool, typer.Option("--superusers", help="Only these.")] = False,
    locked: Annotated[bool, typer.Option("--locked", help="Only these.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Also those that are gone.")] = False,
    class_name: ClassOption = None,
    capability: CapabilityOption = None,
    role: RoleOption = None,
    since: Annotated[str | None, typer.Option(help="Changed last then or later (UTC).")] = None,
    until: Annotated[str | None, typer.Option(help="Changed last then or before (UTC).")] = None,
    not_seen_since: Annotated[
        str | None,
        typer.Option(
            help="Only those that nobody used since, as far as that is known: such as 90d."
        ),
    ] = None,
    sampled: Annotated[
        bool,
        typer.Option("--sampled", help="Those as well of which samples alone saw no use."),
    ] = False,
    limit: Annotated[int, typer.Option(help="At most.", min=1, max=MOST_ROWS)] = 1000,
    with_system: WithSystem = False,
) -> None:
    """List accounts as last synced."""
    from sync_pipeline.workflows.answers.use import Unseen, Uses
    from sync_pipeline.workflows.selecting import active, ever

    rule = _rule(class_name, capability, role, with_system=with_system)
    with dependencies() as deps:
        past = ever(deps.store, selection)
        wanted = AccountFilter(
            instances=past.ids,
            name=name,
            only_active=not everything,
            only_superusers=superusers,
            only_locked=locked,
            limit=limit if rule.is_any and not_seen_since is None else None,
            # Those of a rule are what it says.
            with_own=with_system or not rule.is_any,
            since=parse_past(since) if since else None,
            until=parse_past(until) if until else None,
        )
        inside: Collection[tuple[str, str]] | None = None
        notes: tuple[str, ...] = ()
        if not rule.is_any:
            from sync_pipeline.workflows.answers.accounts import accounts_of_rule

            taken, notes = accounts_of_rule(deps, active(deps.store, selection), rule)
            inside = {(item.instance, item.state.name) for item in taken}

        uses = Uses.of(deps, past.ids)
        unseen = (
            Unseen(uses, parse_past(not_seen_since), with_sampled=sampled)
            if not_seen_since is not None
            else None
        )

        def is_wanted(item: AccountView) -> bool:
            is_inside = inside is None or (item.instance, item.state.name) in inside
            return is_inside and (unseen is None or unseen.takes(item))

        is_judged = bool(rule.capabilities or rule.roles)
        damage: list[StoreDamaged] = []
        if output.is_json:
            from sync_pipeline.cli.long_json import long_list

            found = filter(is_wanted, deps.store.accounts.each(wanted, damage.append))
            views = (_view(item, uses) for item in _at_most(limit, found))
            with long_list(views) as text:
                _show_damage(damage, output, is_all=not text.count)
                text.show()
            show_notes(notes if is_judged else (), apart=True)
            show_notes(list(unseen.notes()) if unseen else (), apart=True)
            return
        counted = deps.store.accounts.counted(wanted, damage.append)
        rows = [
            (
                item.instance,
                *_columns(item, grants),
                time_cell(item.last_change_at),
                time_cell(uses.account(item).last_at),
            )
            for item, grants in _at_most(limit, (pair for pair in counted if is_wanted(pair[0])))
        ]
    _show_damage(damage, output, is_all=not rows)
    show_notes(notes if is_judged else (), apart=not output.is_table)
    show_notes(list(unseen.notes()) if unseen else (), apart=not output.is_table)
    columns = (
        *("instance", "account", "kind", "state", "roles", "grants"),
        *("last change", "last used"),
    )
    nothing = "No account matches. Sync first: sync-pipeline run account-sync."
    output.show(columns, rows, past.nothing(nothing))


@app.command()
@with_options
def show(
    output: Output,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="ACCOUNT",
            help="Name of the account, exactly. As before: of the instance, then of the account.",
        ),
    ],
    instance: OneInstance = None,
) -> None:
    """Show all that one account is and may do."""
    from sync_pipeline.workflows.answers.use import Uses, use_lines

    instance, account = instance_and(words, instance, "account")
    with dependencies() as deps:
        found = deps.store.accounts.get(instance, account)
        known = deps.store.registry.instance(instance)
        sections = deps.store.accounts.sections(known.id) if known else []
        uses = Uses.of(deps, [known.id] if known else [])
    if found is None:
        raise ConfigurationError(
            f"The instance {instance!r} has no known account {account!r}.",
            hint="See: sync-pipeline accounts list.",
        )
    told = [item for item in sections if item.report.reason]
    lines = [_section_line(item) for item in told if not item.report.is_known]
    unread = list(dict.fromkeys(line for line in lines if line))
    unknown = [item.report.reason for item in told if item.report.is_known]
    if output.is_json:
        show_json({**_view(found, uses), "not_read": unread, "not_known": unknown})
        return
    used = list(use_lines(uses.instance(instance), account))
    if output.is_csv:
        output.show(("what", "value"), _properties(found, unread, unknown, used), "")
        return
    state = found.state
    say(f"{account} on {instance} ({found.engine}): {_state_words(found)}")
    say(f"first seen {shown_time(found.first_seen_at)}, last {shown_time(found.last_seen_at)}")
    for line in used:
        say(line)
    for name, value in state.attributes:
        say(f"  {name}: {value}")
    for item in (*state.memberships, *state.settings, *state.grants):
        say(f"  {item}")
    for line in unread:
        say(f"  not read: {line}")
    for line in unknown:
        say(f"  not known: {line}")


@app.command()
@with_options
def changes(
    selection: Selection,
    output: Output,
    account: Annotated[str | None, typer.Option(help="Only this account.")] = None,
    session: Annotated[str | None, typer.Option(help="Only of this one; or `latest`.")] = None,
    change_type: Annotated[
        list[ChangeType] | None, typer.Option("--type", help="May be repeated.")
    ] = None,
    since: Annotated[str | None, typer.Option(help=WHEN)] = None,
    until: Annotated[str | None, typer.Option(help=WHEN)] = None,
    limit: Annotated[int, typer.Option(help="At most.", min=1, max=MOST_ROWS)] = 200,
    details: Annotated[
        bool,
        typer.Option("--details", help="All that was logged: first syncs, attributes by default."),
    ] = False,
    with_system: WithSystem = False,
    imported: ImportedOption = False,
) -> None:
    """Show what was granted, revoked and changed, newest first.

    The first sync of an instance is one line, and what is no news is left out. JSON has an
    object for each entry of the log.
    """
    from sync_pipeline.cli.sessions import resolve_session
    from sync_pipeline.workflows.answers.history import change_list, logged_changes, not_told
    from sync_pipeline.workflows.selecting import ever

    with dependencies() as deps:
        past = ever(deps.store, selection)
        if imported:
            refuse_filters({"--type": change_type, "--details": details})
            of_another = ImportedFilter(
                *(past.ids, account, session),
                parse_past(since) if since else None,
                parse_past(until) if until else None,
                limit,
            )
            show_changes(deps.store, of_another, output, past.nothing("Nothing was imported."))
            return
        chosen = resolve_session(deps.store, session).session_id if session else None
        wanted = ChangeFilter(
            instances=past.ids,
            account=account,
            session_id=chosen,
            change_types=tuple(change_type or ()),
            since=parse_past(since) if since else None,
            until=parse_past(until) if until else None,
            limit=limit,
            with_own=with_system or details or account is not None,
        )
        found: Sequence[LoggedChange | Baseline] = (
            logged_changes(deps.store, wanted, is_whole=details)
            if details or not output.is_table
            else change_list(deps.store, wanted, with_own=wanted.with_own)
        )
        notes = (*not_told(deps.store, wanted), *notes_of(deps.store))
    show_notes(notes, apart=not output.is_table)
    if output.is_json:
        show_json([_change(item) for item in found if isinstance(item, LoggedChange)])
        return
    rows = [(time_cell(item.changed_at), item.instance, *_change_columns(item)) for item in found]
    columns = ("when", "instance", "account", "change", "what")
    output.show(columns, rows, past.nothing("Nothing changed."))


@app.command()
@with_options
def at(
    selection: Selection,
    output: Output,
    time: Annotated[str, typer.Option(help=WHEN)],
    name: Annotated[str | None, typer.Option(help="Exactly this account.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also those gone by then.")] = False,
    class_name: ClassOption = None,
    capability: CapabilityOption = None,
    role: RoleOption = None,
    with_system: WithSystem = False,
) -> None:
    """Show the accounts as they were at a moment, replayed from the change log.

    Classes, capabilities and roles are judged by what was known then; notes say what was not.
    """
    from sync_pipeline.workflows.answers.history import accounts_at
    from sync_pipeline.workflows.selecting import asked_about, ever

    moment = parse_past(time)
    rule = _rule(class_name, capability, role, with_system=with_system)
    if everything and not rule.is_any:
        raise ConfigurationError(
            "What accounts that are gone can do is not judged.",
            hint="Give --all without --class, --capability and --role.",
        )
    notes: tuple[str, ...] = ()
    with dependencies() as deps:
        past = ever(deps.store, selection)
        with_own = with_system or name is not None
        if rule.is_any:
            each = accounts_at(deps.store, moment, past.ids, with_own=with_own)
        else:
            from sync_pipeline.workflows.answers.accounts import accounts_of_rule

            chosen = asked_about(deps.store, selection, moment)
            each, notes = accounts_of_rule(deps, chosen, rule, moment)
        found = [
            item
            for item in each
            if (everything or item.is_active) and (name is None or item.state.name == name)
        ]
    show_notes(notes, apart=not output.is_table)
    if output.is_json:
        show_json(
            [
                {
                    "instance": item.instance,
                    "is_active": item.is_active,
                    "state": item.state.to_json(),
                }
                for item in found
            ]
        )
        return
    rows = [(item.instance, *_columns(item, len(item.state.grants))) for item in found]
    columns = ("instance", "account", "kind", "state", "roles", "grants")
    output.show(columns, rows, past.nothing(f"No account was known at {time}."))


@app.command()
@with_options
def tenure(
    selection: Selection,
    output: Output,
    capability: Annotated[
        list[str] | None,
        typer.Option(
            "--capability",
            help="superuser, grant-admin, dangerous or another one of `accounts list`, or a class; "
            "may be repeated: with any of them.",
        ),
    ] = None,
    class_name: ClassOption = None,
    role: RoleOption = None,
    account: Annotated[str | None, typer.Option(help="LIKE pattern of the whole name.")] = None,
    since: Annotated[str | None, typer.Option(help=f"Held then or later: {WHEN}")] = None,
    until: Annotated[str | None, typer.Option(help=f"Held then or before: {WHEN}")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what has ended, as far back as changes are kept.")
    ] = False,
    limit: Annotated[int, typer.Option(help="At most.", min=1, max=MOST_ROWS)] = 1000,
    with_system: WithSystem = False,
) -> None:
    """Show since when accounts have a power, for how long, and by which path.

    Without a period: who has it now. A begin and an end lie between two syncs, and both are told.
    """
    from sync_pipeline.cli.tenures import COLUMNS, CSV_COLUMNS, csv_row, row, rule_of, tenure_json
    from sync_pipeline.model.pattern import like
    from sync_pipeline.workflows.answers.tenure import tenures
    from sync_pipeline.workflows.selecting import active, selected_ever

    rule = rule_of(capability or [], class_name, role or [], with_own=with_system)
    is_of_period = since is not None or until is not None
    notes: list[str] = []

    def is_meant(state: AccountState) -> bool:
        return account is None or like(account, state.name)

    def found() -> Iterator[Tenure]:
        choose = selected_ever if is_of_period or everything else active
        each = tenures(
            deps,
            choose(deps.store, selection),
            rule,
            parse_past(since) if since else None,
            parse_past(until) if until else None,
            is_meant,
        )
        count = 0
        for item in each:
            notes.extend(item.notes)
            for one in item.tenures:
                if not (is_of_period or everything or one.is_held):
                    continue
                if count == limit:
                    notes.append(f"More than {limit} were found: --limit shows more.")
                    return
                count += 1
                yield one

    with dependencies() as deps:
        if output.is_json:
            from sync_pipeline.cli.long_json import show_long_json

            show_long_json("tenures", map(tenure_json, found()), lambda: {"not_known": notes})
            return
        rows = [csv_row(item) if output.is_csv else row(item) for item in found()]
    columns = CSV_COLUMNS if output.is_csv else COLUMNS
    output.show(columns, rows, "Nobody had it, as far as is known.", tuple(dict.fromkeys(notes)))


@app.command()
@with_options
def classes(
    selection: Selection,
    output: Output,
    days: Annotated[int, typer.Option(help="Days to look back on.", min=1, max=3700)] = 30,
) -> None:
    """Show how many accounts each class has, by the last syncs and by day."""
    from sync_pipeline.workflows.answers.classification import account_classes
    from sync_pipeline.workflows.dates import today
    from sync_pipeline.workflows.selecting import ever

    with dependencies() as deps:
        defined = account_classes(deps.settings)
        past, until = ever(deps.store, selection), today(deps)
        present = {item.name: item for item in deps.store.classes.present(past.ids)}
        daily = deps.store.classes.daily(until - timedelta(days=days - 1), until, past.ids)
    by_name: dict[str, list[ClassCount]] = {item.name: [] for item in defined}
    for count in daily:
        by_name.setdefault(count.name, []).append(count)
    described = {item.name: item.description for item in defined}
    if output.is_json:
        show_json(
            [
                {
                    "class": name,
                    "description": described.get(name),
                    "is_defined": name in described,
                    "now": asdict(present[name]) if name in present else None,
                    "daily": [asdict(count) for count in counts],
                }
                for name, counts in by_name.items()
            ]
        )
        return
    rows: list[tuple[object, ...]] = []
    for name, counts in by_name.items():
        now = present.get(name)
        last = (now.accounts, now.instances) if now else ("not counted yet", "")
        rows.append((name, "now", *last, described.get(name, "no longer defined")))
        rows += [(name, count.day, count.accounts, count.instances, "") for count in counts[::-1]]
    output.show(
        ("class", "day", "accounts", "on instances", "description"),
        rows,
        "No class is defined: SYNC_PIPELINE_CLASSIFICATION_FILE names the file of classes.",
    )


def _rule(
    class_name: str | None,
    capabilities: list[Capability] | None,
    roles: list[str] | None,
    *,
    with_system: bool,
) -> AccountRule:
    return AccountRule(class_name or "", tuple(capabilities or ()), tuple(roles or ()), with_system)


def _properties(
    found: AccountView, unread: Sequence[str], unknown: Sequence[str], used: Sequence[str]
) -> list[tuple[object, ...]]:
    """Return all of an account as rows, a fact in each."""
    state = found.state
    kinds = (
        ("role", state.memberships),
        ("setting", state.settings),
        ("grant", state.grants),
        ("not read", unread),
        ("not known", unknown),
    )
    return [
        ("instance", found.instance),
        ("engine", found.engine),
        ("account", state.name),
        ("state", _state_words(found)),
        ("first seen", found.first_seen_at.isoformat()),
        ("last seen", found.last_seen_at.isoformat()),
        *(("use", line) for line in used),
        *state.attributes,
        *((kind, item) for kind, items in kinds for item in items),
    ]


def _at_most(limit: int, items: Iterable[ItemT]) -> Iterator[ItemT]:
    """Yield the first items, and look at the others: of one that is damaged is told."""
    for number, item in enumerate(items):
        if number < limit:
            yield item


def _show_damage(damage: Sequence[StoreDamaged], output: Output, *, is_all: bool) -> None:
    """Say which instances are left out.

    Raises:
        StoreDamaged: nothing else was found.
    """
    if damage and is_all:
        raise damage[0]
    show_notes([str(error) for error in damage], apart=not output.is_table)


def _columns(view: AccountView | AccountAt, grants: int) -> tuple[object, ...]:
    state = view.state
    roles = ", ".join(membership.role for membership in state.memberships)
    return state.name, state.kind, _state_words(view), roles, grants


def _state_words(view: AccountView | AccountAt) -> str:
    state = view.state
    words = (
        ("gone", not view.is_active),
        ("provider", isinstance(view, AccountView) and _is_providers(view)),
        ("superuser", state.is_superuser),
        ("locked", state.is_locked),
        ("can log in", state.can_login),
    )
    said = [word for word, holds in words if holds]
    is_said = any(word != "provider" for word in said)
    return ", ".join(said if is_said else [*said, "cannot log in"])


def _is_providers(view: AccountView) -> bool:
    """Return whether an account is the one of a managed service's provider."""
    if not view.platform.is_managed:
        return False
    from sync_pipeline.engines.base import Hosted
    from sync_pipeline.engines.registry import ENGINES

    engine = ENGINES[EngineName(view.engine)]
    return isinstance(engine, Hosted) and engine.is_providers(view.state, view.platform)


def _view(view: AccountView, uses: Uses) -> dict[str, Any]:
    from sync_pipeline.workflows.answers.use import use_json

    return {
        "instance": view.instance,
        "engine": view.engine,
        "is_active": view.is_active,
        "first_seen_at": view.first_seen_at.isoformat(),
        "last_seen_at": view.last_seen_at.isoformat(),
        "last_sync_at": view.last_sync_at.isoformat(),
        "last_change_at": view.last_change_at.isoformat(),
        "session_id": view.session_id,
        "is_provider": _is_providers(view),
        "use": use_json(uses.instance(view.instance), view.state.name),
        "state": view.state.to_json(),
    }


def _change_columns(entry: LoggedChange | Baseline) -> tuple[object, ...]:
    if isinstance(entry, Baseline):
        return "", "baseline", f"{entry.line}; --details lists them"
    return entry.change.account, entry.change.change_type, tuple(entry.change.lines)


def _change(entry: LoggedChange) -> dict[str, Any]:
    return {
        "when": entry.changed_at.isoformat(),
        "instance": entry.instance,
        "account": entry.change.account,
        "change_type": str(entry.change.change_type),
        "session_id": entry.session_id,
        "is_baseline": entry.is_baseline,
        "lines": list(entry.change.lines),
        "diff": diff_to_json(entry.change.diff),
    }


def _section_line(section: SectionState) -> str:
    """Return why a section was not read; empty: it is the provider's own, and nobody's to read."""
    if section.report.status is SectionStatus.PROVIDERS:
        return ""
    if section.report.status is SectionStatus.EXCLUDED and section.key.database:
        return f"database {section.key.database}: {section.report.reason}"
    last = shown_time(section.last_read_at) or "never"
    return f"{section.key} (last read: {last}): {section.report.reason}"
