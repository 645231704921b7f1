"""Who may do everything, and who may give rights that it does not have.

Superusers are members of sysadmin, holders of CONTROL SERVER (who may grant anything, though
denies still apply to them) and whoever may impersonate one: EXECUTE AS is a step of its own.
Grant admins of the server manage logins or server roles (securityadmin is to be treated as
sysadmin: Server-level roles); those of a database control it, or manage its roles or users.
Only the databases that an account can enter count. Who controls a TRUSTWORTHY database acts as
its owner on the server, where that may authenticate there (TRUSTWORTHY database property; Extend
database impersonation by using EXECUTE AS), and so does who becomes a user in it. What signed
code lends is not in a snapshot.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from sync_pipeline.engines.sqlserver.access.covering_table import SecurableClass
from sync_pipeline.engines.sqlserver.access.dangers import (
    DANGERS,
    EXECUTE,
    PROCEDURES,
    procedure,
)
from sync_pipeline.engines.sqlserver.access.decide import Decider
from sync_pipeline.engines.sqlserver.access.entry import SERVER
from sync_pipeline.engines.sqlserver.access.facts import is_everyone, is_system
from sync_pipeline.engines.sqlserver.access.holdings import CONTROL, OWNER, Holdings
from sync_pipeline.engines.sqlserver.access.levels import class_of, database_of, principal_account
from sync_pipeline.engines.sqlserver.access.principals import (
    DBO,
    OWNER_OF_DATABASE,
    Principals,
)
from sync_pipeline.engines.sqlserver.access.remedies import Remedies
from sync_pipeline.engines.sqlserver.accounts.lending import TRUSTWORTHY
from sync_pipeline.engines.sqlserver.names import split_account
from sync_pipeline.model.access import (
    Availability,
    Danger,
    EffectivePrivilege,
    Hold,
    Path,
    Power,
    PowerKind,
    Step,
)
from sync_pipeline.model.account import AccountKind
from sync_pipeline.model.privilege import Grant, Membership, Securable, SecurableKind

_SERVER_ADMINS = ("ALTER ANY LOGIN", "ALTER ANY SERVER ROLE")
_DATABASE_ADMINS = (CONTROL, "ALTER ANY ROLE", "ALTER ANY USER", "ALTER ANY APPLICATION ROLE")
_TAKEN_BY = {
    SecurableClass.LOGIN: ("IMPERSONATE", "EXECUTE AS LOGIN"),
    SecurableClass.USER: ("IMPERSONATE", "EXECUTE AS USER"),
    SecurableClass.SERVER_ROLE: ("ALTER", "may add itself"),
    SecurableClass.ROLE: ("ALTER", "may add itself"),
    SecurableClass.APPLICATION_ROLE: ("ALTER", "may set its password"),
}
"""How one principal becomes another: the permission on it, and what is then done."""

_ROLES = (SecurableClass.SERVER_ROLE, SecurableClass.ROLE)


class Powers:
    """The powers of the accounts of one world."""

    def __init__(
        self, principals: Principals, holdings: Holdings, decider: Decider, remedies: Remedies
    ) -> None:
        self._principals = principals
        self._holdings = holdings
        self._decider = decider
        self._remedies = remedies

    def of(self, account: str) -> Sequence[Power]:
        """Return the powers of an account, its own first, one a kind and source."""
        found: dict[tuple[PowerKind, str], Power] = {}
        for power in self._direct(account, (Step(account),)):
            found.setdefault((power.kind, power.source), power)
        if account in self._principals.server_admins:
            return tuple(found.values())
        for target, path, hold in self._chains(account):
            fix, by = self._against(hold), (hold,) if hold else ()
            for power in self._direct(target, path):
                later = replace(power, availability=Availability.AFTER_SET_ROLE)
                chained = replace(later, fix=fix, by=by)
                found.setdefault((power.kind, power.source), chained)
        order = list(PowerKind)
        return sorted(
            found.values(),
            key=lambda power: (
                order.index(power.kind),
                power.availability is not Availability.AT_LOGIN,
                len(power.path),
                power.source,
            ),
        )

    def dangers(self, account: str) -> Sequence[Power]:
        """Return the dangerous permissions of a login or a server role, one a name.

        A user has what its login has; public and guest of a database stand for all logins.
        """
        if split_account(account)[0] and not is_everyone(account):
            return ()
        found: dict[str, Power] = {}
        for power in self._dangerous(account, (Step(account),)):
            found.setdefault(power.source, power)
        for target, path, hold in self._chains(account):
            fix, by = self._against(hold), (hold,) if hold else ()
            for power in self._dangerous(target, path):
                later = replace(power, availability=Availability.AFTER_SET_ROLE, fix=fix, by=by)
                found.setdefault(power.source, later)
        return tuple(found.values())

    def _dangerous(self, account: str, path: Path) -> Iterable[Power]:
        for name, danger in DANGERS.items() if not split_account(account)[0] else ():
            for held in self._held(account, name, SERVER)[:1]:
                yield self._danger(name, danger, held, path)
        for name, danger in PROCEDURES.items():
            for held in self._held(account, EXECUTE, procedure(name))[:1]:
                yield self._danger(f"{EXECUTE} on {name}", danger, held, path)

    def _danger(self, name: str, danger: Danger, held: EffectivePrivilege, path: Path) -> Power:
        power = self._power(PowerKind.DANGEROUS, held, path)
        return replace(power, source=name, danger=danger)

    def _direct(self, account: str, path: Path) -> Iterable[Power]:
        """Return the powers that an account has as itself, their paths after one to it."""
        database, name = split_account(account)
        if account not in self._principals.accounts:
            if self._principals.is_first_administrator(account):
                yield Power(PowerKind.SUPERUSER, "superuser", path)
            elif database and name == DBO:
                yield Power(PowerKind.GRANT_ADMIN, f"dbo of database {database}", path)
            return
        if not database:
            superuser = self._held(account, "CONTROL SERVER", SERVER)
            yield from (self._power(PowerKind.SUPERUSER, held, path) for held in superuser)
            if superuser:
                return
            yield from self._server(account, path)
        elif self._principals.acts_on_server(account):
            yield from self._server(account, path)
        for entered in self._principals.entered(account):
            yield from self._database(account, entered, path)

    def _server(self, account: str, path: Path) -> Iterable[Power]:
        for held in self._held(account, "IMPERSONATE ANY LOGIN", SERVER):
            power = self._power(PowerKind.SUPERUSER, held, path)
            yield replace(power, availability=Availability.AFTER_SET_ROLE)
        for permission in _SERVER_ADMINS:
            for held in self._held(account, permission, SERVER):
                yield self._power(PowerKind.GRANT_ADMIN, held, path)
        yield from self._roles(account, "", path)

    def _database(self, account: str, database: str, path: Path) -> Iterable[Power]:
        on = Securable(SecurableKind.DATABASE, database=database, catalog=database)
        for permission in _DATABASE_ADMINS:
            for held in self._held(account, permission, on):
                yield self._power(PowerKind.GRANT_ADMIN, held, path, database)
        yield from self._roles(account, database, path)

    def _roles(self, account: str, database: str, path: Path) -> Iterable[Power]:
        for securable in self._principals_held(account, database):
            if class_of(securable, self._principals.kind_of) in _ROLES:
                for held in self._held(account, "ALTER", securable):
                    yield self._power(PowerKind.GRANT_ADMIN, held, path)

    def _chains(self, account: str) -> Iterable[tuple[str, Path, Hold | None]]:
        """Return the principals that an account can become, each by a shortest path.

        With each comes what breaks the path at its first step that can be broken.
        """
        found: dict[str, tuple[Path, Hold | None]] = {account: ((Step(account),), None)}
        waiting = deque([account])
        while waiting:
            here = waiting.popleft()
            before, broken = found[here]
            for target, path, hold in self._becomes(here, before):
                if target not in found:
                    found[target] = (path, broken or hold)
                    waiting.append(target)
                    yield target, *found[target]

    def _becomes(self, account: str, path: Path) -> Iterable[tuple[str, Path, Hold | None]]:
        databases = self._principals.entered(account)
        if not split_account(account)[0]:
            databases = ("", *databases)
        for database in databases:
            for securable in self._principals_held(account, database):
                of = class_of(securable, self._principals.kind_of)
                permission, how = _TAKEN_BY[of]
                for held in self._held(account, permission, securable)[:1]:
                    target = principal_account(securable)
                    steps = (*path, *held.path[1:], Step(target, how))
                    yield target, steps, self._broken(held)
        yield from self._trusted(account, path)

    def _trusted(self, account: str, path: Path) -> Iterable[tuple[str, Path, Hold | None]]:
        """Yield the logins that an account is on the server through TRUSTWORTHY databases."""
        state = self._principals.accounts.get(account)
        for database in self._principals.entered(account):
            if not self._principals.lends(database, TRUSTWORTHY):
                continue
            owner = self._principals.owner_of(database)
            if not (owner and self._decider.allows(owner, "AUTHENTICATE SERVER", SERVER)):
                continue
            how = f"TRUSTWORTHY database {database}"
            on = Securable(SecurableKind.DATABASE, database=database, catalog=database)
            for held in self._held(account, CONTROL, on)[:1]:
                steps = (*path, *held.path[1:], Step(owner, how))
                yield owner, steps, self._broken(held)
            login = self._principals.login_of(state) if state and state.database else None
            if login and len(path) > 1:
                yield login.name, (*path, Step(login.name, how)), None

    def _principals_held(self, account: str, database: str) -> Sequence[Securable]:
        """Return the principals on which an account holds anything by name."""
        context = self._principals.context(account, database)
        return sorted(
            {
                holding.securable
                for identity in context.identities
                for holding in self._holdings.all(identity)
                if holding.securable.kind is SecurableKind.PRINCIPAL
                and holding.securable.catalog == database
                and not holding.deny
            }
        )

    def _held(
        self, account: str, permission: str, securable: Securable
    ) -> Sequence[EffectivePrivilege]:
        return self._decider.held(account, permission, securable)

    def _power(
        self, kind: PowerKind, held: EffectivePrivilege, path: Path, database: str = ""
    ) -> Power:
        source = held.source
        if database and (source == DBO or source.startswith("fixed role")):
            source = f"{source} of database {database}"
        steps = (*path, *held.path[1:])
        hold = self._broken(held)
        by = (hold,) if hold else ()
        is_inherent = hold is None and len(steps) == 1 and self._is_fixed_role(steps[0].account)
        fix = self._against(hold)
        return Power(kind, source, steps, held.availability, fix, by=by, is_inherent=is_inherent)

    def _is_fixed_role(self, account: str) -> bool:
        state = self._principals.accounts.get(account)
        return state is not None and state.kind is AccountKind.ROLE and is_system(state)

    def _against(self, hold: Hold | None) -> str:
        """Return the statement that takes a hold away; empty: there is none."""
        if hold is None:
            return ""
        if hold.membership is not None:
            return self._remedies.revoke_role(hold.account, hold.membership)
        return self._remedies.revoke(hold.account, hold.grant) if hold.grant else ""

    def _broken(self, held: EffectivePrivilege) -> Hold | None:
        """Return what ends a way: its first role, its database's owner, or the grant at its end."""
        for here, there in pairwise(held.path):
            if there.how == "member":
                return Hold(here.account, membership=Membership(there.account))
            if there.how == OWNER_OF_DATABASE:
                return self._ownership(here.account, split_account(there.account)[0])
        last = held.path[-1].account
        for grant in self._principals.grants(last):
            source = f"{grant.privilege} on {grant.securable}"
            if grant.privilege == OWNER:
                source = f"owner of {grant.securable}"
            if not grant.deny and held.source.partition(", except ")[0] == source:
                return Hold(last, grant)
        return None

    def _ownership(self, account: str, database: str) -> Hold:
        """Return that an account owns a database, as its snapshot has it."""
        for grant in self._principals.grants(account):
            on = grant.securable
            is_database = on.kind is SecurableKind.DATABASE
            if grant.privilege == OWNER and is_database and database_of(on) == database:
                return Hold(account, grant)
        return Hold(account, Grant(Securable(SecurableKind.DATABASE, database=database), OWNER))
