"""TLS of a connection: the instance's mode as PyMySQL's options."""

from __future__ import annotations

import ssl
from typing import Any

from sync_pipeline.certificates import client_context, unchecked_context
from sync_pipeline.errors import ConfigurationError, Phase
from sync_pipeline.model.instance import TlsMode, TlsOptions

_VERIFYING = (TlsMode.VERIFY_CA, TlsMode.VERIFY_FULL)


def driver_tls(tls: TlsOptions, instance: str, *, is_relaxed: bool = False) -> dict[str, Any]:
    """Return the options; a context makes PyMySQL insist on TLS, also where we prefer it.

    Raises:
        ConfigurationError: the CA, certificate or key file can't be read.
    """
    if tls.mode is TlsMode.DISABLE:
        return {"ssl_disabled": True}
    try:
        return {"ssl": _context(tls, is_relaxed=is_relaxed)}
    except (OSError, ValueError) as error:
        files = ", ".join(f for f in (tls.ca_file, tls.cert_file, tls.key_file) if f)
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigurationError(
            f"A TLS file of the instance can't be used ({files}): {reason}.",
            instance=instance,
            phase=Phase.CONNECT,
            hint="Correct it with: sync-pipeline instances edit.",
        ) from None


def _context(tls: TlsOptions, *, is_relaxed: bool) -> ssl.SSLContext:
    """Return the context of the mode.

    The certificates that MySQL makes at its first start lack the key usage that the strict
    check asks for. `verify-ca`, the mode that is for them, has never made it.
    """
    if tls.mode in _VERIFYING:
        context = client_context(
            tls.ca_file, is_relaxed=is_relaxed or tls.mode is TlsMode.VERIFY_CA
        )
        context.check_hostname = tls.mode is TlsMode.VERIFY_FULL
    else:
        context = unchecked_context()
    if tls.cert_file:
        context.load_cert_chain(tls.cert_file, tls.key_file)
    return context
