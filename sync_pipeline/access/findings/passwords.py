"""Rules about passwords and the use of accounts. No rule sees a password or a hash."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sync_pipeline.access.findings.breaking import EXPIRES, POLICY
from sync_pipeline.access.findings.case import Case, Remedy, ending
from sync_pipeline.access.findings.mending import Mending, closed
from sync_pipeline.access.findings.rule import Rule, each, rule, severity_for
from sync_pipeline.engines.access.cautious import plain
from sync_pipeline.engines.access.contract import mends, set_server
from sync_pipeline.model.access import AccountFacts, PowerKind
from sync_pipeline.model.finding import Finding, Severity
from sync_pipeline.model.privilege import SectionName
from sync_pipeline.model.use import UNUSED_AFTER


@rule(
    "no-password-expiry",
    title="Password that never expires",
    severity=Severity.LOW,
    rationale="A password that leaked once is good for ever. Where a password manager or a "
    "vault changes it instead, switch this rule off.",
    sources=(
        "CIS MySQL 8.0 Benchmark 7.4, default_password_lifetime",
        "CIS Oracle Database 19c Benchmark 3.3, PASSWORD_LIFE_TIME",
        "CIS SQL Server Benchmark 4.2, CHECK_EXPIRATION of sysadmins",
    ),
    reads=(SectionName.ACCOUNTS,),
)
@each
def no_expiry(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield the accounts whose password has no end."""
    for state in case.users():
        facts = case.facts(state.name)
        if facts.never_expires:
            yield case.finding(
                rule.id,
                severity_for(rule, case, state.name),
                state.name,
                "Its password never expires.",
                remedy=_expired_later(case, state.name),
                cause="passwords without an end",
                implied=weak.id if facts.has_no_password else "",
            )


