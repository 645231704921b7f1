"""An account from whose grants no power can come is not looked through: no power is missed so."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.engines.mariadb.access.rules import MariaDbAccess
from sync_pipeline.engines.mysql.access.rules import MySqlAccess
from sync_pipeline.engines.mysql_protocol.access.family import FamilyAccess
from sync_pipeline.engines.mysql_protocol.access.pools import Pool
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.privilege import Grant, Membership, Securable, SecurableKind

USERS = ("'u'@'%'", "'u'@'10.0.0.1'", "''@'%'", "'v'@'%'")
ROLES = {EngineName.MYSQL: ("'r'@'%'", "'q'@'%'"), EngineName.MARIADB: ("r", "q", "PUBLIC")}
NAMES = ("mysql", "my%", "m_sql", "%", r"my\_sql", "shop", "")
ON = (
    Securable(SecurableKind.SERVER),
    *(Securable(SecurableKind.DATABASE_PATTERN, name) for name in NAMES),
    *(Securable(SecurableKind.DATABASE, name) for name in ("mysql", "shop")),
    *(
        Securable(SecurableKind.TABLE, name, "", table)
        for name in ("mysql", "shop")
        for table in ("user", "db", "global_priv", "other")
    ),
    Securable(SecurableKind.COLUMN, "mysql", "", "user", "Host"),
)
WORDS = ("SELECT", "INSERT", "UPDATE", "SUPER", "CREATE USER", "GRANT OPTION", "USAGE", "FILE")
GRANTS = st.builds(
    Grant, st.sampled_from(ON), st.sampled_from(WORDS), grantable=st.booleans()
) | st.builds(
    Grant,
    st.sampled_from([Securable(SecurableKind.DATABASE, name) for name in ("mysql", "shop")]),
    st.just("INSERT"),
    deny=st.just(value=True),
)


@st.composite
def worlds(draw: st.DrawFn) -> AccessWorld:
    engine = draw(st.sampled_from(tuple(ROLES)))
    roles = ROLES[engine]
    names = draw(st.lists(st.sampled_from((*USERS, *roles)), min_size=1, unique=True))
    members = st.builds(Membership, st.sampled_from(roles), default=st.booleans())
    found = {}
    for name in names:
        state = AccountState(
            name,
            AccountKind.USER if name in USERS else AccountKind.ROLE,
            can_login=name in USERS,
            memberships=tuple(draw(st.lists(members, max_size=2))),
            grants=tuple(draw(st.lists(GRANTS, max_size=3, unique=True))),
        )
        found[name] = replace(state, kind=AccountKind.PUBLIC) if name == "PUBLIC" else state
    version = "8.4.2" if engine is EngineName.MYSQL else "10.11.6-MariaDB"
    return AccessWorld("i", engine, version, found)


@given(worlds())
def test_no_power_is_missed(world: AccessWorld) -> None:
    def powers() -> dict[str, tuple[object, object]]:
        rules: FamilyAccess = (
            MySqlAccess(world) if world.engine is EngineName.MYSQL else MariaDbAccess(world)
        )
        return {name: (rules.powers(name), rules.dangers(name)) for name in world.accounts}

    found = powers()
    with patch.object(Pool, "gives", return_value=True):
        assert found == powers()
