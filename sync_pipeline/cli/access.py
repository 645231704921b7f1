"""`sync-pipeline access`: who can really do what, and by which path."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync_pipeline.cli.access_values import (
    entry_json,
    gaps_json,
    power_json,
    securable_json,
    way,
)
from sync_pipeline.cli.completion import instance_names
from sync_pipeline.cli.context import dependencies, parse_past, say, show_json
from sync_pipeline.cli.long_json import show_long_json
from sync_pipeline.cli.options import WithSystem, with_options
from sync_pipeline.cli.output import Output
from sync_pipeline.model.access import EffectivePrivilege, path_text
from sync_pipeline.model.gap import Gap
from sync_pipeline.model.instance import Selection
from sync_pipeline.model.past import Which

if TYPE_CHECKING:
    from sync_pipeline.access.answers import (
        AccessComparison,
        AccessDifference,
        AccountAccess,
        WhoCan,
    )

app = typer.Typer(help="What accounts can really do, and by which path.", no_args_is_help=True)

AccountInstance = Annotated[
    str,
    typer.Option("--instance", help="The account's instance.", autocompletion=instance_names),
]
At = Annotated[
    str | None,
    typer.Option("--at", help="As of then: ISO 8601, UTC without a zone; or how long ago: 7d."),
]
PRIVILEGE_COLUMNS = ("privilege", "object", "when", "path", "given by", "grantable", "lacks")
DIFFERENCE_COLUMNS = ("privilege", "object", "first", "second", "not known")


@app.command("who-can")
@with_options
def who_can(
    selection: Selection,
    output: Output,
    privilege: Annotated[str, typer.Argument(help="Such as SELECT, or CREATE USER.")],
    object_: Annotated[
        str, typer.Argument(metavar="OBJECT", help='[KIND:]PATH, such as table:shop."Orders".')
    ],
    all_paths: Annotated[
        bool, typer.Option("--all-paths", help="Every path, not only the best.")
    ] = False,
    all_holders: Annotated[
        bool,
        typer.Option(
            "--all-holders",
            help="A line for each superuser too, and where the object only may be.",
        ),
    ] = False,
    with_system: WithSystem = False,
    at: At = None,
) -> None:
    """Show every account that has a privilege on an object, and how it comes by it.

    Superusers are one line an instance, and so is who stands for everyone. Instances on which the
    object is not are counted. JSON and CSV have an entry for each holder.
    """
    from sync_pipeline.access.telling import absences, gaps_once
    from sync_pipeline.cli import holders as shown
    from sync_pipeline.workflows.answers import access as questions
    from sync_pipeline.workflows.selecting import asked_about

    moment = _moment(at)
    with dependencies() as deps:
        instances = asked_about(deps.store, selection, moment)
        search = questions.search(deps, privilege, object_, [instances], moment)
        is_alone = bool(selection.names) or len(instances) == 1
        asked = shown.Asked(all_paths, all_holders, with_system, is_alone)
        found = asked.of(search.holders())
        if output.is_json:
            told = map(shown.holder_json, found)
            show_long_json("holders", told, lambda: shown.answer_json(search.answer(), moment))
            return
        nothing = f"No account has {search.privilege} on {object_}, as far as is known."
        if output.is_csv:
            rows = list(shown.csv_rows(found, asked))
            answer = search.answer()
            notes = (*gaps_once(answer), *_beside(answer), *absences(answer))
            output.show(shown.CSV_COLUMNS, rows, nothing, notes)
            return
        lines = shown.Lines(asked)
        lines.add(found)
    answer = search.answer()
    where = lines.end(answer)
    notes = (*gaps_once(answer), *_beside(answer), *where)
    output.show(shown.COLUMNS, lines.rows, nothing, notes)


@app.command("of")
@with_options
def of(
    output: Output,
    account: Annotated[str, typer.Argument(help="Name of the account, exactly.")],
    instance: AccountInstance,
    at: At = None,
) -> None:
    """Show all that an account may do, through roles, ownership and PUBLIC too."""
    from sync_pipeline.workflows.answers import access as questions

    moment = _moment(at)
    with dependencies() as deps:
        found = questions.access_of(deps, account, instance, moment)
    if output.is_json:
        show_json({**_account(found), "at": moment})
        return
    if output.is_table:
        if found.facts.is_provider:
            say(f"{account} is an account of the provider of this service.")
        for power in found.powers:
            say(f"{power.kind} ({power.availability}) by {power.source}: {path_text(power.path)}")
        for text in found.denied:
            say(f"denied: {text}")
    rows = [_privilege_row(item) for item in found.privileges]
    nothing = f"{account} may do nothing on {instance}, as far as is known."
    output.show(PRIVILEGE_COLUMNS, rows, nothing, _notes(found))


@app.command()
@with_options
def diff(
    output: Output,
    first: Annotated[str, typer.Argument(help="One account.")],
    second: Annotated[str, typer.Argument(help="The other account.")],
    instance: AccountInstance,
    other_instance: Annotated[
        str | None,
        typer.Option(
            "--other-instance",
            help="The other account's, if another.",
            autocompletion=instance_names,
        ),
    ] = None,
    at: At = None,
    other_at: Annotated[
        str | None, typer.Option("--other-at", help="The same for the other account.")
    ] = None,
) -> None:
    """Show what one account may do and the other may not, or not in the same way.

    An account may be compared with itself, as of another moment.
    """
    from sync_pipeline.workflows.answers import access as questions

    sides = (
        Which(instance, first, _moment(at)),
        Which(other_instance or instance, second, _moment(other_at)),
    )
    with dependencies() as deps:
        found = questions.compare(deps, *sides)
    if output.is_json:
        show_json(_comparison(found, *sides))
        return
    once = () if output.is_csv else found.everywhere
    rows = [*_power_rows(found), *(_difference_row(item, once) for item in found.differences)]
    nothing = f"{first} and {second} may do the same, as far as is known."
    output.show(DIFFERENCE_COLUMNS, rows, nothing, _notes(found))


def _moment(text: str | None) -> datetime | None:
    return None if text is None else parse_past(text)


def _notes(found: AccountAccess | AccessComparison) -> tuple[str, ...]:
    """Return what an answer does not know, and what none takes in."""
    return (*found.gaps, *_beside(found))


def _beside(found: WhoCan | AccountAccess | AccessComparison) -> Iterator[str]:
    """Yield a line for each product: what no answer takes in."""
    rules = found.not_modelled
    for product in dict.fromkeys(rule.product for rule in rules):
        named = "; ".join(str(rule) for rule in rules if rule.product == product)
        yield f"Not looked at on {product}, and could change the answer: {named}."


def _privilege_row(entry: EffectivePrivilege) -> tuple[object, ...]:
    return (entry.privilege, entry.securable, entry.availability, *way(entry))


def _difference_row(item: AccessDifference, once: Collection[Gap]) -> tuple[object, ...]:
    """Return a row; what is said `once` below the table is left out of its last column."""
    from sync_pipeline.access.telling import side_text

    sides = (side_text(side, item.unknown) for side in (item.first, item.second))
    unknown = ", ".join(gap for gap in item.unknown if gap not in once)
    return (item.privilege, item.securable, *sides, unknown)


def _power_rows(found: AccessComparison) -> Iterator[tuple[object, ...]]:
    for power in found.powers_of_first:
        yield power.kind, "", f"{power.availability}: {path_text(power.path)}", "no", ""
    for power in found.powers_of_second:
        yield power.kind, "", "no", f"{power.availability}: {path_text(power.path)}", ""


def _account(found: AccountAccess) -> dict[str, Any]:
    return {
        "instance": found.instance,
        "account": found.state.name,
        "kind": found.state.kind,
        "can_login": found.state.can_login,
        "is_locked": found.state.is_locked,
        "facts": {**asdict(found.facts), "unknown": list(found.facts.unknown)},
        "powers": [power_json(item) for item in found.powers],
        "privileges": [entry_json(item) for item in found.privileges],
        "denied": list(found.denied),
        "is_complete": not found.gaps,
        "not_known": list(found.gaps),
        "not_modelled": [asdict(rule) for rule in found.not_modelled],
    }


def _comparison(found: AccessComparison, *sides: Which) -> dict[str, Any]:
    first, second = ({**asdict(side)} for side in sides)
    return {
        "first": first,
        "second": second,
        "is_equal": found.is_equal,
        "is_complete": not found.gaps,
        "not_known": list(found.gaps),
        "not_modelled": [asdict(rule) for rule in found.not_modelled],
        "attributes": [asdict(item) for item in found.attributes],
        "roles_of_first": list(found.roles_of_first),
        "roles_of_second": list(found.roles_of_second),
        "alike": asdict(found.alike),
        "powers_of_first": [power_json(item) for item in found.powers_of_first],
        "powers_of_second": [power_json(item) for item in found.powers_of_second],
        "differences": [
            {
                "privilege": item.privilege,
                "securable": securable_json(item.securable),
                "first": entry_json(item.first) if item.first else None,
                "second": entry_json(item.second) if item.second else None,
                "unknown": list(item.unknown),
                "gaps": gaps_json(item.unknown),
            }
            for item in found.differences
        ],
    }
