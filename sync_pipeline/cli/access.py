"""`sync-pipeline access`: who can really do what, and by which path."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync_pipeline.cli.completion import instance_names
from sync_pipeline.cli.context import dependencies, say, show_json
from sync_pipeline.cli.long_json import show_long_json
from sync_pipeline.cli.options import with_options
from sync_pipeline.cli.output import Output
from sync_pipeline.model.access import EffectivePrivilege, Path, Power, path_text
from sync_pipeline.model.gap import Gap
from sync_pipeline.model.instance import Selection
from sync_pipeline.model.privilege import SECURABLE_PARTS, Securable

if TYPE_CHECKING:
    from sync_pipeline.access.answers import (
        AccessComparison,
        AccessDifference,
        AccountAccess,
        Holder,
        WhoCan,
    )

app = typer.Typer(help="What accounts can really do, and by which path.", no_args_is_help=True)

AccountInstance = Annotated[
    str,
    typer.Option("--instance", help="The account's instance.", autocompletion=instance_names),
]
HOLDER_COLUMNS = (
    "instance", "account", "can", "object", "path", "given by", "grantable", "lacks",
)  # fmt: skip
PRIVILEGE_COLUMNS = ("privilege", "object", "when", "path", "given by", "grantable", "lacks")
_parts = attrgetter(*SECURABLE_PARTS)
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
) -> None:
    """Show every account that has a privilege on an object, and how it comes by it."""
    from sync_pipeline.workflows.answers import access as questions
    from sync_pipeline.workflows.selecting import active

    with dependencies() as deps:
        instances = active(deps.store, selection)
        search = questions.search(deps, privilege, object_, instances)
        if output.is_json:
            holders = map(_holder, search.holders())
            show_long_json("holders", holders, lambda: _who_can(search.answer()))
            return
        rows = [
            row for holder in search.holders() for row in _holder_rows(holder, all_paths=all_paths)
        ]
    nothing = f"No account has {search.privilege} on {object_}, as far as is known."
    output.show(HOLDER_COLUMNS, rows, nothing, _notes(search.answer()))


@app.command("of")
@with_options
def of(
    output: Output,
    account: Annotated[str, typer.Argument(help="Name of the account, exactly.")],
    instance: AccountInstance,
) -> None:
    """Show all that an account may do, through roles, ownership and PUBLIC too."""
    from sync_pipeline.workflows.answers import access as questions

    with dependencies() as deps:
        found = questions.access_of(deps, account, instance)
    if output.is_json:
        show_json(_account(found))
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
) -> None:
    """Show what one account may do and the other may not, or not in the same way."""
    from sync_pipeline.workflows.answers import access as questions

    with dependencies() as deps:
        found = questions.compare(deps, first, second, instance, other_instance or instance)
    if output.is_json:
        show_json(_comparison(found))
        return
    once = () if output.is_csv else found.everywhere
    rows = [*_power_rows(found), *(_difference_row(item, once) for item in found.differences)]
    nothing = f"{first} and {second} may do the same, as far as is known."
    output.show(DIFFERENCE_COLUMNS, rows, nothing, _notes(found))


def _notes(found: WhoCan | AccountAccess | AccessComparison) -> tuple[str, ...]:
    """Return what an answer does not know, and a line for each product: what none takes in."""
    rules = found.not_modelled
    products = dict.fromkeys(rule.product for rule in rules)
    beside = (
        f"Not looked at on {product}, and could change the answer: "
        f"{'; '.join(str(rule) for rule in rules if rule.product == product)}."
        for product in products
    )
    return (*found.gaps, *beside)


def _holder_rows(holder: Holder, *, all_paths: bool) -> Iterator[tuple[object, ...]]:

    name = f"{holder.state.name} (everyone)" if holder.stands_for_all else holder.state.name
    start = (holder.instance, name)
    decision = holder.decision
    if not decision.held:
        reasons = "; ".join(
            (*decision.denied, *dict.fromkeys(gap.phrase for gap in decision.unknown))
        )
        yield (*start, holder.verdict, decision.securable, "", reasons, "", "")
        return
    for entry in decision.held if all_paths else decision.held[:1]:
        yield (*start, entry.availability, decision.securable, *_way(entry))


def _privilege_row(entry: EffectivePrivilege) -> tuple[object, ...]:
    return (entry.privilege, entry.securable, entry.availability, *_way(entry))


def _way(entry: EffectivePrivilege) -> tuple[object, ...]:
    grantable = "yes" if entry.grantable else ""
    return path_text(entry.path), entry.source, grantable, "; ".join(entry.lacking)


def _difference_row(item: AccessDifference, once: Collection[Gap]) -> tuple[object, ...]:
    """Return a row; what is said `once` below the table is left out of its last column."""
    sides = (_side(side, item.unknown) for side in (item.first, item.second))
    unknown = ", ".join(gap for gap in item.unknown if gap not in once)
    return (item.privilege, item.securable, *sides, unknown)


def _side(entry: EffectivePrivilege | None, unknown: Collection[Gap]) -> str:
    if entry is None:
        return "not known to have it" if unknown else "no"
    option = ", grantable" if entry.grantable else ""
    lacks = f", lacks {'; '.join(entry.lacking)}" if entry.lacking else ""
    return f"{entry.availability}{option}{lacks}: {path_text(entry.path)} by {entry.source}"


def _power_rows(found: AccessComparison) -> Iterator[tuple[object, ...]]:
    for power in found.powers_of_first:
        yield power.kind, "", f"{power.availability}: {path_text(power.path)}", "no", ""
    for power in found.powers_of_second:
        yield power.kind, "", "no", f"{power.availability}: {path_text(power.path)}", ""


def _who_can(found: WhoCan) -> dict[str, Any]:
    return {
        "privilege": found.privilege,
        "object": found.text,
        "is_complete": found.is_complete,
        "not_known": list(found.gaps),
        "not_modelled": [asdict(rule) for rule in found.not_modelled],
    }


def _holder(holder: Holder) -> dict[str, Any]:
    state, decision = holder.state, holder.decision
    return {
        "instance": holder.instance,
        "account": state.name,
        "kind": state.kind,
        "can_login": state.can_login,
        "is_locked": state.is_locked,
        "stands_for_all": holder.stands_for_all,
        "securable": _securable(decision.securable),
        "verdict": holder.verdict,
        "held": [_entry(item) for item in decision.held],
        "denied": list(decision.denied),
        "unknown": list(decision.unknown),
        "gaps": _gaps(decision.unknown),
    }


def _account(found: AccountAccess) -> dict[str, Any]:
    return {
        "instance": found.instance,
        "account": found.state.name,
        "kind": found.state.kind,
        "can_login": found.state.can_login,
        "is_locked": found.state.is_locked,
        "facts": {**asdict(found.facts), "unknown": list(found.facts.unknown)},
        "powers": [_power(item) for item in found.powers],
        "privileges": [_entry(item) for item in found.privileges],
        "denied": list(found.denied),
        "is_complete": not found.gaps,
        "not_known": list(found.gaps),
        "not_modelled": [asdict(rule) for rule in found.not_modelled],
    }


def _comparison(found: AccessComparison) -> dict[str, Any]:
    return {
        "first": {"instance": found.first.instance, "account": found.first.state.name},
        "second": {"instance": found.second.instance, "account": found.second.state.name},
        "is_equal": found.is_equal,
        "is_complete": not found.gaps,
        "not_known": list(found.gaps),
        "not_modelled": [asdict(rule) for rule in found.not_modelled],
        "powers_of_first": [_power(item) for item in found.powers_of_first],
        "powers_of_second": [_power(item) for item in found.powers_of_second],
        "differences": [
            {
                "privilege": item.privilege,
                "securable": _securable(item.securable),
                "first": _entry(item.first) if item.first else None,
                "second": _entry(item.second) if item.second else None,
                "unknown": list(item.unknown),
                "gaps": _gaps(item.unknown),
            }
            for item in found.differences
        ],
    }


def _gaps(gaps: Iterable[Gap]) -> list[dict[str, str]]:
    """Return what is not known, why, and the statement that lets it be read."""
    fields = ("what", "status", "database", "section", "why", "needs")
    return [{name: str(value) for name in fields if (value := getattr(gap, name))} for gap in gaps]


def _entry(item: EffectivePrivilege) -> dict[str, Any]:
    return {
        "privilege": item.privilege,
        "securable": _securable(item.securable),
        "source": item.source,
        "availability": item.availability,
        "grantable": item.grantable,
        "lacking": list(item.lacking),
        "path": path_json(item.path),
    }


def _power(item: Power) -> dict[str, Any]:
    return {
        "kind": item.kind,
        "source": item.source,
        "availability": item.availability,
        "path": path_json(item.path),
    }


@lru_cache(maxsize=64)
def _securable(item: Securable) -> dict[str, str]:
    """Return an object as JSON values, the same ones for all holders of it."""
    values = zip(SECURABLE_PARTS, _parts(item), strict=True)
    return {name: str(value) for name, value in values if value}


def path_json(path: Path) -> list[dict[str, str]]:
    """Return a path as JSON values."""
    return [{"account": step.account, "how": step.how} for step in path]
