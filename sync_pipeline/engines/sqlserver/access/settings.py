"""Options of a SQL Server that open more than they have to, and the statements about them. Pure.

SQL Server documentation: Server configuration options (sp_configure; an option that is "advanced"
is set once `show advanced options` is on); xp_cmdshell; CLR strict security; Ole Automation
Procedures; remote access (deprecated); cross db ownership chaining; Choose an authentication mode.
Amazon RDS User Guide, "Parameter groups": sp_configure is refused there; Azure SQL documentation,
"T-SQL differences between SQL Server and Azure SQL Managed Instance": options that it does not set.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sync_pipeline.engines.access.concerns import Concern
from sync_pipeline.engines.access.contract import ServerFix, by_service
from sync_pipeline.engines.sqlserver.names import quoted
from sync_pipeline.model.finding import Severity
from sync_pipeline.model.platform import Platform
from sync_pipeline.model.server_fact import ServerFacts

CHAINING = "cross db ownership chaining"
SHELL = "xp_cmdshell"
WINDOWS_ONLY = "IsIntegratedSecurityOnly"
_STRICT = "clr strict security"
_CLR = "clr enabled"
_KEPT = "{service} keeps {name} as it is: no statement there sets it."
_OLD_ACCESS = "remote access"


@dataclass(frozen=True, slots=True)
class _Option:
    """An option that is to be off: what it opens, as the end of a sentence, and what stops."""

    severity: Severity
    opens: str
    breaks: str


_OPTIONS = {
    "Ole Automation Procedures": _Option(
        Severity.MEDIUM,
        "lets members of sysadmin, and whoever may execute sp_OACreate, run code of the host",
        "Procedures that use COM objects stop.",
    ),
    _OLD_ACCESS: _Option(
        Severity.LOW,
        "lets other servers run procedures here by the old remote logins",
        "Procedures that old servers run by remote logins stop; linked servers go on.",
    ),
}


def set_server(platform: Platform, name: str, value: str, before: str) -> ServerFix:
    """Return what gives an option another value than it had."""
    if platform is Platform.RDS:
        return by_service("Amazon RDS, in the parameter group of the instance", name, value)
    if platform is Platform.MANAGED_INSTANCE and name == _OLD_ACCESS:
        return ServerFix(left=_KEPT.format(service=platform.service, name=name))
    return ServerFix(_configure(name, value), _configure(name, before))


def _configure(name: str, value: str) -> str:
    """Return the statements; what a server says is no text of a statement, but a number."""
    number = int(value) if value.isdecimal() else 1
    show = "EXEC sys.sp_configure N'show advanced options', 1; RECONFIGURE;"
    return f"{show} EXEC sys.sp_configure {quoted(name)}, {number}; RECONFIGURE;"


def option_concerns(server: ServerFacts, platform: Platform, runs: str) -> Iterator[Concern]:
    """Yield what is open; `runs` is who may run xp_cmdshell beside superusers, empty: nobody."""
    if server.is_on(SHELL):
        others = f", and by its proxy {runs}," if runs else ""
        yield _option(
            server,
            platform,
            SHELL,
            Severity.HIGH if runs else Severity.MEDIUM,
            f"xp_cmdshell is on: members of sysadmin{others} run programs of the host.",
            "Procedures and jobs that start programs by it stop.",
        )
    for name, option in _OPTIONS.items():
        if server.is_on(name):
            evidence = f"{name} is on: it {option.opens}."
            yield _option(server, platform, name, option.severity, evidence, option.breaks)
    yield from _clr(server, platform)


def _clr(server: ServerFacts, platform: Platform) -> Iterator[Concern]:
    if server.is_on(_CLR):
        yield _option(
            server,
            platform,
            _CLR,
            Severity.LOW,
            f"{_CLR} is on: assemblies run code of their own inside the server.",
            "Functions, types and procedures of assemblies stop.",
        )
    if server.is_on(_STRICT) is False:
        found = set_server(platform, _STRICT, "1", "0")
        yield Concern(
            "server-option",
            f"{_STRICT} is off: assemblies that nobody signed load, and may leave the server.",
            Severity.MEDIUM if server.is_on(_CLR) else Severity.LOW,
            about=_STRICT,
            fix=found.fix,
            undo=found.undo,
            left=found.left,
            breaks="Assemblies load only if they are signed or trusted then.",
        )


def _option(
    server: ServerFacts,
    platform: Platform,
    name: str,
    severity: Severity,
    evidence: str,
    breaks: str,
) -> Concern:
    found = set_server(platform, name, "0", server.value(name) or "1")
    return Concern(
        "server-option",
        evidence,
        severity,
        about=name,
        fix=found.fix,
        undo=found.undo,
        left=found.left,
        breaks="" if found.left == _KEPT.format(service=platform.service, name=name) else breaks,
    )


def chaining_concern(server: ServerFacts, platform: Platform) -> Iterator[Concern]:
    """Yield that objects of one owner reach each other in all databases."""
    if server.is_on(CHAINING):
        found = set_server(platform, CHAINING, "0", server.value(CHAINING) or "1")
        yield Concern(
            "ownership-chaining",
            f"{CHAINING} is on for all databases: who may run code of an owner in one of them"
            " reaches what the same owner has in the others.",
            about="server",
            fix=found.fix,
            undo=found.undo,
            left=found.left,
            breaks="Procedures that reach other databases so stop.",
        )


def mode_concern(server: ServerFacts, platform: Platform) -> Iterator[Concern]:
    """Yield that logins with passwords are let in, where people may choose that."""
    if server.is_on(WINDOWS_ONLY) is False and not platform.is_managed:
        yield Concern(
            "mixed-authentication",
            "It lets in logins with passwords of its own beside those of Windows.",
            left="Set it to Windows Authentication mode and restart it: each login with a password"
            " is kept out then, also one with which the instance is read.",
        )
