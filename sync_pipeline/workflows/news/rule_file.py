"""The file of alerts: routes by name, and rules that send events there.

Keys of one match all have to hold; the values of one key are alternatives.
"""

from __future__ import annotations

import re
from datetime import time
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from sync_pipeline.access.rule_file import parse_rules
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.fleet.references import check_reference
from sync_pipeline.model.event import EventKind
from sync_pipeline.model.finding import Severity
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.route import (
    MOST_LINES,
    WEEKDAYS,
    Alerting,
    ChannelKind,
    Match,
    QuietHours,
    Rhythm,
    Route,
    Rule,
    Timing,
)
from sync_pipeline.notify.matching import default_rules
from sync_pipeline.notify.timing import is_always_quiet
from sync_pipeline.settings import is_mail_address

LARGEST_MESSAGE = 100
"""Lines of a message, at most: what the smallest channel takes."""
ItemT = TypeVar("ItemT")
_OPEN = re.compile(r"(?:env: *)?https?:", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9_+.-]*:", re.IGNORECASE)
_DAILY = re.compile(r"daily ([0-9]{1,2}:[0-9]{2})")
_WEEKLY = re.compile(r"weekly ([a-z]{3}) ([0-9]{1,2}:[0-9]{2})")
_QUIET = re.compile(r"(?:([a-z]{3}(?:,[a-z]{3})*) )?([0-9]{1,2}:[0-9]{2})-([0-9]{1,2}:[0-9]{2})")
_MINUTES_OF_DAY = 1440


