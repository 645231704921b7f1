"""The script of the monitoring account on a logical server of Azure SQL Database. Pure.

Azure SQL documentation, "Server roles": nothing can be granted on the server itself, so that its
fixed roles open what one script opens elsewhere. There is no USE: each line says where it runs.
"""

from __future__ import annotations

from collections.abc import Sequence

from sync_pipeline.engines.sqlserver.names import in_azure_database, joins_role, written

CONNECTOR = "##MS_DatabaseConnector##"
READERS = ("##MS_DefinitionReader##", "##MS_ServerStateReader##")


def azure_script(username: str, databases: Sequence[str]) -> str:
    """Return the script: into every database, or into those given, each by a user."""
    name = written(username)
    user = f"CREATE USER {name} FOR LOGIN {name};"
    lines = [
        in_azure_database("master", f"CREATE LOGIN {name} WITH PASSWORD = '<password>';"),
        in_azure_database("master", user),
        *(joins_role(role, username) for role in READERS),
    ]
    if databases:
        lines += [in_azure_database(item, user) for item in databases if item != "master"]
    else:
        lines.append(joins_role(CONNECTOR, username))
    return "\n".join(lines) + "\n"
