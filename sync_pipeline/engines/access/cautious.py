"""Rules that say of every answer what is unknown and could change it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from sync_pipeline.engines.access.concerns import Concern, concerns
from sync_pipeline.engines.access.contract import (
    AccessRules,
    DefinerRoutine,
    HashPlace,
    LoginRule,
    ServerFix,
    concerned,
    dangers,
    definer_routines,
    hash_places,
    is_servers_own,
    lists_some,
    login_rules,
    missing,
    not_modelled,
    set_server,
)
from sync_pipeline.engines.access.doubts import Doubts, Known
from sync_pipeline.model.access import (
    AccessWorld,
    AccountFacts,
    Decision,
    EffectivePrivilege,
    Power,
    ServerRule,
)
from sync_pipeline.model.inventory import Listing
from sync_pipeline.model.privilege import Grant, Membership, Securable


class CautiousRules:
    """The rules of an engine over a world that has something they do not know.

    A decision keeps its ways: what is plainly held is held as far as is known, and
    `Decision.unknown` says what could change that. Without it, no answer is certain.
    """

    def __init__(self, rules: AccessRules, doubts: Doubts) -> None:
        self._rules = rules
        self.doubts = doubts

    def decide(self, account: str, privilege: str, securable: Securable) -> Decision:
        """Return the decision, with what is unknown and could change it."""
        decision = self._rules.decide(account, privilege, securable)
        unknown = self.doubts.about(decision)
        return replace(decision, unknown=(*decision.unknown, *unknown)) if unknown else decision

    def concerned(self, privilege: str, securable: Securable) -> Collection[str] | None:
        """Return of whom more than "no" may be said, but for what could change any answer."""
        return None if self.doubts.is_of_accounts else concerned(self._rules, privilege, securable)

    def missing(self, securable: Securable, listing: Listing) -> str:
        """Return what an object would lie in and is known not to be there; empty: it may be."""
        return missing(self._rules, securable, listing)

    def is_servers_own(self, securable: Securable) -> bool:
        """Return whether an object lies in what every server of the engine has."""
        return is_servers_own(self._rules, securable)

    def lists_some(self, user: str) -> bool:
        """Return whether a user (a name) is known not to be shown all databases of the server."""
        return lists_some(self._rules, user)

    def everything(self, account: str) -> Sequence[EffectivePrivilege]:
        """Return all that the account has, as far as the rules know."""
        return self._rules.everything(account)

    def securables(self, text: str) -> Sequence[Securable]:
        """Return what a person means by `[KIND:]PATH`.

        Raises:
            ConfigurationError: the text can't be read, or names nothing that is known here.
        """
        return self._rules.securables(text)

    def powers(self, account: str) -> Sequence[Power]:
        """Return the powers that the account has, as far as the rules know."""
        return self._rules.powers(account)

    def facts(self, account: str) -> AccountFacts:
        """Return what a review asks of the account."""
        return self._rules.facts(account)

    def is_everyone(self, account: str) -> bool:
        """Return whether the account stands for all others."""
        return self._rules.is_everyone(account)

    def is_write(self, privilege: str) -> bool:
        """Return whether a privilege changes data, objects or accounts."""
        return self._rules.is_write(privilege)

    def revoke(self, account: str, grant: Grant) -> str:
        """Return the statement that takes a grant (or a deny) away."""
        return self._rules.revoke(account, grant)

    def revoke_option(self, account: str, grant: Grant) -> str:
        """Return the statement that takes only the grant option away."""
        return self._rules.revoke_option(account, grant)

    def revoke_role(self, account: str, membership: Membership) -> str:
        """Return the statement that takes a role away."""
        return self._rules.revoke_role(account, membership)

    def disable(self, account: str) -> str:
        """Return the statement that keeps an account from logging in."""
        return self._rules.disable(account)

    def drop(self, account: str) -> str:
        """Return the statement that removes an account."""
        return self._rules.drop(account)

    def hash_places(self) -> Sequence[HashPlace]:
        """Return where the server shows password hashes."""
        return hash_places(self._rules)

    def dangers(self, account: str) -> Sequence[Power]:
        """Return the dangerous privileges of an account."""
        return dangers(self._rules, account)

    def login_rules(self) -> Sequence[LoginRule]:
        """Return the lines by which the server lets clients in."""
        return login_rules(self._rules)

    def definer_routines(self) -> Sequence[DefinerRoutine]:
        """Return the routines that run with their owner's rights and can be misused."""
        return definer_routines(self._rules)

    def set_server(self, name: str, value: str, before: str) -> ServerFix:
        """Return what gives a setting of the server another value."""
        return set_server(self._rules, name, value, before)

    def concerns(self) -> Sequence[Concern]:
        """Return what the engine's rules tell a review."""
        return concerns(self._rules)

    def not_modelled(self) -> Sequence[ServerRule]:
        """Return the rules of the server that no answer takes in."""
        return not_modelled(self._rules)

    def expire(self, account: str) -> str:
        """Return the statement that gives an account's password an end."""
        return self._rules.expire(account)


def plain(rules: AccessRules) -> AccessRules:
    """Return rules without their doubts."""
    return rules._rules if isinstance(rules, CautiousRules) else rules  # noqa: SLF001


def cautious(rules: AccessRules, world: AccessWorld, known: Known) -> AccessRules:
    """Return rules as they are, or with their doubts where the world has unknown things."""
    doubts = Doubts(world, known)
    return CautiousRules(rules, doubts) if doubts else rules


def doubts_of(rules: AccessRules) -> Doubts | None:
    """Return what is unknown in the world of some rules; None: nothing is."""
    return rules.doubts if isinstance(rules, CautiousRules) else None
