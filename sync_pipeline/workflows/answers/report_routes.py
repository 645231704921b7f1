"""The reports file: which reports are mailed, to whom, of what and when."""

from __future__ import annotations

import re
from datetime import time
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from sync_pipeline.access.rule_file import parse_rules
from sync_pipeline.catalogs import LANGUAGES
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.instance import EngineName, Selection
from sync_pipeline.model.report import ReportFormat
from sync_pipeline.model.report_route import ReportRoute
from sync_pipeline.settings import Settings, is_mail_address
from sync_pipeline.workflows.answers.rule_files import read_rule_file

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SETTING = "SYNC_PIPELINE_REPORTS_FILE"
MOST_ROUTES, MOST_ADDRESSES = 1000, 100
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
Text = Annotated[str, StringConstraints(min_length=1, max_length=255, strip_whitespace=True)]


class _Report(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Text
    to: Annotated[tuple[Text, ...], Field(min_length=1, max_length=MOST_ADDRESSES)]
    tags: tuple[Text, ...] = ()
    engines: tuple[EngineName, ...] = ()
    environments: tuple[Text, ...] = ()
    instances: tuple[Text, ...] = ()
    language: str = LANGUAGES[0]
    weekday: str = WEEKDAYS[0]
    time: str = "07:00"
    formats: Annotated[tuple[ReportFormat, ...], Field(min_length=1)] = (
        ReportFormat.HTML,
        ReportFormat.XLSX,
    )

    @field_validator("to")
    @classmethod
    def _are_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            if not is_mail_address(address):
                raise ValueError(f"{address!r} is not an e-mail address")
        return value

    @field_validator("language")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value not in LANGUAGES:
            raise ValueError(f"known are {', '.join(LANGUAGES)}")
        return value

    @field_validator("weekday")
    @classmethod
    def _is_a_weekday(cls, value: str) -> str:
        if value.lower() not in WEEKDAYS:
            raise ValueError(f"a day is one of {', '.join(WEEKDAYS)}")
        return value.lower()

    @field_validator("time", mode="before")
    @classmethod
    def _is_a_time(cls, value: object) -> object:
        if not isinstance(value, str) or not _TIME.fullmatch(value):
            raise ValueError('a time is written as "07:00"')
        return value


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    reports: Annotated[tuple[_Report, ...], Field(max_length=MOST_ROUTES)] = ()

    @field_validator("reports")
    @classmethod
    def _have_names_of_their_own(cls, value: tuple[_Report, ...]) -> tuple[_Report, ...]:
        names = [item.name for item in value]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two reports have the name {twice!r}")
        return value


def report_routes(settings: Settings) -> tuple[ReportRoute, ...]:
    """Return the routes of the reports file, by their order in it; none where none is set.

    Raises:
        ConfigurationError: it can't be read or is not valid, or mail has no sender.
    """
    path = settings.reports_file
    if path is None:
        return ()
    found = parse_rules(read_rule_file(path, SETTING), str(path), _File)
    if found.reports and not settings.alert_email_from:
        raise ConfigurationError(
            f"The reports of {path} have no sender.",
            hint="Set SYNC_PIPELINE_ALERT_EMAIL_FROM, and the mail server beside it.",
        )
    return tuple(map(_route, found.reports))


def route_named(settings: Settings, name: str) -> ReportRoute:
    """Return a route by its name.

    Raises:
        ConfigurationError: there is none, or the file is not valid.
    """
    routes = {item.name: item for item in report_routes(settings)}
    if name not in routes:
        known = f"Known are: {', '.join(routes)}." if routes else f"{SETTING} names their file."
        raise ConfigurationError(f"There is no report {name!r}.", hint=known)
    return routes[name]


def _route(item: _Report) -> ReportRoute:
    hour, minute = map(int, item.time.split(":"))
    return ReportRoute(
        item.name,
        tuple(dict.fromkeys(item.to)),
        Selection(
            names=item.instances,
            tags=item.tags,
            engines=tuple(map(str, item.engines)),
            environments=item.environments,
        ),
        item.language,
        WEEKDAYS.index(item.weekday),
        time(hour, minute),
        tuple(dict.fromkeys(item.formats)),
    )
