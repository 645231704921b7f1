"""What a review looks for on SQL Server alone. Pure.

SQL Server documentation: Principals (Database Engine), on sa and guest; TRUSTWORTHY database
property; ALTER DATABASE SET options, DB_CHAINING; Contained database users; Server and database
roles, public; EXECUTE AS clause; Windows, Well-known SIDs (S-1-5-32, the groups of each machine).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from sync_pipeline.engines.access.concerns import Concern
from sync_pipeline.engines.sqlserver.access.dangers import (
    DANGERS,
    EXECUTE,
    procedure,
)
from sync_pipeline.engines.sqlserver.access.decide import Decider
from sync_pipeline.engines.sqlserver.access.entry import SERVER, attribute
from sync_pipeline.engines.sqlserver.access.facts import is_system
from sync_pipeline.engines.sqlserver.access.holdings import CONTROL
from sync_pipeline.engines.sqlserver.access.mends import Opposites
from sync_pipeline.engines.sqlserver.access.permissions import is_write
from sync_pipeline.engines.sqlserver.access.principals import GUEST, PUBLIC, Principals
from sync_pipeline.engines.sqlserver.access.remedies import Remedies
from sync_pipeline.engines.sqlserver.access.settings import (
    SHELL,
    WINDOWS_ONLY,
    chaining_concern,
    mode_concern,
    option_concerns,
)
from sync_pipeline.engines.sqlserver.accounts.well_known import SA, WellKnown, well_known
from sync_pipeline.engines.sqlserver.names import split_account, written
from sync_pipeline.engines.sqlserver.platform import closed_databases
from sync_pipeline.model.access import AccessWorld, Hold
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.finding import Severity
from sync_pipeline.model.privilege import Grant, Securable, SecurableKind
from sync_pipeline.model.text import first_names

_MOST_NAMED = 5
_GUEST_STAYS = ("master", "tempdb", "msdb")
_OF_PUBLIC = {
    (SecurableKind.SERVER, ""): "VIEW ANY DATABASE",
    # Whoever connects there has to be in sysadmin.
    (SecurableKind.ENDPOINT, "Dedicated Admin Connection"): "CONNECT",
    (SecurableKind.ENDPOINT, "TSQL Local Machine"): "CONNECT",
    (SecurableKind.ENDPOINT, "TSQL Named Pipes"): "CONNECT",
    (SecurableKind.ENDPOINT, "TSQL Default TCP"): "CONNECT",
    (SecurableKind.ENDPOINT, "TSQL Default VIA"): "CONNECT",
}
"""What setup grants public on the server (CIS SQL Server Benchmark 3.8)."""
_PEOPLE = (AccountKind.LOGIN, AccountKind.GROUP, AccountKind.USER)


class Concerns:
    """What concerns a review of one world."""

    def __init__(
        self,
        world: AccessWorld,
        principals: Principals,
        decider: Decider,
        remedies: Remedies,
        opposites: Opposites,
    ) -> None:
        self._server = world.server
        self._platform = world.platform
        self._principals = principals
        self._decider = decider
        self._remedies = remedies
        self._opposites = opposites
        self._all: Sequence[Concern] | None = None

    def all(self) -> Sequence[Concern]:
        """Return all of them; several rules ask."""
        if self._all is None:
            self._all = self._found()
        return self._all

    def _found(self) -> Sequence[Concern]:
        return (
            *self._first(),
            *option_concerns(self._server, self._platform, self._shell_users()),
            *mode_concern(self._server, self._platform),
            *chaining_concern(self._server, self._platform),
            *self._trustworthy(),
            *self._chaining(),
            *self._accounts(),
            *self._contained(),
        )

    def _first(self) -> Iterator[Concern]:
        """Yield what is left of `sa`, whose name and rights everybody knows."""
        name = self._principals.first_administrator
        state = self._principals.accounts.get(name)
        if state and state.can_login:
            keeps_out = self._server.is_on(WINDOWS_ONLY)
            but = ", once logins with passwords are let in" if keeps_out else ""
            fix = self._remedies.disable(name)
            yield Concern(
                "known-administrator",
                f"The login with the identifier of sa can log in{but}: every server has it, and it"
                " may do everything.",
                Severity.LOW if keeps_out else None,
                name,
                "open",
                fix=fix,
                undo=self._opposites.enable(name) if fix else "",
                left="" if fix else "Nobody else is a superuser who can log in: make one first.",
                breaks="Whoever logs in with it is kept out; what it owns goes on." if fix else "",
            )
        if SA in self._principals.accounts and not self._platform.is_managed:
            is_first = name == SA
            yield Concern(
                "known-administrator",
                "It is called sa, which is the name that is guessed first."
                if is_first
                else "It is called sa, and is not the login that has all rights: programs and"
                " people may take it for that.",
                Severity.LOW,
                SA,
                "name" if is_first else "namesake",
                left=f"Give it another name, ALTER LOGIN {written(SA)} WITH NAME = ..., with all"
                " who log in with it.",
            )

    def _shell_users(self) -> str:
        on = procedure(SHELL)
        names = [
            name
            for name in self._decider_candidates("master")
            if self._decider.held(name, EXECUTE, on)
        ]
        return first_names(names[:_MOST_NAMED], len(names)) if names else ""

    def _decider_candidates(self, database: str) -> list[str]:
        """Return the logins that are no superusers and count in a database as more than that."""
        return [
            name
            for name, state in sorted(self._principals.accounts.items())
            if not state.database
            and state.kind in _PEOPLE
            and not self._is_superuser(name)
            and database in self._principals.entered(name)
        ]

    def _is_superuser(self, login: str) -> bool:
        return self._decider.allows(login, "CONTROL SERVER", SERVER)

    def _trustworthy(self) -> Iterator[Concern]:
        for database in self._lending("is_trustworthy_on"):
            owner = self._principals.owner_of(database)
            yield Concern(
                "trustworthy-database",
                f"Database {database} is TRUSTWORTHY{self._owned(owner, database)}",
                self._gravity(owner, database),
                about=f"database {database}",
                fix=f"ALTER DATABASE {written(database)} SET TRUSTWORTHY OFF;",
                undo=f"ALTER DATABASE {written(database)} SET TRUSTWORTHY ON;",
                breaks="What runs in it as somebody else, and its assemblies, reach nothing outside"
                " of it then until they are signed.",
            )

    def _lending(self, fact: str) -> Iterator[str]:
        """Yield the databases of which something is on; those of the provider are its own."""
        closed = closed_databases(self._platform)
        return (it.database for it in self._server.each(fact) if it.database not in closed)

    def _gravity(self, owner: str, database: str) -> Severity:
        if not owner:
            return Severity.MEDIUM
        if not self._is_superuser(owner):
            return Severity.LOW
        return Severity.HIGH if self._controllers(database) else Severity.MEDIUM

    def _owned(self, owner: str, database: str) -> str:
        if not owner:
            return ", and who owns it is not among the logins."
        if not self._is_superuser(owner):
            return f" and belongs to {owner}: who controls it is {owner} in other databases."
        names = self._controllers(database)
        told = f": {first_names(names[:_MOST_NAMED], len(names))}" if names else ", now nobody else"
        return f" and belongs to {owner}, a superuser, whom all may act as who control it{told}."

    def _controllers(self, database: str) -> list[str]:
        on = Securable(SecurableKind.DATABASE, database=database, catalog=database)
        return [
            name
            for name in self._decider_candidates(database)
            if self._decider.held(name, CONTROL, on)
        ]

    def _chaining(self) -> Iterator[Concern]:
        for database in self._lending("is_db_chaining_on"):
            name = written(database)
            yield Concern(
                "ownership-chaining",
                f"DB_CHAINING is on for database {database}: who may run code of an owner in"
                " another such database reaches what the same owner has here.",
                Severity.LOW,
                about=f"database {database}",
                fix=f"ALTER DATABASE {name} SET DB_CHAINING OFF;",
                undo=f"ALTER DATABASE {name} SET DB_CHAINING ON;",
                breaks="Procedures of other databases that reach it so stop.",
            )

    def _accounts(self) -> Iterator[Concern]:
        for name, state in sorted(self._principals.accounts.items()):
            if state.kind is AccountKind.GROUP and not state.database:
                yield from self._group(state)
            elif split_account(name)[1] == GUEST and state.database:
                yield from self._guest(state)
            elif name == PUBLIC:
                yield from self._public(state)

    def _group(self, state: AccountState) -> Iterator[Concern]:
        about = self._of_machine(state)
        if not about:
            return
        fix = self._remedies.disable(state.name)
        yield Concern(
            "machine-group",
            "Whoever is in this group of the machine logs in by it, and that is for the"
            " administrators of the machine to say.",
            account=state.name,
            about=about,
            fix=fix,
            undo=self._opposites.enable(state.name) if fix else "",
            left=""
            if fix
            else "No statement closes it: nobody would be left who may do everything.",
            breaks="Members that have no other login are kept out." if fix else "",
        )

    def _of_machine(self, state: AccountState) -> str:
        if well_known(state) is WellKnown.BUILT_IN_GROUP:
            return "built in"
        machine = (self._server.value("MachineName") or "").casefold()
        is_windows = attribute(state, "type") == "WINDOWS_GROUP"
        domain, _, name = state.name.partition("\\")
        is_local = is_windows and bool(machine and name) and domain.casefold() == machine
        return "local" if is_local and well_known(state) is WellKnown.NONE else ""

    def _guest(self, state: AccountState) -> Iterator[Concern]:
        ways = [g for g in state.grants if g.privilege == "CONNECT" and not g.deny]
        if not ways or state.database in _GUEST_STAYS:
            return
        yield Concern(
            "guest-enters",
            f"Every login enters database {state.database} as guest, and may do there what public"
            " and guest may.",
            account=state.name,
            holds=tuple(Hold(state.name, grant) for grant in ways),
            breaks="Logins without a user there are kept out.",
        )

    def _public(self, state: AccountState) -> Iterator[Concern]:
        grants = [grant for grant in state.grants if _is_more(grant)]
        if grants:
            texts = [f"{grant.privilege} on {grant.securable}" for grant in grants]
            yield Concern(
                "public-privilege",
                f"Every login has {first_names(texts[:_MOST_NAMED], len(texts))}.",
                account=state.name,
                holds=tuple(Hold(state.name, grant) for grant in grants),
            )

    def _contained(self) -> Iterator[Concern]:
        """Yield the databases that let users in with passwords of their own.

        Where there is no `sa`, there are no logins of a server that would be better.
        """
        if not self._principals.first_administrator:
            return
        users: dict[str, list[str]] = defaultdict(list)
        for state in self._principals.accounts.values():
            is_own = attribute(state, "authentication_type") == "DATABASE"
            if is_own and state.database and state.can_login and not is_system(state):
                users[state.database].append(split_account(state.name)[1])
        for database, names in sorted(users.items()):
            named = first_names(sorted(names)[:_MOST_NAMED], len(names))
            yield Concern(
                "contained-password",
                f"Database {database} lets in {named} with passwords that it keeps itself: no login"
                " of the server shows them, and closing logins keeps them out of nothing.",
                about=f"database {database}",
                left="Give them logins, or accounts of the directory, by hand: no statement keeps"
                " what they log in with.",
            )


def _is_more(grant: Grant) -> bool:
    """Return whether public was granted more than setup does, and no other rule tells that."""
    on = grant.securable
    if grant.deny or _OF_PUBLIC.get((on.kind, on.name)) == grant.privilege:
        return False
    return not is_write(grant.privilege) and grant.privilege not in DANGERS
