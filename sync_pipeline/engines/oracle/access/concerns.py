"""What a review looks for on Oracle alone. Pure.

Database Reference: DBA_USERS_WITH_DEFPWD, DBA_DB_LINKS, DBA_PROFILES; Database Security Guide,
"Guidelines for Securing the Oracle Database"; SQL Language Reference, ALTER PROFILE.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from sync_pipeline.engines.access.concerns import Concern
from sync_pipeline.engines.oracle.access.any import is_write
from sync_pipeline.engines.oracle.access.dangers import DANGERS
from sync_pipeline.engines.oracle.access.facts import facts_of
from sync_pipeline.engines.oracle.access.managed import platform_in
from sync_pipeline.engines.oracle.access.names import SYS, local_name
from sync_pipeline.engines.oracle.access.packages import GROUPS, group_of
from sync_pipeline.engines.oracle.access.powers import GRANT_ADMIN, Powers
from sync_pipeline.engines.oracle.access.remedies import in_container, written_profile
from sync_pipeline.engines.oracle.access.roles import is_public, is_user
from sync_pipeline.engines.oracle.access.settings import REMOTE_OS, parameter_concerns
from sync_pipeline.engines.oracle.access.status import TIMED, attribute, authentication_of
from sync_pipeline.engines.oracle.names import PUBLIC, is_common
from sync_pipeline.engines.oracle.platform import AUTONOMOUS
from sync_pipeline.model.access import AccessWorld, Hold
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.finding import Severity
from sync_pipeline.model.platform import Platform
from sync_pipeline.model.privilege import Grant, SecurableKind
from sync_pipeline.model.text import first_names

_MOST_NAMED = 5
_ROOT = "CDB$ROOT"
_UNLIMITED = "UNLIMITED"
_ATTEMPTS = 10
"""FAILED_LOGIN_ATTEMPTS of the profile DEFAULT of a new database (CREATE PROFILE)."""
_REVOKED = "REVOKE EXECUTE ON SYS.... FROM PUBLIC"
_REVOKED_BY = {
    Platform.RDS: "rdsadmin.rdsadmin_util.revoke_sys_object('...', 'PUBLIC'), which alone revokes"
    " on objects of SYS there"
}
"""Amazon RDS User Guide, "Granting SELECT or EXECUTE privileges to SYS objects"."""
_NOBODYS = frozenset({"XS$NULL"})
"""What is listed, and can't log in (Database Security Guide, predefined accounts)."""
_OF_THE_SESSION = frozenset({"", "CURRENT_USER"})
"""Users of a link that keeps no password: those of whoever uses it."""


