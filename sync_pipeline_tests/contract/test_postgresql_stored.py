"""A stored setting that changes who a session is: what is ours equals what a login shows."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import Any

import psycopg
import pytest

from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.findings.review import review
from sync_pipeline.access.judged import Judged
from sync_pipeline.engines.postgresql.access.rules import PostgreSqlAccess
from sync_pipeline.model.access import Availability, PowerKind, path_text
from sync_pipeline.model.finding import FindingRules
from sync_pipeline.model.privilege import SectionKey, SectionName, Securable, SecurableKind
from sync_pipeline.model.snapshot import SectionReport, SectionStatus
from sync_pipeline_tests.contract.test_postgresql_access import world_of
from workbench.servers.postgresql_bench import PostgresBench, raw

pytestmark = pytest.mark.postgresql

K = SecurableKind
SECOND = "second"
RESETS = ("ALTER ROLE ALL RESET ALL", "ALTER DATABASE bench RESET ALL")
ROLES = ("al", "bo", "appowner", "reader", "su", "stranger")
PRIVILEGES = ("SELECT", "INSERT", "TRUNCATE")


def as_admin(bench: PostgresBench, *statements: str, database: str = "postgres") -> None:
    """Run statements as the superuser itself, whatever role is stored for everybody."""
    with psycopg.connect(
        host=bench.server.host,
        port=bench.server.port,
        user="postgres",
        dbname=database,
        autocommit=True,
        options="-c role=none",
    ) as link:
        for statement in statements:
            link.execute(raw(statement))


@pytest.fixture
def owned(newest_bench: PostgresBench) -> Iterator[PostgresBench]:
    """Return such databases on the newest version."""
    yield make_owned(newest_bench)
    as_admin(newest_bench, *RESETS, "DROP DATABASE second WITH (FORCE)")


@pytest.fixture
def owned_everywhere(bench: PostgresBench) -> Iterator[PostgresBench]:
    """Return such databases on each version."""
    yield make_owned(bench)
    as_admin(bench, *RESETS, "DROP DATABASE second WITH (FORCE)")


def make_owned(bench: PostgresBench) -> PostgresBench:
    """Make two databases with a table of an application's owner, and people who may become it."""
    bench.run(
        "CREATE ROLE appowner LOGIN",
        "CREATE ROLE reader",
        "CREATE ROLE stranger LOGIN",
        "CREATE ROLE al LOGIN NOINHERIT",
        "CREATE ROLE bo LOGIN",
        "CREATE ROLE su LOGIN SUPERUSER",
        "GRANT appowner, reader TO al",
        "GRANT reader TO bo",
        f"CREATE DATABASE {SECOND} STRATEGY file_copy",
        database="postgres",
    )
    for database in ("bench", SECOND):
        bench.run(
            "CREATE TABLE public.orders (id integer)",
            "CREATE TABLE public.own (id integer)",
            "ALTER TABLE public.orders OWNER TO appowner",
            "GRANT SELECT ON public.orders TO reader",
            "GRANT INSERT ON public.own TO al",
            "GRANT TRUNCATE ON public.own TO bo",
            database=database,
        )
    return bench


def table(name: str, database: str = "bench") -> Securable:
    return Securable(K.TABLE, database, "public", name, catalog=database)


def rules_of(bench: PostgresBench) -> PostgreSqlAccess:
    return PostgreSqlAccess(world_of(bench.collect()))