def _as_list(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _not_open(text: str) -> str:
    """Refuse a secret that stands in the file itself. The message must not have it."""
    if _OPEN.match(text) or not _SCHEME.match(text):
        raise ValueError("it is a secret, so name where it is: env:NAME or file:/path")
    try:
        check_reference(text)
    except ConfigurationError:
        raise ValueError("it is no reference to a secret: write env:NAME or file:/path") from None
    return text


def _address(text: str) -> str:
    if not is_mail_address(text):
        raise ValueError(f"{text!r} is not an e-mail address")
    return text


Word = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
Reference = Annotated[str, StringConstraints(max_length=1000), AfterValidator(_not_open)]
Address = Annotated[str, AfterValidator(_address)]
Several = Annotated[tuple[ItemT, ...], Field(min_length=1), BeforeValidator(_as_list)]


class _Route(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    channel: ChannelKind
    url: Reference = ""
    secret: Reference = ""
    to: Several[Address] | None = None
    when: str = str(Rhythm.AT_ONCE)
    quiet: Several[str] | None = None
    most_lines: Annotated[int, Field(ge=1, le=LARGEST_MESSAGE)] = MOST_LINES

    @field_validator("when")
    @classmethod
    def _is_timing(cls, value: str) -> str:
        timing_of(value)
        return value

    @field_validator("quiet")
    @classmethod
    def _is_quiet(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if is_always_quiet(map(quiet_of, value)):
            raise ValueError("no hour of the week is left in which it may tell")
        return value

    @model_validator(mode="after")
    def _is_of_its_channel(self) -> Self:
        is_mail = self.channel is ChannelKind.EMAIL
        if is_mail and (self.url or self.secret):
            raise ValueError("email takes `to`, no `url` and no `secret`")
        if not is_mail and self.to:
            raise ValueError("`to` is for email alone")
        if self.secret and self.channel not in (ChannelKind.FEISHU, ChannelKind.DINGTALK):
            raise ValueError("`secret`, with which messages are signed, is of feishu and dingtalk")
        if not self.url and self.channel in (
            ChannelKind.TEAMS,
            ChannelKind.FEISHU,
            ChannelKind.DINGTALK,
        ):
            raise ValueError("there is no `url`: write env:NAME or file:/path")
        return self

    def route(self, name: str) -> Route:
        return Route(
            name=name,
            channel=self.channel,
            url=self.url,
            secret=self.secret,
            to=self.to or (),
            timing=timing_of(self.when),
            quiet=tuple(map(quiet_of, self.quiet or ())),
            most_lines=self.most_lines,
        )


class _Match(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    event: Several[EventKind] | None = None
    severity: Severity = Severity.INFO
    engine: Several[EngineName] | None = None
    tag: Several[Word] | None = None
    environment: Several[Word] | None = None
    instance: Several[Word] | None = None
    account: Several[Word] | None = None
    class_: Several[Word] | None = Field(default=None, alias="class")

    @model_validator(mode="before")
    @classmethod
    def _is_a_mapping(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return value
        raise ValueError("a match is a mapping, such as `severity: high`")

    def match(self) -> Match:
        return Match(
            kinds=frozenset(self.event or ()),
            severity=self.severity,
            engines=frozenset(self.engine or ()),
            tags=frozenset(self.tag or ()),
            environments=frozenset(self.environment or ()),
            instances=self.instance or (),
            accounts=self.account or (),
            classes=self.class_ or (),
        )


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, StringConstraints(min_length=1, max_length=100)] = ""
    match: _Match = Field(default_factory=lambda: _Match.model_validate({}))
    routes: Several[Name]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    routes: dict[Name, _Route] = {}
    rules: tuple[_Rule, ...] | None = None


def parse_alerts(text: str, file: str, given: tuple[Route, ...]) -> Alerting:
    """Return the routes and rules of a file of alerts; none for rules: those by default.

    `given` are the routes that the settings make, which rules may name, too; the file's own come
    before them where they have the same name.

    Raises:
        ConfigurationError: it is not valid; the message names the file, the line and the entry.
    """
    found = parse_rules(text, file, _File)
    own = [item.route(name) for name, item in found.routes.items()]
    routes = (*own, *(item for item in given if item.name not in found.routes))
    names = [item.name for item in routes]
    if found.rules is None:
        return Alerting(routes, default_rules(tuple(names)))
    rules = tuple(
        Rule(item.name or f"rule {number}", item.match.match(), item.routes)
        for number, item in enumerate(found.rules, 1)
    )
    for number, rule in enumerate(rules, 1):
        for name in rule.routes:
            if name not in names:
                raise ConfigurationError(
                    f"The file {file} is not valid. rules[{number}].routes: there is no route "
                    f"{name!r}.",
                    hint=f"The routes are {', '.join(names) or 'none'}.",
                )
    return Alerting(routes, rules)


def timing_of(text: str) -> Timing:
    """Read when a route tells.

    Raises:
        ValueError: it is none of the four forms.
    """
    written = " ".join(text.lower().split())
    if written in (str(Rhythm.AT_ONCE), str(Rhythm.HOURLY)):
        return Timing(Rhythm(written))
    if found := _DAILY.fullmatch(written):
        return Timing(Rhythm.DAILY, _time(found[1]))
    if (found := _WEEKLY.fullmatch(written)) and found[1] in WEEKDAYS:
        return Timing(Rhythm.WEEKLY, _time(found[2]), WEEKDAYS.index(found[1]))
    raise ValueError("write `at once`, `hourly`, `daily 08:00` or `weekly mon 08:00`")


def quiet_of(text: str) -> QuietHours:
    """Read quiet hours, of some days or of each.

    Raises:
        ValueError: they are not written as hours, or have no length.
    """
    written = re.sub(r" *([,-]) *", r"\1", " ".join(text.lower().split()))
    found = _QUIET.fullmatch(written)
    days = found[1].split(",") if found and found[1] else list(WEEKDAYS)
    if found is None or not set(days) <= set(WEEKDAYS):
        raise ValueError("write `22:00-07:00`, or `sat,sun 00:00-24:00`")
    begins, ends = _minutes(found[2]), _minutes(found[3])
    if begins in (_MINUTES_OF_DAY, ends):
        raise ValueError("these hours have no length")
    return QuietHours(begins, ends, frozenset(map(WEEKDAYS.index, days)))


def _time(text: str) -> time:
    minutes = _minutes(text)
    if minutes == _MINUTES_OF_DAY:
        raise ValueError("24:00 is 00:00 of the next day")
    return time(minutes // 60, minutes % 60)


def _minutes(text: str) -> int:
    hours, minutes = map(int, text.split(":"))
    found = hours * 60 + minutes
    if minutes > 59 or found > _MINUTES_OF_DAY:  # noqa: PLR2004 - of an hour
        raise ValueError(f"{text} is no time of the day")
    return found
