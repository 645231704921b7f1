"""Parameters of Oracle that let in whom others let in, or open the dictionary. Pure.

Database Reference: REMOTE_OS_AUTHENT, REMOTE_OS_ROLES, OS_ROLES, SEC_CASE_SENSITIVE_LOGON,
O7_DICTIONARY_ACCESSIBILITY (until 19c), SQL92_SECURITY; ALTER SYSTEM, SCOPE = SPFILE.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sync_pipeline.engines.access.concerns import Concern
from sync_pipeline.engines.access.contract import ServerFix, by_service
from sync_pipeline.model.finding import Severity
from sync_pipeline.model.platform import Platform
from sync_pipeline.model.server_fact import ServerFacts

REMOTE_OS = "remote_os_authent"


@dataclass(frozen=True, slots=True)
class _Parameter:
    """What a parameter should be, what it opens otherwise, and what stops when it is set."""

    is_to_be: bool
    severity: Severity
    opens: str
    breaks: str


_PARAMETERS = {
    REMOTE_OS: _Parameter(
        is_to_be=False,
        severity=Severity.HIGH,
        opens="any machine says which externally authenticated account its user is",
        breaks="Accounts that other machines vouch for are kept out.",
    ),
    "remote_os_roles": _Parameter(
        is_to_be=False,
        severity=Severity.HIGH,
        opens="any machine says which roles its user has",
        breaks="Roles that other machines gave are gone.",
    ),
    "os_roles": _Parameter(
        is_to_be=False,
        severity=Severity.MEDIUM,
        opens="groups of the operating system are the roles of accounts, whatever was granted",
        breaks="Roles that groups gave are gone, and those that were granted count.",
    ),
    "sec_case_sensitive_logon": _Parameter(
        is_to_be=True,
        severity=Severity.MEDIUM,
        opens="passwords are compared without regard to case",
        breaks="Accounts whose only password version is 10G need new passwords.",
    ),
    "o7_dictionary_accessibility": _Parameter(
        is_to_be=False,
        severity=Severity.MEDIUM,
        opens="ANY privileges reach the tables of SYS as well",
        breaks="Programs that reach tables of SYS by ANY privileges stop.",
    ),
    "sql92_security": _Parameter(
        is_to_be=True,
        severity=Severity.LOW,
        opens="who may update or delete rows learns by conditions what is in them",
        breaks="UPDATE and DELETE with conditions need SELECT as well.",
    ),
}


def set_server(platform: Platform, name: str, value: str, before: str) -> ServerFix:
    """Return what gives a parameter another value, once the database has been restarted."""
    if platform is Platform.RDS:
        return by_service("Amazon RDS, in the parameter group of the instance", name, value)
    if platform.is_managed:
        return by_service("the service", name, value)
    statement = "ALTER SYSTEM SET {} = {} SCOPE = SPFILE;"
    return ServerFix(
        statement.format(name.upper(), value.upper()),
        statement.format(name.upper(), before.upper()),
        "It counts after a restart; of a container database it is set in the root.",
    )


def parameter_concerns(server: ServerFacts, platform: Platform) -> Iterator[Concern]:
    """Yield the parameters that are not as they should be, as far as they are known."""
    for name, item in _PARAMETERS.items():
        found = server.is_on(name)
        if found is None or found is item.is_to_be:
            continue
        words = ("FALSE", "TRUE")
        fix = set_server(platform, name, words[item.is_to_be], words[not item.is_to_be])
        yield Concern(
            "server-option",
            f"{name.upper()} is {words[found]}: {item.opens}.",
            item.severity,
            about=name,
            fix=fix.fix,
            undo=fix.undo,
            left=fix.left,
            breaks=item.breaks,
        )