class Concerns:
    """What concerns a review of one world."""

    def __init__(self, world: AccessWorld, powers: Powers) -> None:
        self._world = world
        self._server = world.server
        self._powers = powers
        self._all: Sequence[Concern] | None = None

    def all(self) -> Sequence[Concern]:
        """Return all of them; several rules ask."""
        if self._all is None:
            self._all = (
                *parameter_concerns(self._server, self._world.platform),
                *self._default_passwords(),
                *self._guessed(),
                *self._external(),
                *self._links(),
                *self._privileges(),
                *self._packages(),
            )
        return self._all

    def _default_passwords(self) -> Iterator[Concern]:
        accounts = {
            (state.database, local_name(state.name, state.database)): state
            for state in self._world.accounts.values()
            if is_user(state)
        }
        hidden: list[str] = []
        for fact in self._server.each("default password"):
            if fact.subject in _NOBODYS or not _gets_in(fact.value):
                continue
            state = accounts.get((fact.database, fact.subject))
            if state is None:
                hidden.append(".".join(filter(None, (fact.database, fact.subject))))
            else:
                yield self._default_password(state)
        if hidden:
            named = first_names(hidden[:_MOST_NAMED], len(hidden))
            yield Concern(
                "default-password",
                f"Accounts of Oracle's own are open with the passwords that Oracle makes them"
                f" with: {named}.",
                about="accounts of Oracle's own",
                left="Lock them, ALTER USER ... ACCOUNT LOCK, or give them other passwords: nobody"
                " logs in with most of them.",
            )

    def _default_password(self, state: AccountState) -> Concern:
        return Concern(
            "default-password",
            "It still has the password that Oracle makes it with, which everybody can look up.",
            Severity.CRITICAL if state.is_superuser else None,
            state.name,
            left="Give it another one together with all who log in with it, or lock it where nobody"
            " does: only you know which.",
        )

    def _guessed(self) -> Iterator[Concern]:
        """Yield the profiles without a limit of wrong passwords, by which somebody logs in."""
        found: dict[tuple[str, str], list[str]] = defaultdict(list)
        for state in self._peoples():
            attempts = str(attribute(state, "failed_login_attempts") or "").upper()
            if authentication_of(state) == "PASSWORD" and attempts == _UNLIMITED:
                profile = str(attribute(state, "profile") or "DEFAULT")
                found[state.database, profile].append(state.name)
        for (container, profile), names in sorted(found.items()):
            where = f" of {container}" if container else ""
            named = first_names(sorted(names)[:_MOST_NAMED], len(names))
            yield Concern(
                "guessed-without-end",
                f"Profile {profile}{where} lets passwords be guessed without end"
                f" (FAILED_LOGIN_ATTEMPTS UNLIMITED) of {named}.",
                about=" ".join(filter(None, ("profile", container, profile))),
                fix=_limited(container, profile, str(_ATTEMPTS)),
                undo=_limited(container, profile, _UNLIMITED),
                breaks="A program with a wrong password locks its account then, until"
                " PASSWORD_LOCK_TIME is over.",
            )

    def _peoples(self) -> Iterator[AccountState]:
        """Yield the users that can log in and that Oracle did not make."""
        for state in self._world.accounts.values():
            is_own = is_user(state) and not facts_of(state, self._world).is_system
            if is_own and state.can_login and not state.is_locked:
                yield state

    def _external(self) -> Iterator[Concern]:
        is_any = self._server.is_on(REMOTE_OS) is True
        for state in self._peoples():
            if authentication_of(state) == "EXTERNAL":
                more = ", and any machine may say that it is this one" if is_any else ""
                yield Concern(
                    "external-authentication",
                    f"The operating system or a service of the network lets it in{more}: it has no"
                    " password here.",
                    Severity.HIGH if is_any else None,
                    state.name,
                    left="Give it a password, or let a directory know it, together with all who log"
                    " in with it.",
                )

    def _links(self) -> Iterator[Concern]:
        public: list[str] = []
        keeping: list[str] = []
        for fact in self._server.each("database link"):
            name = ".".join(filter(None, (fact.database, fact.subject)))
            if fact.subject.startswith(f"{PUBLIC}."):
                public.append(name)
            if fact.value.upper() not in _OF_THE_SESSION:
                keeping.append(f"{name} (as {fact.value})")
        if public:
            named = first_names(public[:_MOST_NAMED], len(public))
            yield Concern(
                "database-link",
                f"Everybody who logs in here may use {named}.",
                Severity.MEDIUM,
                about="public",
                left="Make private links for those who need them, then DROP PUBLIC DATABASE LINK.",
            )
        if keeping:
            yield Concern(
                "database-link",
                "The password of an account elsewhere is kept in"
                f" {first_names(keeping[:_MOST_NAMED], len(keeping))}: who uses the link is that"
                " account there.",
                about="password",
                left="See that each of these accounts may do no more than its link is for.",
            )

    def _privileges(self) -> Iterator[Concern]:
        """Yield what PUBLIC has of the database itself, which is nothing in a new one."""
        for state in filter(is_public, self._world.accounts.values()):
            powers = self._powers.of(state.name)
            holds = [Hold(state.name, grant) for grant in state.grants if _is_more(grant)]
            holds += [Hold(state.name, membership=item) for item in state.memberships if not powers]
            if holds:
                texts = [str(hold) for hold in holds]
                yield Concern(
                    "public-privilege",
                    f"Every account has {first_names(texts[:_MOST_NAMED], len(texts))}.",
                    account=state.name,
                    holds=tuple(holds),
                )

    def _packages(self) -> Iterator[Concern]:
        found: dict[str, set[str]] = defaultdict(set)
        holders = [state for state in self._world.accounts.values() if is_public(state)]
        for state in holders:
            if platform_in(self._world, state.database) == AUTONOMOUS:
                continue
            internal = [grant for grant in state.grants if _package_group(grant) == "internal"]
            if internal:
                yield _internal(state, internal)
            for grant in state.grants:
                found[_package_group(grant)].add(grant.securable.name)
        groups = [group for group in GROUPS if found.get(group)]
        if groups:
            names = sorted(name for group in groups for name in found[group])
            yield Concern(
                "public-package",
                f"Every account may execute {', '.join(names)}, as Oracle grants most of them.",
                account=holders[0].name,
                about=", ".join(groups),
                left=f"{_REVOKED_BY.get(self._world.platform, _REVOKED)}, once each schema that"
                " needs one has a grant of its own (DBA_DEPENDENCIES): else its code stops, and"
                " parts of Oracle's own may.",
            )


def _internal(state: AccountState, grants: Sequence[Grant]) -> Concern:
    names = ", ".join(sorted(grant.securable.name for grant in grants))
    return Concern(
        "public-package",
        f"Every account may execute {names}, which runs as SYS and which Oracle grants to nobody.",
        Severity.HIGH,
        state.name,
        "internal",
        holds=tuple(Hold(state.name, grant) for grant in grants),
    )


def _package_group(grant: Grant) -> str:
    on = grant.securable
    if grant.deny or grant.privilege != "EXECUTE" or on.schema != SYS:
        return ""
    return group_of(on.name)


def _is_more(grant: Grant) -> bool:
    """Return whether it is of the database itself, and no other rule tells of it."""
    name = grant.privilege
    is_told = is_write(name) or name in DANGERS or name in GRANT_ADMIN
    return grant.securable.kind is SecurableKind.SERVER and not (grant.deny or is_told)


def _gets_in(status: str) -> bool:
    return "LOCKED" not in status or TIMED in status


def _limited(container: str, profile: str, attempts: str) -> str:
    text = f"ALTER PROFILE {written_profile(profile)} LIMIT FAILED_LOGIN_ATTEMPTS {attempts}"
    if is_common(profile):
        return in_container(_ROOT, [f"{text} CONTAINER = ALL;"])
    return in_container(container, [f"{text};"])
