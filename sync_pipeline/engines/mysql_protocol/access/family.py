"""What an account of MySQL or MariaDB may do: what the two servers decide alike. Pure.

What an account has with the roles of its login is in force at login; what it has with any
others, or with none, it has after SET ROLE.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from types import MappingProxyType

from sync_pipeline.engines.access.contract import (
    DefinerRoutine,
    HashPlace,
    ServerFix,
    by_service,
)
from sync_pipeline.engines.access.links import Link
from sync_pipeline.engines.mysql_protocol.access import statements
from sync_pipeline.engines.mysql_protocol.access.definers import definer_routines
from sync_pipeline.engines.mysql_protocol.access.facts import facts_of, has_password
from sync_pipeline.engines.mysql_protocol.access.levels import (
    GRANT_OPTION,
    USAGE,
    canonical_word,
    is_write,
)
from sync_pipeline.engines.mysql_protocol.access.mends import Mending
from sync_pipeline.engines.mysql_protocol.access.names import user_and_host
from sync_pipeline.engines.mysql_protocol.access.patterns import unescaped
from sync_pipeline.engines.mysql_protocol.access.places import (
    SEES_DATABASES,
    accounts_of,
    is_servers_own,
    missing_database,
)
from sync_pipeline.engines.mysql_protocol.access.pools import Pool, Way
from sync_pipeline.engines.mysql_protocol.access.powers import dangers_of, powers_of
from sync_pipeline.engines.mysql_protocol.access.schemas import (
    has_own_rule,
    of_system_schema,
    unknown_of_system_schema,
)
from sync_pipeline.engines.mysql_protocol.access.securables import securables_of
from sync_pipeline.engines.mysql_protocol.access.sessions import (
    ANY_USER,
    SAME_USER,
    Activation,
)
from sync_pipeline.engines.mysql_protocol.accounts.hosts import lets_nobody_in
from sync_pipeline.engines.mysql_protocol.accounts.names import quoted
from sync_pipeline.engines.mysql_protocol.accounts.own import is_closed_own
from sync_pipeline.engines.mysql_protocol.accounts.rows import NO_ACCOUNT
from sync_pipeline.engines.mysql_protocol.platform import provider_accounts, stand_in
from sync_pipeline.model.access import (
    EVERYTHING,
    AccountFacts,
    Availability,
    Danger,
    Decision,
    EffectivePrivilege,
    Path,
    Power,
)
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.gap import Gap
from sync_pipeline.model.inventory import Listing
from sync_pipeline.model.privilege import (
    Grant,
    Membership,
    SectionKey,
    SectionName,
    Securable,
    SecurableKind,
)

SERVER = Securable(SecurableKind.SERVER)
_PASSWORD_DAYS = 90
"""How long a password lasts that is given an end."""
_LIFE = timedelta(days=_PASSWORD_DAYS)

_CLOSED = {
    False: "an unlocked account: it is locked",
    True: "an account: there is none of that name",
}


class FamilyAccess(Mending):
    """The rules that MySQL and MariaDB share. Built once for a world."""

    system_accounts: frozenset[str]
    built_in_accounts: frozenset[str]
    superuser_words: tuple[str, ...]
    """Server-level privileges that make a superuser."""
    grant_admin_words: tuple[str, ...]
    """Server-level privileges that let an account get or give what it does not have."""
    grant_tables: tuple[str, ...]
    """Tables of the database `mysql` that hold rights: who may write them has all."""
    dangerous: Mapping[str, Danger]
    """Server-level privileges that reach further than data, and why."""
    setting_scope = "PERSIST"
    """Where SET changes a setting of the server."""
    setting_ends = ""
    """What ends such a change by itself, as a sentence."""
    hash_columns: Mapping[str, Sequence[str]]
    """Columns of the database `mysql` that hold password hashes, by table."""
    login_advice: str
    """By which statement a person gives a password that is kept by a better method."""
    larger: Mapping[str, Sequence[str]] = MappingProxyType({})
    """Privileges of the server, and those that allow the same beside more."""

    def decide(self, account: str, privilege: str, securable: Securable) -> Decision:
        """Return whether the account has the privilege, by which paths, and what denies it."""
        word, on = self.word(privilege), self.compared(securable)
        state = self.world.accounts.get(account)
        more = unknown_of_system_schema(word, on)
        if state and not (has_own_rule(on) or self._concerned.is_concerned(account, word, on)):
            unknown = (*self._unread(on), *more)
            return Decision(account, word, securable, unknown=unknown)
        own = of_system_schema(account, word, on, self.lacking(state)) if state else None
        decision = own or self._decided(account, word, on)
        if on is securable and not more:
            return decision
        return replace(decision, securable=securable, unknown=(*decision.unknown, *more))

    def concerned(self, privilege: str, securable: Securable) -> Collection[str] | None:
        """Return the accounts without which `decide` says no; None: it may say more of any."""
        word, on = self.word(privilege), self.compared(securable)
        if has_own_rule(on) or self._unread(on) or unknown_of_system_schema(word, on):
            return None
        return self._concerned.of(word, on)

    def _decided(self, account: str, word: str, securable: Securable) -> Decision:
        state = self.world.accounts.get(account)
        held: dict[tuple[object, ...], EffectivePrivilege] = {}
        denied: dict[str, None] = {}
        for activation in self.activations(account) if state else ():
            denied.update(dict.fromkeys(self.denials(account, activation, word, securable)))
            for item in (
                *self.held(account, activation, word, securable),
                *self._covered(account, activation, word, securable),
            ):
                held.setdefault((item.path[-1].account, item.source, item.grantable), item)
        ways = sorted(held.values(), key=_best_first)
        decision = Decision(account, word, securable, tuple(ways), tuple(denied))
        if decision.is_allowed_at_login and not self.has_denies:
            return decision
        return Decision(
            account, word, securable, tuple(ways), tuple(denied), self._unread(securable)
        )

    def everything(self, account: str) -> Sequence[EffectivePrivilege]:
        """Return all that the account has on what the snapshot knows, denies applied."""
        if account not in self.world.accounts:
            return ()
        whole = self.decide(account, EVERYTHING, SERVER)
        all_of_it = [item for item in whole.held if item.grantable and not whole.denied]
        if any(item.availability is Availability.AT_LOGIN for item in all_of_it):
            return (all_of_it[0],)
        known: dict[tuple[str, Securable], None] = {}
        for activation in self.activations(account):
            for pool in self._pools(account, activation.roles):
                known.update(dict.fromkeys(self._named(pool)))
        found = list(all_of_it[:1])
        for word, on in known:
            found.extend(self._decided(account, word, on).held[:1])
        return tuple(found)

    def securables(self, text: str) -> Sequence[Securable]:
        """Return what a person means by a text: `database`, `database.table`, `*.*`."""
        return securables_of(text, self.world.accounts.values())

    def missing(self, securable: Securable, listing: Listing) -> str:
        """Return the database of an object that is known not to be there; empty: it may be."""
        return missing_database(self.world, securable, listing)

    def lists_some(self, user: str) -> bool:
        """Return whether an account of a user is not shown all databases, not by a role either."""
        return any(
            not any(self.decide(name, word, SERVER).is_allowed for word in SEES_DATABASES)
            for name in accounts_of(self.world, user)
        )

    def is_servers_own(self, securable: Securable) -> bool:
        """Return whether an object lies in a database that each server has."""
        return is_servers_own(securable)

    def powers(self, account: str) -> Sequence[Power]:
        """Return the powers that the account has, or can get through any role."""
        if account not in self.world.accounts:
            return ()
        return powers_of(self, account)

    def dangers(self, account: str) -> Sequence[Power]:
        """Return the dangerous privileges that the account has, or gets by any role."""
        return dangers_of(self, account) if account in self.world.accounts else ()

    @cached_property
    def dangers_granted(self) -> Mapping[str, Danger]:
        """Return the dangerous privileges that anybody has, so that others are not asked for."""
        held = {
            grant.privilege
            for state in self.world.accounts.values()
            for grant in state.grants
            if grant.securable == SERVER
        }
        return {word: why for word, why in self.dangerous.items() if word in held}

    def definer_routines(self) -> Sequence[DefinerRoutine]:
        """Return what definers lend their rights to who are gone or may do everything."""
        return tuple(definer_routines(self))

    def may_alter_of(self, account: str, definer: str) -> bool:  # noqa: ARG002
        """Return whether who may alter routines may alter those of this definer."""
        return True

    def set_server(self, name: str, value: str, before: str) -> ServerFix:
        """Return the statements that give a setting of the server another value.

        MySQL keeps it over a restart, MariaDB does not.
        """
        if self.world.platform.is_managed:
            return by_service(self.service, name, value)
        return ServerFix(
            f"SET {self.setting_scope} {name} = {quoted(value)};",
            f"SET {self.setting_scope} {name} = {quoted(before)};",
            self.setting_ends,
        )

    def roles_reached(self, account: str) -> Iterator[tuple[Path, Availability]]:
        """Yield the ways to the account itself and each role that its sessions can stand in."""
        for activation in self.activations(account):
            for link in self.with_roles(Link(account), activation.roles).values():
                yield link.path, activation.availability

    @property
    def stand_in(self) -> str:
        """Return the role that a managed service gives in the place of a superuser."""
        return stand_in(self.world.platform)

    @property
    def service(self) -> str:
        """Return how the provider of the server calls it."""
        return self.world.platform.service

    def facts(self, account: str) -> AccountFacts:
        """Return what a review asks of the account."""
        state = self.world.accounts.get(account)
        if state is None:
            return AccountFacts()
        return facts_of(
            state,
            is_system=is_closed_own(state, self.system_accounts),
            # There is no identifier: a name, and the rights with which it was made.
            is_built_in=account in self.built_in_accounts and state.is_superuser,
            is_provider=account in provider_accounts(self.world.platform),
            login_advice=self.login_advice,
        )

    def is_everyone(self, account: str) -> bool:
        """Return whether the account is PUBLIC."""
        state = self.world.accounts.get(account)
        return state is not None and state.kind is AccountKind.PUBLIC

    def is_write(self, privilege: str) -> bool:
        """Return whether a privilege changes data, objects or accounts."""
        return is_write(self.word(privilege))

    def revoke(self, account: str, grant: Grant) -> str:
        """Return the statement that takes a grant away, or lifts a partial revoke.

        Empty for what the first or the last superuser may do on the server.
        """
        if self._must_stay(account, grant):
            return ""
        return statements.revoke(self.to(account), grant)

    def revoke_option(self, account: str, grant: Grant) -> str:
        """Return the statement that takes only the grant option away.

        That of an object goes with all privileges on it. A dynamic privilege and a proxy
        have their own, which only leaves with them: they are given again without it. Empty
        for what the first or the last superuser may do on the server.
        """
        if self._must_stay(account, grant):
            return ""
        is_own = self.has_own_option(grant)
        return statements.revoke_option(self.to(account), grant, is_own=is_own)

    def revoke_role(self, account: str, membership: Membership) -> str:
        """Return the statement that takes a role away."""
        return f"REVOKE {self.to(membership.role)} FROM {self.to(account)};"

    def disable(self, account: str) -> str:
        """Return the statement that locks an account.

        Empty for a role, which can't log in, for the server's own accounts, and for the last
        superuser that is left: nobody could unlock it.
        """
        is_own = account in self.system_accounts or account in self.built_in_accounts
        if not self._is_user(account) or is_own or self._is_last_superuser(account):
            return ""
        return f"ALTER USER {self.to(account)} ACCOUNT LOCK;"

    def drop(self, account: str) -> str:
        """Return the statement that removes an account or a role; empty for PUBLIC."""
        if self.is_everyone(account):
            return ""
        return f"DROP {'USER' if self._is_user(account) else 'ROLE'} {self.to(account)};"

    def expire(self, account: str) -> str:
        """Return the statement that ends a password after a time; empty: it has none, or is old.

        The time counts from the last change of the password (MySQL 8.4 Reference Manual, 8.2.15
        Password Management): an older one ends at once, and a program stands still.
        """
        state = self.world.accounts.get(account)
        if state is None or not has_password(state) or self._is_old(account):
            return ""
        return f"ALTER USER {self.to(account)} PASSWORD EXPIRE INTERVAL {_PASSWORD_DAYS} DAY;"

    def _is_old(self, account: str) -> bool:
        """Return whether a password would have ended already, so that it ended at once."""
        changed = self.facts(account).password_changed_at
        return changed is not None and bool(self.world.has_come(changed + _LIFE))

    def hash_places(self) -> Sequence[HashPlace]:
        """Return the columns of the grant tables that hold password hashes."""
        return tuple(
            HashPlace(
                "SELECT",
                Securable(SecurableKind.COLUMN, "mysql", name=table, column=column),
                f"mysql.{table}",
            )
            for table, columns in self.hash_columns.items()
            for column in columns
        )

    # Parts of the above.

    def word(self, privilege: str) -> str:
        """Return a privilege as the snapshots of this engine write it."""
        return canonical_word(privilege)

    def _is_user(self, account: str) -> bool:
        return account in self.world.accounts and not self.is_role(account)

    def must_stay(self, account: str) -> str:
        """Return why the server's privileges of an account are not taken away; empty: they are.

        Nobody might be left who could give them back.
        """
        if account in provider_accounts(self.world.platform):
            return "it is an account of the provider of this service"
        if account in self.built_in_accounts or account in self.system_accounts:
            return "it is an account that the server was installed with"
        if self._is_last_superuser(account):
            return "nobody would be left who may do everything"
        return ""

    def server_grants(self, account: str) -> Sequence[Grant]:
        """Return what an account itself was granted on the server."""
        state = self.world.accounts[account]
        return [g for g in state.grants if g.securable.kind is SecurableKind.SERVER and not g.deny]

    def memberships_of(self, account: str, role: str) -> Sequence[Membership]:
        """Return by which memberships an account has a role."""
        state = self.world.accounts.get(account)
        return [item for item in (state.memberships if state else ()) if item.role == role]

    def _must_stay(self, account: str, grant: Grant) -> bool:
        is_servers = grant.securable.kind is SecurableKind.SERVER
        return is_servers and bool(self.must_stay(account))

    def _is_last_superuser(self, account: str) -> bool:
        superusers = {
            name
            for name, state in self.world.accounts.items()
            if state.is_superuser and state.can_login and name not in self.system_accounts
        }
        return superusers == {account}

    def _ways(self, pools: Iterable[Pool], word: str, on: Securable) -> list[Way]:
        ways = [way for pool in pools for way in pool.ways(word, on)]
        return sorted(ways, key=lambda way: way.link.length)

    def gives(self, account: str, activation: Activation, database: str) -> bool:
        """Return whether a session has anything on the server, or on its tables of grants."""
        pools = self._pools(account, activation.roles)
        return any(pool.gives(database, self.grant_tables) for pool in pools)

    def held(
        self, account: str, activation: Activation, word: str, on: Securable
    ) -> Iterator[EffectivePrivilege]:
        """Yield the ways in which a session of the account has a privilege."""
        pools = self._pools(account, activation.roles)
        ways = list(self._all(pools, on)) if word == EVERYTHING else self._ways(pools, word, on)
        if not ways:
            return
        option = any(way for pool in pools for way in pool.ways(GRANT_OPTION, on))
        lacking = self.lacking(self.world.accounts[account])
        is_own = on.kind is SecurableKind.ACCOUNT
        for way in ways:
            has_own_option = is_own or not self.is_static(way.grant.privilege)
            yield EffectivePrivilege(
                account,
                word,
                on,
                self._source(way, word),
                way.link.path,
                way.grant.grantable if has_own_option else option,
                activation.availability,
                lacking,
                way.grant,
            )

    def _covered(
        self, account: str, activation: Activation, word: str, on: Securable
    ) -> Iterator[EffectivePrivilege]:
        """Yield a larger privilege that allows what this one does; it can't be granted on."""
        if on.kind is not SecurableKind.SERVER:
            return
        for larger in self.larger.get(word, ()):
            for item in self.held(account, activation, larger, on):
                yield replace(item, privilege=word, source=f"{larger} on server", grantable=False)

    def _all(self, pools: Iterable[Pool], on: Securable) -> Iterator[Way]:
        """Yield the longest of the ways that are needed to have all privileges at once."""
        pools = tuple(pools)
        needed = []
        for word in self.levels.of(on.kind):
            ways = self._ways(pools, word, on)
            if not ways:
                return
            needed.append(ways[0])
        yield from sorted(needed, key=lambda way: (-way.link.length, str(way.grant)))[:1]

    def _source(self, way: Way, word: str) -> str:
        on = way.grant.securable
        text = f"granted on {on}" if word == way.grant.privilege else f"{word} on {on}"
        if on.kind is SecurableKind.SERVER:
            denied = self._holdings[way.link.account].denied
            without = sorted(name for name, words in denied.items() if word in words)
            text += f", except in {', '.join(without)}" if without else ""
        return text if way.grant.recognised else f"{text} (not a known privilege)"

    def denials(
        self, account: str, activation: Activation, word: str, on: Securable
    ) -> Iterator[str]:
        """Yield the partial revokes that take a global privilege away here."""
        pools = self._pools(account, activation.roles)
        is_below = on.kind is not SecurableKind.SERVER
        for holder in (holder for pool in pools for holder in pool.holders):
            if holder.link.how in (SAME_USER, ANY_USER):
                continue
            for database, words in sorted(holder.holdings.denied.items()):
                is_here = database == on.database if is_below else True
                if is_here and (word in words or word == EVERYTHING):
                    taken = word if word in words else ", ".join(sorted(words))
                    yield f"{taken} in {database}: partial revoke of {holder.link.account}"

    def _named(self, pool: Pool) -> Iterator[tuple[str, Securable]]:
        for holder in pool.holders:
            for grant in holder.holdings.grants():
                word = GRANT_OPTION if grant.privilege == USAGE else grant.privilege
                yield word, self._as_named(grant.securable)

    def _as_named(self, on: Securable) -> Securable:
        """Return a database by its name where a grant holds it with escapes."""
        if on.kind is not SecurableKind.DATABASE or self.are_names_literal:
            return on
        return Securable(on.kind, unescaped(on.database))

    def lacking(self, state: AccountState) -> tuple[str, ...]:
        """Return what keeps an account from logging in."""
        if self.is_role(state.name):
            return ()
        says_so = bool(dict(state.attributes).get(NO_ACCOUNT))
        _, host = user_and_host(state.name) or ("", "")
        nobody = lets_nobody_in(host, knows_cidr=self.knows_cidr)
        return (
            *(() if state.can_login else (_CLOSED[says_so],)),
            *((f"a host that a client can have: none fits {host}",) if nobody else ()),
        )

    def _unread(self, on: Securable) -> tuple[Gap, ...]:
        """Return the sections that were not read and could give the privilege."""
        if on.kind not in self._gaps:
            self._gaps[on.kind] = self._unread_of_kind(on)
        return self._gaps[on.kind]

    def _unread_of_kind(self, on: Securable) -> tuple[Gap, ...]:
        names = {SectionName.ACCOUNTS, SectionName.MEMBERSHIPS, SectionName.SERVER}
        if on.kind is not SecurableKind.SERVER:
            names |= {SectionName.DATABASE, on.section.name}
        if on.kind is SecurableKind.COLUMN:
            names.add(SectionName.TABLE)
        return self.world.unread(sorted(map(SectionKey, names)))


def _best_first(item: EffectivePrivilege) -> tuple[object, ...]:
    is_later = item.availability is not Availability.AT_LOGIN
    return is_later, len(item.path), not item.grantable, item.source, item.path[-1].account
