"""What a server says of itself, asked for in the same way of MySQL and MariaDB."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sync_pipeline.engines.base import Connection, Version, sql_text
from sync_pipeline.engines.mysql_protocol.accounts.names import written_account
from sync_pipeline.engines.mysql_protocol.accounts.views import VIEW, wide_note
from sync_pipeline.engines.mysql_protocol.accounts.visible import VISIBLE
from sync_pipeline.engines.mysql_protocol.platform import platform_of, signs_of
from sync_pipeline.engines.mysql_protocol.wire.errors import product_of
from sync_pipeline.errors import Phase, UnsupportedServer
from sync_pipeline.model.platform import Platform
from sync_pipeline.model.snapshot import ServerIdentity


def identify(
    connection: Connection, package: str, product: str, oldest: Version, table: str
) -> ServerIdentity:
    """Ask for the product, its version, the account and the cipher of the connection.

    `table` is the one of the accounts, which is read where it may be, or else by its view.

    Raises:
        UnsupportedServer: the other product of the two, or a version before `oldest`.
    """
    (row,) = connection.fetch(sql_text(package, "identity.sql"))
    version, comment = str(row["version"]), str(row["comment"])
    numbers = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    found = tuple(int(part) for part in numbers.groups()) if numbers else ()
    actual = product_of(f"{version} {comment}")
    if actual != product or found < oldest:
        raise UnsupportedServer(
            f"The server is {actual} {version}; {product} "
            f"{'.'.join(map(str, oldest))} or newer is needed.",
            phase=Phase.CONNECT,
            hint="Correct the instance's engine, or upgrade the server.",
        )
    platform = platform_of(signs_of(row))
    ciphers = connection.fetch(sql_text(package, "tls.sql"))
    account = _account(str(row["account"]))
    return ServerIdentity(
        version,
        found,
        ciphers[0]["Value"] or None if ciphers else None,
        place=_place(row, platform),
        account=account,
        notes=(wide_note(table, account),) if row["reads_hashes"] else (),
        platform=platform,
    )


def _place(row: Mapping[str, object], platform: Platform) -> str:
    """Return how the accounts can be read: by their table, by our view, or as a service shows."""
    if row["reads_hashes"]:
        return ""
    if row["has_view"]:
        return VIEW
    return VISIBLE if platform.is_managed else ""


def _account(text: str) -> str:
    """Return what CURRENT_USER() says as statements write it; no host holds an at sign."""
    user, _, host = text.rpartition("@")
    return written_account(user, host)
