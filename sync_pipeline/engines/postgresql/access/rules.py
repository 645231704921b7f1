"""What PostgreSQL's accounts may do: the rules of the engine over one world. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from sync_pipeline.engines.access.concerns import Concern
from sync_pipeline.engines.access.contract import (
    DefinerRoutine,
    HashPlace,
    LoginRule,
    MendsByOpposites,
    ServerFix,
    TakesByRemedies,
    by_service,
)
from sync_pipeline.engines.postgresql.access.beside import NOT_MODELLED
from sync_pipeline.engines.postgresql.access.concerned import Concerned
from sync_pipeline.engines.postgresql.access.dangers import Dangers
from sync_pipeline.engines.postgresql.access.definers import definer_routines
from sync_pipeline.engines.postgresql.access.everything import everything
from sync_pipeline.engines.postgresql.access.facts import facts
from sync_pipeline.engines.postgresql.access.grants import GrantIndex
from sync_pipeline.engines.postgresql.access.hashes import places
from sync_pipeline.engines.postgresql.access.kinds import is_write, parsed
from sync_pipeline.engines.postgresql.access.login_errors import login_errors
from sync_pipeline.engines.postgresql.access.login_rules import login_rules
from sync_pipeline.engines.postgresql.access.names import Names
from sync_pipeline.engines.postgresql.access.needs import Needs
from sync_pipeline.engines.postgresql.access.powers import powers
from sync_pipeline.engines.postgresql.access.privileges import Privileges, Question
from sync_pipeline.engines.postgresql.access.remedies import Remedies
from sync_pipeline.engines.postgresql.access.roles import RoleGraph
from sync_pipeline.engines.postgresql.access.rows import RowSecurity
from sync_pipeline.engines.postgresql.access.unknown import left_out, lifted, unread
from sync_pipeline.engines.postgresql.access.unreviewed import is_unreviewed
from sync_pipeline.engines.postgresql.accounts.parse import PUBLIC, RESTRICTIONS
from sync_pipeline.model.access import (
    AccessWorld,
    AccountFacts,
    Decision,
    EffectivePrivilege,
    Power,
    ServerRule,
)
from sync_pipeline.model.gap import Gap
from sync_pipeline.model.privilege import Securable, SecurableKind


class PostgreSqlAccess(TakesByRemedies[Remedies], MendsByOpposites[Remedies]):
    """The rules of PostgreSQL 14 to 18.

    Beside the privileges of objects there are, on the server, CREATEROLE, CREATEDB,
    REPLICATION and BYPASSRLS, and on each role as a principal MEMBER, USAGE and SET, as
    `pg_has_role` means them. `SELECT WITH GRANT OPTION` asks whether an account may grant.
    """

    def __init__(self, world: AccessWorld) -> None:
        self._world = world
        self._graph = RoleGraph(world)
        self._index = GrantIndex(world)
        self._privileges = Privileges(
            self._graph, self._index, Needs(self._graph, self._index, world)
        )
        self._concerned = Concerned(self._graph, self._index)
        self._rows = RowSecurity(self._graph, self._index)
        self._remedies = self._opposites = Remedies(self._graph, self._index)
        self._names: Names | None = None
        self._dangers: Dangers | None = None
        self._login_rules: tuple[LoginRule, ...] | None = None
        self._last: tuple[Securable, tuple[Gap, ...]] | None = None
        self._unread: dict[Securable, tuple[Gap, ...]] = {}

    def decide(self, account: str, privilege: str, securable: Securable) -> Decision:
        """Return every way in which the account has the privilege; nothing is ever denied."""
        bare, option = parsed(privilege)
        asked = Question(account, bare, securable, option)
        if account in self._graph.accounts and not self._concerned.is_concerned(asked):
            return Decision(account, privilege, securable, unknown=self._unread_of(securable))
        rows = self._rows.of(account, bare, securable)
        if bare in RESTRICTIONS:
            return Decision(account, privilege, securable, denied=rows)
        held = tuple(self._privileges.ways(asked))
        decision = Decision(account, privilege, securable, held)
        if account not in self._graph.accounts or self._graph.is_superuser_always(account):
            return decision
        unknown = self._unread_of(securable)
        if decision.is_allowed and not option:
            unknown += tuple(map(Gap, rows))
        elif securable.kind is SecurableKind.LARGE_OBJECT:
            unknown += lifted(self._graph.accounts, account)
        if not decision.is_allowed_at_login:
            unknown += left_out(self._graph, account, asked.database, securable)
        return replace(decision, unknown=unknown) if unknown else decision

    def concerned(self, privilege: str, securable: Securable) -> Collection[str] | None:
        """Return the accounts without which `decide` says no; None: it may say more of any."""
        if self._unread_of(securable):
            return None
        bare, option = parsed(privilege)
        return self._concerned.of(Question("", bare, securable, option))

    def everything(self, account: str) -> Sequence[EffectivePrivilege]:
        """Return all that the account has, one entry a privilege and object."""
        return everything(self._graph, self._privileges, account)

    def securables(self, text: str) -> Sequence[Securable]:
        """Return what a person means by `[KIND:]database[.schema[.object[.column]]]`.

        Raises:
            ConfigurationError: the text can't be read, or names nothing or several things.
        """
        if self._names is None:
            self._names = Names(self._world, self._index.securables)
        return self._names.find(text)

    def powers(self, account: str) -> Sequence[Power]:
        """Return the powers that the account has or can give itself."""
        return powers(self._graph, account)

    def dangers(self, account: str) -> Sequence[Power]:
        """Return the dangerous privileges that the account has, or gets by any role."""
        if self._dangers is None:
            self._dangers = Dangers(self._graph)
        return self._dangers.of(account)

    def login_rules(self) -> Sequence[LoginRule]:
        """Return the lines of pg_hba.conf that let somebody in."""
        if self._login_rules is None:
            self._login_rules = tuple(login_rules(self._world))
        return self._login_rules

    def concerns(self) -> Sequence[Concern]:
        """Return what a review of PostgreSQL alone looks for."""
        return tuple(login_errors(self._world))

    def definer_routines(self) -> Sequence[DefinerRoutine]:
        """Return the routines with their owner's rights whose names mean what callers say."""
        return tuple(definer_routines(self._world))

    def set_server(self, name: str, value: str, before: str) -> ServerFix:
        """Return the statements that give a setting of the server another value."""
        if self._world.platform.is_managed:
            return by_service(self._world.platform.service, name, value)
        reload = "SELECT pg_reload_conf();"
        return ServerFix(
            f"ALTER SYSTEM SET {name} = '{value}';\n{reload}",
            f"ALTER SYSTEM SET {name} = '{before}';\n{reload}",
        )

    def facts(self, account: str) -> AccountFacts:
        """Return what the catalogs say of the account for a review."""
        return facts(self._graph, account, self._world)

    def is_everyone(self, account: str) -> bool:
        """Return whether the account is PUBLIC."""
        return account == PUBLIC

    def is_write(self, privilege: str) -> bool:
        """Return whether a privilege changes data, objects or accounts."""
        return is_write(privilege)

    def related(self, account: str) -> Collection[str]:
        """Return who owns what the account was granted, and who was given something by it.

        Of grants that no finding depends on nothing is taken, and they count for nothing here.
        """
        state = self._world.accounts.get(account)
        held = state.grants if state else ()
        grants = [grant for grant in held if state and not is_unreviewed(state, grant)]
        return (
            *(self._index.owner(grant.securable) for grant in grants),
            *(hold.account for grant in grants for hold in self._index.dependents(account, grant)),
            *self._graph.given_by(account),
            *self._graph.database_owners,
        )

    def hash_places(self) -> Sequence[HashPlace]:
        """Return where hashes are read, in the databases where somebody was granted that."""
        return places(self._index.securables)

    def not_modelled(self) -> Sequence[ServerRule]:
        """Return the rules of the server that no answer takes in."""
        return NOT_MODELLED

    def _unread_of(self, securable: Securable) -> tuple[Gap, ...]:
        last = self._last
        if last is None or last[0] is not securable:
            if securable not in self._unread:
                self._unread[securable] = unread(self._world, securable)
            last = securable, self._unread[securable]
            # Another thread may ask about another object by now.
            self._last = last
        return last[1]
