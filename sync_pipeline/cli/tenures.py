"""Tenures as people and programs are told them: since when, until when, by which paths."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sync_pipeline.cli.context import shown_time
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.classification import AccountRule, Capability
from sync_pipeline.model.tenure import Edge, EdgeKind, HeldWay, Tenure

COLUMNS = ("instance", "account", "since", "until", "for", "by", "not known")
CSV_COLUMNS = (
    "instance", "account", "begin", "not_before", "held_by", "end", "held_until", "gone_by",
    "seconds_at_least", "seconds_at_most", "by", "not_known",
)  # fmt: skip
_ALIKE = {"dangerous": Capability.DANGEROUS}
_MOST_BLANKS = 3
_MOST_WAYS = 3
_WORDS = {
    EdgeKind.FIRST_SYNC: "at least since {by}, its first sync",
    EdgeKind.PRUNED: "not known before {by}",
    EdgeKind.UNREAD: "not known before {by}: not read",
    EdgeKind.ASKED: "before {by}",
    EdgeKind.CLOCK: "{by}, by its date",
}


def rule_of(
    capabilities: list[str], class_name: str | None, roles: list[str], *, with_own: bool
) -> AccountRule:
    """Return which accounts are meant; a word that is no capability is the name of a class.

    Raises:
        ConfigurationError: nothing is asked for, or two classes.
    """
    known = {str(item): item for item in Capability} | _ALIKE
    words = [word.strip().replace("-", " ") for word in capabilities]
    found = tuple(known[word] for word in words if word in known)
    classes = [name for word, name in zip(words, capabilities, strict=True) if word not in known]
    classes += [class_name] if class_name else []
    if len(classes) > 1:
        raise ConfigurationError(
            f"{classes[0]!r} and {classes[1]!r} are two classes: one can be asked for.",
            hint=f"Capabilities are: {', '.join(known)}.",
        )
    rule = AccountRule(classes[0] if classes else "", found, tuple(roles), with_own)
    if rule.is_any:
        raise ConfigurationError(
            "Nothing is asked for.", hint="Give --capability superuser, a class, or --role."
        )
    return rule


def row(item: Tenure) -> tuple[object, ...]:
    """Return the cells of a tenure for people."""
    return (
        item.instance,
        item.account,
        _since(item.begin),
        _until(item),
        _length(item),
        _first(item.by(), _MOST_WAYS, "ways"),
        _first(map(str, item.blanks), _MOST_BLANKS, "times"),
    )


def csv_row(item: Tenure) -> tuple[object, ...]:
    """Return the cells of a tenure for programs."""
    end, most = item.end, item.at_most
    return (
        item.instance,
        item.account,
        item.begin.kind,
        _iso(item.begin.after),
        _iso(item.begin.by),
        end.kind if end else "still held",
        _iso(item.held_at),
        _iso(end.by if end else None),
        int(item.at_least.total_seconds()),
        "" if most is None else int(most.total_seconds()),
        "; ".join(map(str, dict.fromkeys(held.way for held in item.ways))),
        "; ".join(map(str, item.blanks)),
    )


def tenure_json(item: Tenure) -> dict[str, Any]:
    """Return a tenure as JSON values."""
    most = item.at_most
    return {
        "instance": item.instance,
        "account": item.account,
        "begin": _edge_json(item.begin),
        "end": _edge_json(item.end) if item.end else None,
        "held_at": item.held_at,
        "is_held": item.is_held,
        "seconds_at_least": item.at_least.total_seconds(),
        "seconds_at_most": None if most is None else most.total_seconds(),
        "ways": [_way_json(held) for held in item.ways],
        "not_known": [
            {
                "kind": blank.kind,
                "after": blank.after,
                "until": blank.until,
                "reason": blank.reason,
            }
            for blank in item.blanks
        ],
    }


def _edge_json(edge: Edge) -> dict[str, Any]:
    return {"kind": edge.kind, "after": edge.after, "by": edge.by}


def _way_json(held: HeldWay) -> dict[str, Any]:
    return {
        "kind": held.way.kind,
        "source": held.way.source,
        "path": list(held.way.path),
        "availability": held.way.availability,
        "begin": _edge_json(held.begin),
        "end": _edge_json(held.end) if held.end else None,
    }


def _iso(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""


def _since(edge: Edge) -> str:
    if edge.kind is EdgeKind.SEEN:
        if edge.after is None:
            return f"by {shown_time(edge.by)}"
        return f"between {shown_time(edge.after)} (not yet) and {shown_time(edge.by)} (held)"
    return _WORDS[edge.kind].format(by=shown_time(edge.by))


def _until(item: Tenure) -> str:
    if item.end is None:
        return f"still held at {shown_time(item.held_at)}"
    if item.end.kind is EdgeKind.CLOCK:
        return f"{shown_time(item.end.by)}, by its date"
    return f"between {shown_time(item.held_at)} (held) and {shown_time(item.end.by)} (gone)"


def _length(item: Tenure) -> str:
    """Return how long it was held, in the largest unit that tells it."""
    least, most = item.at_least, item.at_most
    if most is None:
        return f"at least {_span(least)}"
    told = (_span(least), _span(most))
    return told[0] if told[0] == told[1] else f"{told[0]} to {told[1]}"


def _span(length: timedelta) -> str:
    minutes = int(length.total_seconds()) // 60
    days, hours = divmod(minutes // 60, 24)
    if days >= 2:  # noqa: PLR2004 - hours tell nothing of more
        return f"{days} d"
    return f"{days * 24 + hours} h" if minutes >= 2 * 60 else f"{minutes} min"


def _first(lines: Iterable[str], most: int, what: str) -> tuple[str, ...]:
    found = tuple(lines)
    more = len(found) - most
    return (*found[:most], f"and {more} more {what}") if more > 0 else found
