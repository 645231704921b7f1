"""Whose service a PostgreSQL server is: no sign alone says so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sync_pipeline.engines.base import sql_text
from sync_pipeline.engines.postgresql.engine import PACKAGE
from sync_pipeline.engines.postgresql.platform import (
    SERVICES,
    Service,
    Signs,
    closed_databases,
    platform_of,
    provider_accounts,
    stand_in,
)
from sync_pipeline.model.platform import Platform, platform_named

IDENTITY = sql_text(PACKAGE, "identity.sql")
NONE: frozenset[str] = frozenset()
EACH = [
    (name, service, first) for name, service in SERVICES.items() for first in sorted(service.first)
]


def signs(service: Service, first: str) -> Signs:
    return Signs(first, frozenset({service.stand_in}), service.others, service.databases)


@pytest.mark.parametrize(("platform", "service", "first"), EACH)
def test_all_signs_together_are_a_service(platform: Platform, service: Service, first: str) -> None:
    whole = replace(signs(service, first), has_aurora=platform is Platform.AURORA)
    assert platform_of(whole) is platform


@pytest.mark.parametrize(("platform", "service", "first"), EACH)
def test_without_one_of_the_signs_a_server_is_self_run(
    platform: Platform, service: Service, first: str
) -> None:
    whole = signs(service, first)
    for less in (
        replace(whole, first="postgres"),
        replace(whole, first=""),
        replace(whole, stand_ins=NONE),
        replace(whole, accounts=NONE, databases=NONE),
        Signs(first, NONE, NONE, NONE),
    ):
        assert platform_of(less) is Platform.SELF_RUN, platform


def test_signs_of_two_services_are_those_of_the_first_roles() -> None:
    accounts = frozenset().union(*(item.others for item in SERVICES.values()))
    stand_ins = frozenset(item.stand_in for item in SERVICES.values())
    both = Signs("cloudsqladmin", stand_ins, accounts, NONE)
    assert platform_of(both) is Platform.CLOUD_SQL
    assert platform_of(replace(both, first="somebody")) is Platform.SELF_RUN


def test_a_self_run_server_has_nothing_of_a_provider() -> None:
    for platform in (Platform.SELF_RUN, Platform.MANAGED_INSTANCE, Platform.AUTONOMOUS):
        assert provider_accounts(platform) == closed_databases(platform) == NONE
        assert stand_in(platform) == ""


def test_what_was_recorded_by_another_version_says_nothing() -> None:
    assert platform_named("rds") is Platform.RDS
    assert platform_named(None) is platform_named("heroku") is Platform.SELF_RUN


def test_the_query_asks_for_each_name() -> None:
    for service in SERVICES.values():
        for name in (service.stand_in, *service.others, *service.databases):
            assert f"'{name}'" in IDENTITY
