"""Logical servers of Azure SQL Database: how they are known, and how one logs in to them.

Sources: Azure SQL documentation, "Connectivity architecture" and "Troubleshoot connectivity
issues and other errors": 40531 (a client that does not send the server's name has it in the
user's name, `user@server`), 40508 (USE is not supported: a connection for each database).
"""

from __future__ import annotations

from sync_pipeline.engines.base import Target
from sync_pipeline.errors import UnsupportedServer
from sync_pipeline.model.instance import Instance, host_of

SUFFIXES = tuple(
    f".database.{domain}"
    for domain in ("windows.net", "usgovcloudapi.net", "chinacloudapi.cn", "cloudapi.de")
)
"""Ends of the host names of Azure SQL: logical servers, and managed instances in a zone."""
WITHOUT_USE = 40508


class WithoutUse(UnsupportedServer):
    """The server can't change the database of a session: the login itself has to open it."""


def logical_server(instance: Instance) -> str:
    """Return the name of a logical server; empty: the host is no such name.

    It is the only label before the suffix: managed instances have their zone between.
    """
    host = host_of(instance)
    suffix = next((item for item in SUFFIXES if host.endswith(item)), "")
    name = host.removesuffix(suffix) if suffix else ""
    return "" if "." in name else name


def login_username(target: Target) -> str:
    """Return the account as the login names it, with its server where the gateway needs that.

    The driver is given an address of this machine, so that the name of the server that it
    sends is none that the gateway knows.
    """
    server = logical_server(target.instance)
    plain = plain_username(target.instance, target.username)
    return f"{plain}@{server}" if server else plain


def plain_username(instance: Instance, username: str) -> str:
    """Return an account without its server, which many write behind it: `user@server`."""
    name, found, server = username.rpartition("@")
    is_own = found and server.lower() in (logical_server(instance), host_of(instance))
    return name if is_own and logical_server(instance) else username
