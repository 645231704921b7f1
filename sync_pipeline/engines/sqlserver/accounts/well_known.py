"""The principals of a server that are known by their identifier, whatever they are called.

Sources: SQL Server documentation, Principals (Database Engine) (sa has the security identifier
0x01 and may be renamed; certificate-based logins in ## are for the server's own use);
Configure Windows service accounts and permissions (NT SERVICE); Windows, Well-known SIDs
(S-1-5-80 services, S-1-5-18 to 20 the system, local and network service, S-1-5-32 the groups that
every machine has): Windows writes these names in its own language.
"""

from __future__ import annotations

from enum import StrEnum

from sync_pipeline.model.account import AccountState

SA = "sa"
"""How the server's first administrator is called until somebody renames it."""
ATTRIBUTE = "well_known"
"""The attribute of a principal that is not what its name says, and of no other."""

_SA_SID = b"\x01"
_SETUP_NAME = "##MS_"
_POLICY_LOGINS = frozenset({"##MS_PolicyEventProcessingLogin##", "##MS_PolicyTsqlExecutionLogin##"})
_CERTIFICATES = frozenset(
    f"##MS_{name}##"
    for name in (
        "SQLResourceSigningCertificate",
        "SQLReplicationSigningCertificate",
        "SQLAuthenticatorCertificate",
        "AgentSigningCertificate",
        "PolicySigningCertificate",
        "SmoExtendedSigningCertificate",
    )
)
# Configure Windows service accounts and permissions, "Service name" (an instance with a name has
# it behind a $); Winmgmt is Windows' own, as setup makes a login for it.
_SERVERS_SERVICES = frozenset(
    """
    MSSQLSERVER MSSQL SQLSERVERAGENT SQLAgent SQLWriter Winmgmt SQLTELEMETRY SQLBrowser
    MSSQLFDLauncher MSSQLLaunchpad MSSQLServerOLAPService MSOLAP SSASTELEMETRY ReportServer
    SQLServerReportingServices PowerBIReportServer MSSQLServerADHelper SQLIaaSExtension
    SqlIaaSExtensionQuery
    """.casefold().split()
)
_NUMBERED = ("msdtsserver", "ssistelemetry", "mssqlserveradhelper", "ssisscaleout")
"""Services whose names end with a release."""
_BUILT_IN_GROUPS = bytes.fromhex("0102000000000005" + "20000000")
_BUILT_IN_NAME = "BUILTIN\\"
_SERVICES = bytes.fromhex("0106000000000005" + "50000000")
_SYSTEMS = frozenset(
    bytes.fromhex("0101000000000005" + last) for last in ("12000000", "13000000", "14000000")
)


class WellKnown(StrEnum):
    """What a principal is, beside a login like any other."""

    NONE = ""
    SA = "sa"
    SETUP = "setup"
    """A login that setup makes for signed modules and for policies, or a fixed server role."""
    SERVICE = "service"
    """A service of the server's on this machine: itself, its agent, its backups."""
    WINDOWS = "windows"
    """Windows itself: NT AUTHORITY."""
    BUILT_IN_GROUP = "built-in group"
    """A group that every machine has, with members of the machine's choice: BUILTIN."""


def by_name(name: str) -> WellKnown:
    """Return what a name says, which is all that is known of an account stored without more."""
    if name == SA:
        return WellKnown.SA
    if name.startswith("##"):
        return WellKnown.SETUP
    if name.startswith("NT SERVICE\\"):
        return WellKnown.SERVICE
    if name.startswith("NT AUTHORITY\\"):
        return WellKnown.WINDOWS
    if name.startswith(_BUILT_IN_NAME):
        return WellKnown.BUILT_IN_GROUP
    return WellKnown.NONE


def by_identifier(
    name: str, type_: str, sid: bytes | None, *, is_disabled: bool, is_fixed_role: bool
) -> WellKnown:
    """Return what the server says that a principal is; without an identifier, its name says it.

    Names in ## are no proof: anybody who may make logins can make one that can log in, or one
    of a certificate, whose rights are lent to what it signs. Those of setup are known. Nor is a
    service one of the server's: another program logs in by its own.
    """
    if not isinstance(sid, bytes):
        return by_name(name)
    if sid == _SA_SID:
        return WellKnown.SA
    if name.startswith(_SETUP_NAME):
        is_policys = name in _POLICY_LOGINS and is_disabled
        is_signing = type_ == "C" and name in _CERTIFICATES
        return WellKnown.SETUP if is_signing or is_policys or is_fixed_role else WellKnown.NONE
    if type_ not in ("U", "G"):
        return WellKnown.NONE
    return _of_windows(name, sid)


def _of_windows(name: str, sid: bytes) -> WellKnown:
    if sid.startswith(_SERVICES):
        service = name.rpartition("\\")[2].partition("$")[0].casefold()
        is_servers = service in _SERVERS_SERVICES or service.startswith(_NUMBERED)
        return WellKnown.SERVICE if is_servers else WellKnown.NONE
    if sid.startswith(_BUILT_IN_GROUPS):
        return WellKnown.BUILT_IN_GROUP
    return WellKnown.WINDOWS if sid in _SYSTEMS else WellKnown.NONE


def is_first(sid: bytes | None) -> bool:
    """Return whether an identifier is that of the server's first administrator."""
    return sid == _SA_SID


def well_known(account: AccountState) -> WellKnown:
    """Return what an account is: as the server said, else as its name says."""
    if account.database:
        return WellKnown.NONE
    said = dict(account.attributes).get(ATTRIBUTE)
    return by_name(account.name) if said is None else WellKnown(str(said))
