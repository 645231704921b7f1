"""Which object of a PostgreSQL server a person means."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sync_pipeline.engines.postgresql.access.rules import PostgreSqlAccess
from sync_pipeline.engines.postgresql.access.targets import split_routine
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.privilege import SectionKey, SectionName, Securable, SecurableKind
from sync_pipeline.model.snapshot import SectionReport, SectionStatus
from workbench.strategies.postgresql_worlds import (
    AMOUNT,
    ORDERS,
    SALES,
    SERVER,
    SHOP,
    TOTAL,
    on,
    read_sections,
    role,
    rules,
    world,
)

K = SecurableKind
MY_OWN = Securable(K.PARAMETER, name="my.own")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("shop", [SHOP]),
        ("shop.sales", [SALES]),
        ("shop.sales.orders", [ORDERS]),
        ("TABLE:shop.sales.orders", [ORDERS]),
        ("sales.orders", [ORDERS]),
        ('"sales"."orders"', [ORDERS]),
        ("shop.sales.orders.amount", [AMOUNT]),
        ("column:sales.orders.amount", [AMOUNT]),
        ("shop.sales.total", [TOTAL]),
        ("shop.sales.total(day date)", [TOTAL]),
        ("function:sales.total", [TOTAL]),
        ("parameter:my.own", [MY_OWN]),
        ("role:owner", [Securable(K.PRINCIPAL, name="owner")]),
        ("SERVER", [SERVER]),
        ("server:", [SERVER]),
    ],
)
def test_an_object_is_found_by_its_name(text: str, expected: list[Securable]) -> None:
    found = rules(role("alice", *on(MY_OWN, "SET")))
    assert list(found.securables(text)) == expected


def test_all_kinds_that_fit_are_given_the_likely_first() -> None:
    row_type = replace(ORDERS, kind=K.TYPE)
    found = rules(role("alice", *on(row_type, "USAGE")))
    assert list(found.securables("sales.orders")) == [ORDERS, row_type]
    assert list(found.securables("type:sales.orders")) == [row_type]


def test_a_database_in_front_is_needed_where_two_have_the_object() -> None:
    twin = replace(ORDERS, database="copy", catalog="copy")
    found = rules(role("alice", *on(twin, "SELECT")))
    assert list(found.securables("copy.sales.orders")) == [twin]
    with pytest.raises(ConfigurationError, match=r"one of several: .*copy.*shop"):
        found.securables("sales.orders")


def test_arguments_are_needed_where_two_routines_share_a_name() -> None:
    other = replace(TOTAL, name="total()")
    found = rules(role("alice", *on(other, "EXECUTE")))
    assert list(found.securables("shop.sales.total()")) == [other]
    with pytest.raises(ConfigurationError, match="one of several"):
        found.securables("shop.sales.total")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("shop..orders", "part is empty"),
        ('shop."sales', "not closed"),
        ("teapot:shop", "no kind of object 'teapot'"),
        ("shop.sales.nothing", "names nothing that is known of shop-1"),
        ("view:shop.sales.orders", "names nothing"),
        ("Shop", "names nothing"),
    ],
)
def test_what_cannot_be_found_is_said(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        rules().securables(text)


def test_what_was_not_read_is_said_too() -> None:
    sections = read_sections()
    sections[SectionKey(SectionName.ROUTINE, "shop")] = SectionReport(SectionStatus.SKIPPED)
    found = PostgreSqlAccess(world(sections=sections))
    with pytest.raises(ConfigurationError) as caught:
        found.securables("shop.sales.missing")
    assert "Not read: grants.routine@shop." in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f()", ("f", "")),
        ("f(a integer)", ("f", "a integer")),
        ("f(x(integer)", ("f(x", "integer")),
        ("f(x)()", ("f(x)", "")),
        ('f("(" integer)', ("f", '"(" integer')),
        ('a"(x"(integer)', ('a"(x"', "integer")),
        ('f("x("y" integer)', ('f("x', '"y" integer')),
    ],
)
def test_a_routine_is_split_where_its_arguments_begin(text: str, expected: tuple[str, str]) -> None:
    assert split_routine(text) == expected
