"""Findings for people: counts first, then groups, worst first, and in them one line a cause.

Prose is wrapped with a deeper indent than what begins a line, so that no name looks like a line
of ours. Statements are not wrapped: they are copied.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from sync_pipeline.cli.context import shown_width
from sync_pipeline.model.causes import (
    ITSELF,
    Cause,
    CauseGroup,
    all_of,
    at_least,
    causes_of,
    grouped,
    under,
)
from sync_pipeline.model.finding import Review, Severity, SeverityStep
from sync_pipeline.model.grouping import By
from sync_pipeline.model.statements import Unit, lines_of, units
from sync_pipeline.model.text import first_names
from sync_pipeline.visible import visible

if TYPE_CHECKING:
    from rich.console import Console

_MOST_GROUPS = 40
_MOST_CAUSES = 8
_MOST_STATEMENTS = 5
_MOST_ACCOUNTS = 3
_MOST_FOLDED = 3
_MOST_TAGS = 8
_EVERY = 10**9
_AS_ABOVE = "as above"
_HANGING = " " * 10


@dataclass(frozen=True, slots=True)
class FindingTable:
    """How findings are shown: `tags` of each instance, and the `titles` of rules."""

    tags: Mapping[str, Sequence[str]]
    titles: Mapping[str, str]
    by: By = By.RULE
    is_whole: bool = False

    def lines(self, found: Review, least: Severity | None = None) -> Iterator[str]:
        """Yield the lines of a review, of what is at least so bad (None: all)."""
        causes = at_least(causes_of(found.findings, found.others), least)
        groups = grouped(causes, under(self.by, self.tags))
        yield from _wrapped(_counts(causes, len(found.suppressed)), "    ")
        most = self._most(_MOST_GROUPS)
        for group in groups[:most]:
            yield ""
            yield from self._group(group)
        if len(groups) > most:
            yield ""
            yield f"and {len(groups) - most} more groups (--all)"

    def _group(self, group: CauseGroup) -> Iterator[str]:
        yield from _wrapped(self._head(group), "    ")
        by_instance: dict[str, list[Cause]] = defaultdict(list)
        for cause in group.causes:
            by_instance[cause.worst.instance].append(cause)
        left = self._most(_MOST_CAUSES)
        told: set[str] = set()
        for name, causes in by_instance.items():
            if not left:
                break
            if self.by is not By.INSTANCE:
                yield from _wrapped(f"  {name}{self._tags_of([name])}", "      ")
            yield from self._causes(causes[:left], told)
            left -= len(causes[:left])
        more = len(group.causes) - self._most(_MOST_CAUSES)
        if more > 0:
            yield f"  and {more} more {'cause' if more == 1 else 'causes'} (--all)"

    def _head(self, group: CauseGroup) -> str:
        name = f"{group.name}: {self.titles[group.name]}" if group.name in self.titles else ""
        if self.by is not By.RULE:
            name = f"{self.by} {group.name}"
            name += self._tags_of([group.name]) if self.by is By.INSTANCE else ""
        accounts, instances = group.accounts, group.instances
        parts = [group.counts]
        if accounts and self.by is not By.ACCOUNT:
            parts.append(_number(len(accounts), "account"))
        if self.by is not By.INSTANCE:
            parts.append(f"on {_number(len(instances), 'instance')}")
        tags = self._tags_of(instances) if self.by in (By.RULE, By.ACCOUNT) else ""
        return f"{name or group.name}: {', '.join(parts)}{tags}"

    def _tags_of(self, instances: Iterable[str]) -> str:
        found = sorted({tag for name in instances for tag in self.tags.get(name, ())})
        return f" [{self._few(found, _MOST_TAGS)}]" if found else ""

    def _causes(self, causes: Iterable[Cause], told: set[str]) -> Iterator[str]:
        """Yield the causes of one instance in one group; no statement stands twice there.

        `told` are the sentences that the group has already: of each instance the same is said.
        """
        fixes: set[Unit] = set()
        undos: set[Unit] = set()
        for cause in causes:
            remedy = cause.remedy()
            yield from _wrapped(self._first_line(cause), _HANGING)
            yield from _wrapped(f"      {cause.evidence}", _HANGING)
            yield from self._folded(cause)
            yield from self._statements("Fix", remedy.fix, fixes)
            yield from _labelled("Breaks", remedy.breaks, told)
            yield from _labelled("Left", remedy.left, told)
            yield from self._statements("Undo", remedy.undo, undos)

    def _first_line(self, cause: Cause) -> str:
        accounts = self._few(cause.accounts, _MOST_ACCOUNTS)
        count, role = len(cause.accounts), cause.role
        through = f"through {role}: {_number(count, 'account')}: " if role and count > 1 else ""
        rule = "" if self.by is By.RULE else f" {cause.worst.rule}"
        since = f", since {cause.since:%Y-%m-%d}" if cause.since else ""
        steps = filter(None, (item.worsened for item in cause.findings))
        worsened = max(steps, key=_moment, default=None)
        worse = f", {worsened.severity} before {worsened.since:%Y-%m-%d}" if worsened else ""
        return f"    {cause.severity}{rule}: {through}{accounts or ITSELF}{since}{worse}"

    def _folded(self, cause: Cause) -> Iterator[str]:
        by_rule: dict[str, list[str]] = defaultdict(list)
        for item in cause.folded:
            by_rule[item.rule].append(item.evidence)
        most = self._most(_MOST_FOLDED)
        for rule, texts in by_rule.items():
            told = list(dict.fromkeys(texts))
            more = f" and {len(told) - most} more alike." if len(told) > most else ""
            yield from _labelled(f"Also {rule}", f"{' '.join(told[:most])}{more}", set())

    def _statements(self, label: str, text: str, told: set[Unit]) -> Iterator[str]:
        """Yield statements that were not told yet, one a line, each with where it is run."""
        found = units(text)
        new = [unit for unit in found if unit not in told]
        told.update(found)
        if not found:
            return
        if not new:
            yield f"      {label}: {_AS_ABOVE}"
            return
        above = f" (and {len(found) - len(new)} above)" if len(new) < len(found) else ""
        yield f"      {label}:{above}"
        shown = lines_of(new[: self._most(_MOST_STATEMENTS)])
        yield from (f"        {visible(line)}" for line in shown)
        more = len(lines_of(new)) - len(shown)
        if more:
            yield f"        and {_number(more, 'more line')} (--all)"

    def _few(self, names: Sequence[str], most: int) -> str:
        return first_names(names[: self._most(most)], len(names))

    def _most(self, most: int) -> int:
        return _EVERY if self.is_whole else most


def _moment(step: SeverityStep) -> datetime:
    return step.since


def _counts(causes: Sequence[Cause], accepted: int) -> str:
    if not causes:
        return f"There is no finding; {accepted} accepted."
    findings = all_of(causes)
    instances = {item.instance for item in findings}
    accounts = {(item.instance, item.account) for item in findings if item.account}
    of = f"{_number(len(accounts), 'account')} on {_number(len(instances), 'instance')}"
    told = f"{_number(len(causes), 'cause')} of {_number(len(findings), 'finding')}, of {of}"
    return f"{CauseGroup('', causes).counts}; {accepted} accepted. These are {told}."


def _number(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _labelled(label: str, text: str, told: set[str]) -> Iterator[str]:
    """Yield a sentence after its label; one that was told is not told again, if it is long."""
    if not text:
        return
    is_again = text in told and len(text) > len(_AS_ABOVE)
    told.add(text)
    yield from _wrapped(f"      {label}: {_AS_ABOVE if is_again else text}", _HANGING)


def _wrapped(text: str, indent: str) -> Iterator[str]:
    """Yield a text in lines of the output's width, all but the first with an indent."""
    plain, width = visible(text), max(shown_width(), len(indent) + 20)
    if len(plain) * (1 if plain.isascii() else 2) <= width:
        yield plain
        return
    from rich.text import Text

    console = _console(width)
    head = Text(plain).wrap(console, width)[0].plain
    yield head.rstrip()
    rest = Text(plain[len(head) :].lstrip())
    if rest:
        lines = rest.wrap(console, width - len(indent))
        yield from (f"{indent}{line.plain.rstrip()}" for line in lines)


@lru_cache(maxsize=1)
def _console(width: int) -> Console:
    from rich.console import Console

    return Console(width=width)