@contextmanager
def login(bench: PostgresBench, user: str, database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(
        host=bench.server.host,
        port=bench.server.port,
        user=user,
        dbname=database,
        autocommit=True,
    ) as link:
        yield link


def check(bench: PostgresBench) -> int:
    """Compare every account's sessions with our answers; return how many act as another."""
    rules = rules_of(bench)
    others = 0
    for user in ("al", "bo", "appowner", "su", "stranger"):
        for database in ("bench", SECOND):
            with login(bench, user, database) as link:
                (now,) = link.execute("SELECT current_user").fetchone() or ("",)
                others += now != user
                for name in ("orders", "own"):
                    for privilege in PRIVILEGES:
                        asked = f"has_table_privilege('public.{name}', '{privilege}')"
                        (truth,) = link.execute(raw(f"SELECT {asked}")).fetchone() or (None,)
                        found = rules.decide(user, privilege, table(name, database))
                        key = (user, now, database, name, privilege)
                        assert found.is_allowed_at_login == truth, (key, found)
                        link.execute("SET ROLE NONE")
                        (alone,) = link.execute(raw(f"SELECT {asked}")).fetchone() or (None,)
                        assert found.is_allowed or not alone, (key, found)
                        link.execute("RESET ROLE")
    return others


def stored(dice: random.Random, major: int) -> list[str]:
    """Return some settings, those that the server will pass over at login among them."""
    places = ["ROLE ALL", "DATABASE bench", *(f"ROLE {name}" for name in ROLES)]
    places += [f"ROLE {name} IN DATABASE {where}" for name in ROLES for where in ("bench", SECOND)]
    values = [*ROLES, "none", "gone", "Reader"]
    lines = [
        f"ALTER {place} SET role = '{dice.choice(values)}'" for place in dice.sample(places, 6)
    ]
    lines.append(f"ALTER ROLE {dice.choice(ROLES)} SET session_authorization = 'bo'")
    if major >= 16:
        options = f"INHERIT {dice.choice(['TRUE', 'FALSE'])}, SET {dice.choice(['TRUE', 'FALSE'])}"
        lines.append(f"GRANT appowner TO bo WITH {options}")
    return lines


@pytest.mark.parametrize("seed", range(3))
def test_sessions_are_those_of_the_role_that_is_stored(owned: PostgresBench, seed: int) -> None:
    as_admin(owned, *stored(random.Random(seed), owned.major))
    check(owned)


@pytest.mark.parametrize(
    "setting",
    [
        "ROLE al SET role = 'appowner'",
        "ROLE ALL SET role = 'appowner'",
    ],
)
def test_what_is_stored_is_followed_and_told(owned: PostgresBench, setting: str) -> None:
    as_admin(owned, f"ALTER {setting}")
    assert check(owned)
    decision = rules_of(owned).decide("al", "TRUNCATE", table("orders"))
    assert decision.is_allowed_at_login
    assert "SET role is stored for" in path_text(decision.held[0].path)
    # Its own are a SET ROLE NONE away.
    own = rules_of(owned).decide("al", "INSERT", table("own"))
    assert [way.availability for way in own.held] == [Availability.AFTER_SET_ROLE]


def test_without_a_setting_the_owner_is_a_set_role_away(owned: PostgresBench) -> None:
    decision = rules_of(owned).decide("al", "TRUNCATE", table("orders"))
    assert decision.is_allowed
    assert not decision.is_allowed_at_login
    assert not check(owned)


def test_only_in_its_database(owned: PostgresBench) -> None:
    as_admin(owned, "ALTER ROLE al IN DATABASE bench SET role = 'appowner'")
    rules = rules_of(owned)
    assert rules.decide("al", "TRUNCATE", table("orders")).is_allowed_at_login
    assert not rules.decide("al", "TRUNCATE", table("orders", SECOND)).is_allowed_at_login


def test_a_superuser_by_a_stored_role_is_one_at_login(owned: PostgresBench) -> None:
    as_admin(owned, "GRANT su TO al", "ALTER ROLE al IN DATABASE bench SET role = 'su'")
    with login(owned, "al", "bench") as link:
        assert link.execute("SHOW is_superuser").fetchone() == ("on",)
    rules = rules_of(owned)
    (power, *_) = rules.powers("al")
    assert (power.kind, power.availability) == (PowerKind.SUPERUSER, Availability.AT_LOGIN)
    assert rules.decide("al", "TRUNCATE", table("orders")).is_allowed_at_login
    assert not rules.decide("al", "TRUNCATE", table("orders", SECOND)).is_allowed_at_login


def test_a_superuser_that_logs_in_as_another_is_one_after_set_role(owned: PostgresBench) -> None:
    as_admin(owned, "ALTER ROLE su SET role = 'stranger'")
    with login(owned, "su", "bench") as link:
        assert link.execute("SHOW is_superuser").fetchone() == ("off",)
        link.execute("SET ROLE NONE")
        assert link.execute("SHOW is_superuser").fetchone() == ("on",)
    rules = rules_of(owned)
    (power, *_) = rules.powers("su")
    assert (power.kind, power.availability) == (PowerKind.SUPERUSER, Availability.AFTER_SET_ROLE)
    decision = rules.decide("su", "TRUNCATE", table("orders"))
    assert decision.is_allowed
    assert not decision.is_allowed_at_login


def test_connect_is_asked_before_the_role_is_set(owned: PostgresBench) -> None:
    as_admin(
        owned,
        "ALTER ROLE al SET role = 'appowner'",
        "ALTER ROLE bo SET role = 'reader'",
        "REVOKE CONNECT ON DATABASE bench FROM PUBLIC",
        "GRANT CONNECT ON DATABASE bench TO appowner, bo",
    )
    with pytest.raises(psycopg.OperationalError), login(owned, "al", "bench"):
        pass
    with login(owned, "bo", "bench"):
        pass
    rules = rules_of(owned)
    door = Securable(K.DATABASE, "bench")
    assert not rules.decide("al", "CONNECT", door).is_allowed
    assert rules.decide("bo", "CONNECT", door).is_allowed_at_login
    (way, *_) = rules.decide("al", "TRUNCATE", table("orders")).held
    assert any("CONNECT on database bench" in text for text in way.lacking)


def test_settings_that_were_not_read_could_change_the_answer(owned: PostgresBench) -> None:
    world = world_of(owned.collect())
    key = SectionKey(SectionName.SETTINGS)
    unread = {**world.sections, key: SectionReport(SectionStatus.DENIED, "no")}
    rules = PostgreSqlAccess(replace(world, sections=unread))
    assert "settings" in rules.decide("stranger", "SELECT", table("orders")).unknown


def test_the_review_names_the_power_and_what_takes_it(owned: PostgresBench) -> None:
    as_admin(owned, "GRANT su TO al", "ALTER ROLE al SET role = 'su'")
    world = world_of(owned.collect())
    found = review([Case(Judged(world, PostgreSqlAccess(world)))], FindingRules(), date(2026, 3, 1))
    (finding,) = (f for f in found.findings if (f.account, f.rule) == ("al", "superuser"))
    assert "superuser at login" in finding.evidence
    assert "SET role is stored for al" in finding.evidence
    as_admin(owned, finding.fix)
    with login(owned, "al", "bench") as link:
        assert link.execute("SHOW is_superuser").fetchone() == ("off",)
