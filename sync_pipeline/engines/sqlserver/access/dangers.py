"""Permissions on a SQL Server that reach further than data, which make no superuser. Pure.

SQL Server documentation: GRANT Server Permissions; Permissions (Database Engine); Server-level
roles; CREATE ASSEMBLY, Permissions; BULK INSERT and OPENROWSET, Permissions; xp_cmdshell; OLE
Automation stored procedures. CONTROL SERVER, IMPERSONATE and what manages logins and roles are in
`powers`. What only shows something (VIEW ...), or slows others down, is not here.
"""

from __future__ import annotations

from sync_pipeline.model.access import Danger, Gravity
from sync_pipeline.model.privilege import Securable, SecurableKind

_CODE = Danger(Gravity.HIGH, "runs code of its own inside the server, as the server's service")
_SPIES = Danger(Gravity.MEDIUM, "shows the statements of all logins, with the data in them")
DANGERS = {
    "UNSAFE ASSEMBLY": _CODE,
    "EXTERNAL ACCESS ASSEMBLY": Danger(
        Gravity.HIGH, "runs code of its own that reaches files and other servers"
    ),
    "ALTER SETTINGS": Danger(
        Gravity.MEDIUM, "switches on what is off for safety, such as xp_cmdshell and CLR"
    ),
    "ALTER ANY CREDENTIAL": Danger(
        Gravity.MEDIUM, "changes as whom the server logs in outside of it"
    ),
    "ALTER ANY LINKED SERVER": Danger(
        Gravity.MEDIUM, "says as whom logins of this server work on other servers"
    ),
    "ALTER ANY DATABASE": Danger(Gravity.MEDIUM, "alters, restores and drops every database"),
    "ADMINISTER BULK OPERATIONS": Danger(
        Gravity.MEDIUM, "reads files of the server's host, as the server's service"
    ),
    "SELECT ALL USER SECURABLES": Danger(
        Gravity.MEDIUM, "reads every table of the databases that it may enter"
    ),
    "SHUTDOWN": Danger(Gravity.MEDIUM, "stops the server for everybody"),
    "ALTER TRACE": _SPIES,
    "ALTER ANY EVENT SESSION": _SPIES,
    "ALTER ANY SERVER AUDIT": Danger(Gravity.LOW, "stops what is recorded of everybody"),
    "ALTER ANY CONNECTION": Danger(Gravity.LOW, "ends the sessions of everybody"),
}
"""By their name in the catalog: why."""

_PROGRAMS = Danger(
    Gravity.HIGH, "runs programs of the server's host, where xp_cmdshell is on and has a proxy"
)
_OBJECTS = Danger(
    Gravity.HIGH, "runs code of the server's host, where Ole Automation Procedures is on"
)
_REGISTRY = Danger(Gravity.HIGH, "writes the registry of the server's host")
PROCEDURES = {
    "xp_cmdshell": _PROGRAMS,
    "sp_OACreate": _OBJECTS,
    "sp_OAMethod": _OBJECTS,
    "xp_regwrite": _REGISTRY,
    "xp_instance_regwrite": _REGISTRY,
}
"""Procedures of the server's own that nobody may run at first but sysadmin, and why."""
HOME = "master"
EXECUTE = "EXECUTE"


def procedure(name: str) -> Securable:
    """Return a procedure of the server's own as grants name it."""
    return Securable(SecurableKind.PROCEDURE, HOME, "sys", name, catalog=HOME)
