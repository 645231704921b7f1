"""The findings file: rules switched off, and findings that were accepted for a time."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, field_validator

from sync_pipeline.access.findings.review import RULES
from sync_pipeline.access.rule_file import parse_rules
from sync_pipeline.model.finding import FindingRules, Suppression
from sync_pipeline.model.pattern import like

Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class _Suppression(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: Text
    instance: Text = "%"
    account: Text = "%"
    about: Text = "%"
    reason: Text
    until: date
    given: date | None = None

    @field_validator("until", "given", mode="before")
    @classmethod
    def _is_a_day(cls, value: object) -> object:
        """Refuse what is read as seconds since 1970 otherwise."""
        if value is None:
            return value
        if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
            raise ValueError("a date is written as 2026-01-31")
        return value

    @field_validator("rule")
    @classmethod
    def _is_a_rule(cls, value: str) -> str:
        if not any(like(value, rule.id) for rule in RULES):
            raise ValueError(f"{value!r} matches no rule (see: sync-pipeline findings rules)")
        return value


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    disabled_rules: tuple[Text, ...] = ()
    suppressions: tuple[_Suppression, ...] = ()

    @field_validator("disabled_rules")
    @classmethod
    def _are_rules(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        known = {rule.id for rule in RULES}
        for name in value:
            if name not in known:
                raise ValueError(f"{name!r} is no rule (see: sync-pipeline findings rules)")
        return value


def parse_findings(text: str, file: str) -> FindingRules:
    """Return what a findings file says.

    Raises:
        ConfigurationError: it is not valid; the message names the file and the entry.
    """
    found = parse_rules(text, file, _File)
    return FindingRules(
        disabled=tuple(dict.fromkeys(found.disabled_rules)),
        suppressions=tuple(
            Suppression(
                item.rule,
                item.reason,
                item.until,
                item.instance,
                item.account,
                item.about,
                _end_of(item.given) if item.given else None,
            )
            for item in found.suppressions
        ),
    )


def _end_of(day: date) -> datetime:
    """Return the end of a day: what got worse on it was seen by who wrote it, as far as we know."""
    return datetime.combine(day, time.max, UTC)
