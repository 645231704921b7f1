"""What a session's record says of an instance whose TLS can be taken away."""

from __future__ import annotations

from sync_pipeline.engines.passwords import edit_command
from sync_pipeline.model.instance import EngineName, Instance, TlsMode
from sync_pipeline.model.snapshot import ServerIdentity

_TELL = (EngineName.MYSQL, EngineName.MARIADB, EngineName.POSTGRESQL)
"""Engines of which every account may know that its connection has no TLS."""

_CHECKS = {
    EngineName.MYSQL: (TlsMode.VERIFY_FULL, " --tls-ca FILE"),
    # Microsoft's driver alone checks, with the system's authorities alone.
    EngineName.SQLSERVER: (TlsMode.VERIFY_FULL, ""),
}
"""What checks the certificate where the login needs it."""


def tls_warnings(instance: Instance, server: ServerIdentity) -> tuple[str, ...]:
    """Return the warning of the mode `prefer`, which new instances do not get; else nothing."""
    if instance.tls.mode is not TlsMode.PREFER:
        return ()
    return (_taken_away(instance) if _is_bare(instance, server) else _can_be_taken(instance),)


def tls_advice(instance: Instance, server: ServerIdentity) -> tuple[str, ...]:
    """Return what testing an instance says: the warnings, and what no sync can do without.

    MySQL's and SQL Server's logins give the password to whoever made the TLS.
    """
    if instance.tls.mode is not TlsMode.REQUIRE or instance.engine not in _CHECKS:
        return tls_warnings(instance, server)
    command = edit_command(instance, *_CHECKS[instance.engine])
    said = "Whoever answers in its place gets the password: the TLS mode require checks no "
    return (f"{said}certificate. Run: {command}.",)


def _is_bare(instance: Instance, server: ServerIdentity) -> bool:
    return server.tls is None and instance.engine in _TELL


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