@rule(
    "weak-password-storage",
    title="New passwords are kept by a weak hash",
    severity=Severity.MEDIUM,
    rationale="An unsalted or fast hash is guessed in hours, and one of MD5 is as good as the "
    "password to who reads it. Every password that is set from now on is kept so.",
    sources=(
        "CIS PostgreSQL 17 Benchmark 5.12, password_encryption",
        "PostgreSQL documentation, Password Authentication",
    ),
    reads=(SectionName.SERVER_SETTINGS,),
)
@each
def weak_storage(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield the servers that keep new passwords by a hash that others replaced."""
    value = case.server.value("password_encryption")
    if value is not None and value.strip().lower() in _MD5:
        fix = set_server(case.judged.rules, "password_encryption", "scram-sha-256", value)
        yield case.finding(
            rule.id,
            rule.severity,
            "",
            f"password_encryption is {value}: passwords that are set from now on are kept by MD5.",
            remedy=ending(fix.fix, fix.undo, fix.left, _NO_SCRAM),
        )


@rule(
    "old-password",
    title="Password that was not changed for more than a year",
    severity=Severity.LOW,
    rationale="Whoever came to know a password in all that time still has it: people who left, "
    "old backups, configuration files.",
    sources=(
        "CIS MySQL 9.7 Benchmark 2.7 and 7.4, password_lifetime of a year at most",
        "CIS MariaDB 10.6 Benchmark 2.6",
    ),
    reads=(SectionName.ACCOUNTS,),
)
@each
def old(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield the accounts that log in with a password of more than a year."""
    for state in case.users():
        changed_at = case.facts(state.name).password_changed_at
        if changed_at is None or not case.judged.world.has_come(changed_at + _YEAR):
            continue
        yield case.finding(
            rule.id,
            severity_for(rule, case, state.name),
            state.name,
            f"Its password was last changed on {changed_at:%Y-%m-%d}.",
            remedy=Remedy(left=_BY_ITS_USERS),
        )


@rule(
    "no-password-rules",
    title="Password that nothing checks",
    severity=Severity.MEDIUM,
    rationale="Without a check of length and complexity, the account is as safe as the habits "
    "of the person who sets its password.",
    sources=(
        "CIS MySQL 8.0 Benchmark 7.5, password complexity policies",
        "CIS Oracle Database 19c Benchmark 3.7, PASSWORD_VERIFY_FUNCTION",
        "CIS SQL Server Benchmark 4.3, CHECK_POLICY",
    ),
    reads=(SectionName.ACCOUNTS,),
)
@each
def no_rules(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield the accounts whose next password nothing checks."""
    for state in case.users():
        facts = case.facts(state.name)
        if facts.has_password_rules is False:
            yield case.finding(
                rule.id,
                severity_for(rule, case, state.name),
                state.name,
                "Nothing checks how good its next password is.",
                remedy=_by_policy(facts, _unless(facts, _CHECKS)),
                is_harmless=True,
                cause="passwords without rules",
                implied=weak.id if facts.has_no_password or facts.password_fix else "",
            )


@rule(
    "expired-active",
    title="Expired account that is still there",
    severity=Severity.MEDIUM,
    rationale="An end date says that the account is not needed any more, but whoever extends it "
    "or sets its password has all of its rights back.",
    sources=(
        "CIS PostgreSQL Benchmark 4.4, lock out accounts if not currently in use",
        "MySQL Reference Manual, Password Management: expired accounts can set a new password",
    ),
    reads=(SectionName.ACCOUNTS,),
)
@each
def expired(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield the accounts that have expired and could be opened again."""
    for state in case.users():
        if case.facts(state.name).is_expired:
            yield case.finding(
                rule.id,
                rule.severity,
                state.name,
                "It has expired, and is neither locked nor removed.",
                remedy=closed(case, state.name, breaks=_NOT_AGAIN),
                cause="accounts that have expired",
            )


@rule(
    "never-used",
    title="Account that has never been used",
    severity=Severity.LOW,
    rationale="Nobody would notice that it is misused. Only where the engine keeps the last login.",
    sources=(
        "CIS PostgreSQL Benchmark 4.4, lock out accounts if not currently in use",
        "CIS Oracle Database 19c Benchmark 3.9, INACTIVE_ACCOUNT_TIME",
        "Oracle DBSAT, USER.INACTIVE",
    ),
    reads=(SectionName.ACCOUNTS,),
)
@each
def never_used(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield the accounts that never logged in."""
    for state in case.users():
        facts = case.facts(state.name)
        if facts.never_used:
            yield case.finding(
                rule.id,
                severity_for(rule, case, state.name),
                state.name,
                "It has never logged in.",
                remedy=closed(case, state.name, breaks=_UNUSED),
                cause="accounts that were never used",
                implied=expired.id if facts.is_expired else "",
            )


@rule(
    "inactive-account",
    title="Account that nobody has used for half a year",
    severity=Severity.LOW,
    rationale="Whoever had it may have left, and nobody would notice that it is misused. Only "
    "where the engine keeps the last login.",
    sources=(
        "CIS Oracle Database 19c Benchmark 3.9, INACTIVE_ACCOUNT_TIME",
        "Oracle DBSAT, USER.INACTIVE, inactive users",
    ),
    reads=(SectionName.ACCOUNTS,),
)
@each
def inactive(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield the accounts whose last login was more than half a year ago."""
    for state in case.users():
        since = case.facts(state.name).unused_since
        if since is not None and case.judged.world.has_come(since + _HALF_A_YEAR):
            yield case.finding(
                rule.id,
                severity_for(rule, case, state.name),
                state.name,
                f"Nobody has logged in with it since {since:%Y-%m-%d}.",
                remedy=closed(case, state.name),
            )


@rule(
    "unused-account",
    title="Account that nobody has used for 90 days",
    severity=Severity.LOW,
    rationale="Whoever had it may have left, and nobody would notice that it is misused. Only "
    "where every login of the 90 days would have shown: where the server counts logins, and "
    "neither restarted nor lost a count.",
    sources=(
        "CIS PostgreSQL Benchmark 4.4, lock out accounts if not currently in use",
        "NIST SP 800-53, AC-2(3): accounts that have been inactive are disabled",
    ),
    reads=(SectionName.ACCOUNTS,),
)
@each
def unused(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield the accounts with no login for 90 days, of which the engine itself keeps no last one.

    What was not sampled yet is not judged: it is looked at again an hour later.
    """
    sampled, world = case.use.sampled_at, case.judged.world
    for state in case.users() if sampled is not None else ():
        facts, until = case.facts(state.name), case.use.unused_at(state.name)
        is_kept = facts.never_used is not None or facts.unused_since is not None
        if until is None or is_kept or case.is_monitor(state) or not world.has_come(until):
            continue
        if sampled is None or sampled < until:
            world.has_come((world.asked_at or until) + _SOON)
            continue
        yield case.finding(
            rule.id,
            severity_for(rule, case, state.name),
            state.name,
            f"Nobody has logged in with it since {until - UNUSED_AFTER:%Y-%m-%d}.",
            remedy=closed(case, state.name, breaks=_UNSEEN),
            cause="accounts that nobody has used for 90 days",
        )


@rule(
    "weak-authentication",
    title="Empty password or weak authentication",
    severity=Severity.MEDIUM,
    rationale="Old methods let a listener or a thief of the catalog recover the password, and an "
    "empty one is none. High where it is empty or the account may do everything, critical "
    "where both are true.",
    sources=(
        "CIS MySQL 8.0 Benchmark 7.3, passwords are set for all accounts",
        "PostgreSQL documentation, Password authentication: md5 is deprecated",
        "CIS Oracle Database 19c Benchmark 4.1, default passwords are changed",
    ),
    reads=(SectionName.ACCOUNTS,),
)
@each
def weak(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield the accounts whose password is empty or can be recovered."""
    for state in case.users():
        facts = case.facts(state.name)
        if facts.weak_authentication:
            is_superuser = bool(case.powers(state.name, PowerKind.SUPERUSER))
            yield case.finding(
                rule.id,
                _WEAKNESS[facts.has_no_password + is_superuser],
                state.name,
                facts.weak_authentication,
                remedy=_strengthened(case, state.name, facts),
                is_harmless=bool(facts.password_fix),
                cause=facts.weak_authentication,
            )


def _strengthened(case: Case, account: str, facts: AccountFacts) -> Remedy:
    """Return what ends a weak authentication, without locking out who has a password.

    One that is empty lets anybody in: closing the account is no worse than that.
    """
    if facts.password_fix:
        return _by_policy(facts)
    if facts.has_no_password:
        return closed(case, account, _BY_PERSON, _NOBODY)
    return case.by_person(account, f"{_ANOTHER} {facts.login_advice}".strip())


def _by_policy(facts: AccountFacts, left: str = "") -> Remedy:
    breaks = POLICY if facts.password_fix else ""
    return Remedy(facts.password_fix, facts.password_undo, left, breaks)


def _expired_later(case: Case, account: str) -> Remedy:
    mending, rules = Mending(case, account), plain(case.judged.rules)
    known = mends(rules)
    undo = known.unexpire(account) if known else ""
    if mending.run(rules.expire(account), undo, breaks=EXPIRES):
        return mending.remedy()
    return Remedy(left=_NO_END)


def _unless(facts: AccountFacts, left: str) -> str:
    return "" if facts.password_fix else left


_CHECKS = (
    "No statement about the account ends it: the server has to check passwords "
    "(validate_password, simple_password_check or cracklib_password_check, a profile's "
    "PASSWORD_VERIFY_FUNCTION)."
)
_NO_END = (
    "No statement is shown: nobody would notice in time that the password of a program has ended, "
    "it would end at once because it is old, nobody else administers the server, or there is none. "
    "Set a new password first, or let a vault change it."
)
_NOT_AGAIN = (
    "It can't be opened again by a new password alone, and who logs in by another way than its "
    "password no longer can."
)
_UNSEEN = (
    "Nothing that logs in: nobody did. What runs by its rights without a login, as a definer, may."
)
_UNUSED = "Nothing that is known: it has never logged in."
_NOBODY = "Whoever logs in with it without a password no longer can, programs among them."
_ANOTHER = (
    "No statement is shown: locking the account would stop who uses it, and only you know its next "
    "password. Set a new one by a better method, there and where it is used, at one time."
)
_BY_ITS_USERS = "Change it together with all who log in with it: no statement knows who they are."
_YEAR = timedelta(days=365)
_HALF_A_YEAR = timedelta(days=183)
_SOON = timedelta(hours=1)
_MD5 = ("md5", "on")
_NO_SCRAM = "Clients that know no SCRAM can't log in with a password that is set from then on."
"""`on` meant md5 until 14 (manual, password_encryption)."""
_BY_PERSON = "Give it a password, or another way to log in, by hand: only you know which."
_WEAKNESS = (Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL)
"""By how many of these hold: the password is empty, the account may do everything."""
