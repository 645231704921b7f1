"""`sync-pipeline findings accept`, `unaccept` and `accepted`: findings that are left for a time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

import typer

from sync_pipeline.cli.context import MOST_ROWS, dependencies, say, show_json
from sync_pipeline.cli.options import with_options
from sync_pipeline.cli.output import Output, time_cell
from sync_pipeline.model.finding import Suppression
from sync_pipeline.model.pattern import literal

_DATE = ["%Y-%m-%d"]
_FILE = "file"
By = Annotated[str | None, typer.Option("--by", help="Who; without it, who runs this command.")]


def accept(
    *,
    rule: Annotated[str, typer.Option(help="The rule; a LIKE pattern.")],
    instance: Annotated[str, typer.Option(help="The instance; a LIKE pattern.")],
    account: Annotated[str, typer.Option(help="The account; a LIKE pattern.")],
    until: Annotated[datetime, typer.Option(formats=_DATE, help="The last day, as 2026-12-31.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    about: Annotated[
        str, typer.Option(help="What it is about, such as a database; a LIKE pattern.")
    ] = "%",
    exact: Annotated[
        bool, typer.Option("--exact", help="Take the names as they are: % and _ stand for no more.")
    ] = False,
    ahead: Annotated[
        bool, typer.Option("--ahead", help="Also if nothing of it is found now.")
    ] = False,
    by: By = None,
) -> None:
    """Accept findings until a day: they are counted apart, and told again after it.

    One that gets worse after that is told at once.
    """
    from sync_pipeline.cli.launch import user
    from sync_pipeline.workflows.answers.accepting import Wanted
    from sync_pipeline.workflows.answers.accepting import accept as give

    wanted = Wanted(rule, instance, account, until.date(), reason, about, is_exact=exact)
    with dependencies() as deps:
        given = give(deps, wanted, by or user(), is_ahead=ahead)
    counts = ", ".join(f"{count} {severity}" for severity, count in given.counts.items() if count)
    own = given.acceptance
    say(
        f"Acceptance {own.number} holds until {own.until}: {counts or 'nothing now'}. To take it "
        f"back: sync-pipeline findings unaccept {own.number}."
    )
    if literal(own.instance) is None or literal(own.account) is None:
        say(f"It is of all accounts like {own.account} on instances like {own.instance}.")


def unaccept(
    number: Annotated[
        int, typer.Argument(help="The number that `findings accepted` shows.", min=1, max=MOST_ROWS)
    ],
    by: By = None,
) -> None:
    """Take an acceptance back: what it hid is told again."""
    from sync_pipeline.cli.launch import user
    from sync_pipeline.workflows.answers.accepting import take_back

    with dependencies() as deps:
        ended = take_back(deps, number, by or user())
    say(
        f"Acceptance {ended.number} of {ended.rule} for {ended.account} on {ended.instance} "
        "was taken back."
    )


@with_options
def accepted(
    output: Output,
    everything: Annotated[
        bool, typer.Option("--all", help="Also those that were taken back.")
    ] = False,
) -> None:
    """List what is accepted: by the findings file, and by commands; and what has expired."""
    from sync_pipeline.workflows.answers.accepting import AcceptedList, accepted_list

    with dependencies() as deps:
        found: AcceptedList = accepted_list(deps)

    def rows() -> Iterator[tuple[str, Suppression, str, str]]:
        for item in found.of_file:
            yield _FILE, item, "holds" if found.today <= item.until else "expired", ""
        for one in found.given:
            if everything or one.removed_at is None:
                own = one.suppression
                yield str(own.number), own, one.state_on(found.today), one.removed_by

    if output.is_json:
        show_json(
            [
                {**acceptance_json(item), "state": state, "removed_by": removed_by}
                for _, item, state, removed_by in rows()
            ]
        )
        return
    columns = (
        *("number", "state", "rule", "instance", "account", "about", "until"),
        *("by", "given", "reason", "taken back by"),
    )
    lines = [
        (
            *(number, state, item.rule, item.instance, item.account, item.about, item.until),
            *(item.given_by, time_cell(item.given_at), item.reason, removed_by),
        )
        for number, item, state, removed_by in rows()
    ]
    output.show(columns, lines, "Nothing is accepted.")


def acceptance_json(item: Suppression) -> dict[str, Any]:
    """Return by what a finding is accepted; `number` is None where the file says it."""
    return {
        "number": item.number or None,
        "rule": item.rule,
        "instance": item.instance,
        "account": item.account,
        "about": item.about,
        "until": item.until.isoformat(),
        "reason": item.reason,
        "given_by": item.given_by or None,
        "given_at": item.given_at.isoformat() if item.given_at else None,
    }
