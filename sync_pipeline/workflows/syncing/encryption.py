"""What a session's record says of an instance whose TLS is weak."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.engines.wire.passwords import edit_command
from sync_pipeline.files.reading import LARGEST_TEXT, read_file
from sync_pipeline.files.trust import open_to_others
from sync_pipeline.model.instance import Instance, TlsMode, TlsOptions
from sync_pipeline.model.snapshot import ServerIdentity

_WALLET = "ewallet.pem"
"""In the directory of a wallet of Oracle's."""
_PRIVATE = b"PRIVATE KEY-----"
"""How a private key begins in PEM (RFC 7468, 10 and 11)."""


def tls_warnings(instance: Instance, server: ServerIdentity) -> tuple[str, ...]:
    """Return what is weak about the TLS of an instance; mostly nothing.

    That is the mode `prefer`, which new instances do not get, and private keys that others
    may read.
    """
    keys = tuple(_open_keys(instance.tls))
    if instance.tls.mode is not TlsMode.PREFER:
        return keys
    said = _taken_away(instance) if _is_bare(instance, server) else _can_be_taken(instance)
    return (said, *keys)


def tls_advice(instance: Instance, server: ServerIdentity) -> tuple[str, ...]:
    """Return what testing an instance says: the warnings, and what no sync can do without.

    MySQL's and SQL Server's logins give the password to whoever made the TLS.
    """
    check = ENGINES[instance.engine].certificate_check
    if instance.tls.mode is not TlsMode.REQUIRE or check is None:
        return tls_warnings(instance, server)
    command = edit_command(instance, check.mode, check.options)
    said = "Whoever answers in its place gets the password: the TLS mode require checks no "
    return (f"{said}certificate. Run: {command}.", *tls_warnings(instance, server))


def _open_keys(tls: TlsOptions) -> Iterator[str]:
    """Yield a warning for each private key that other users may read.

    libpq refuses such keys by itself (PostgreSQL manual, 34.19.2, Client Certificates).
    """
    for path in map(Path, filter(None, (tls.ca_file, tls.cert_file, tls.key_file))):
        key = path / _WALLET if path.is_dir() else path
        try:
            content, found = read_file(key, LARGEST_TEXT)
        except OSError:
            continue  # who uses it says what is wrong with it
        mode = open_to_others(found)
        is_key = _PRIVATE in content or str(path) == tls.key_file  # which may be DER
        if mode is not None and is_key:
            yield (
                f"Other users of this machine may read the private key in {key}. "
                f"Run: chmod {mode} {shlex.quote(str(key))}. If it may have been read, have "
                "another certificate made."
            )


def _is_bare(instance: Instance, server: ServerIdentity) -> bool:
    return server.tls is None and ENGINES[instance.engine].tells_tls


def _taken_away(instance: Instance) -> str:
    return (
        "The connection has no TLS: the server offers none, or somebody on the way took it away "
        f"(TLS mode prefer). Turn TLS on in the server and run: {_edit(instance)}. On a network "
        f"that nobody else is on, say so: {edit_command(instance, TlsMode.DISABLE)}."
    )


def _can_be_taken(instance: Instance) -> str:
    return (
        "Somebody on the way can take TLS away from this connection (TLS mode prefer). "
        f"Run: {_edit(instance)}."
    )


def _edit(instance: Instance) -> str:
    return edit_command(instance, TlsMode.REQUIRE)
