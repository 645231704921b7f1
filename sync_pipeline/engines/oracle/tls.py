"""What python-oracledb is told about TLS.

Oracle negotiates nothing: a listener has one address for TCP and another for TCPS. So
`disable` speaks TCP without TLS, and `require` and the stronger modes need the port of a
TCPS address. `prefer` tries TLS for a moment, and speaks TCP where none was made. The
certificate's name is compared by the driver (`ssl_server_dn_match`), its issuer by the
context that is made here. Source: python-oracledb user guide, "Connecting using TLS".
"""

from __future__ import annotations

import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any

from sync_pipeline.certificates import client_context
from sync_pipeline.engines.links import Guard, open_link
from sync_pipeline.errors import ConfigurationError, Phase
from sync_pipeline.model.instance import Instance, TlsMode, TlsOptions

PEM_WALLET = "ewallet.pem"
LONGEST_TRY_SECONDS = 3.0
"""A listener without TLS may wait for the rest of what it takes for a packet."""


def tried(instance: Instance, *, is_relaxed: bool) -> TlsOptions:
    """Return the options of an instance, with `prefer` decided by what its port speaks.

    Raises:
        ConfigurationError: a file can't be read.
    """
    tls = instance.tls
    if tls.mode is not TlsMode.PREFER:
        return tls
    wanted = replace(tls, mode=TlsMode.REQUIRE)
    context = _usable_context(wanted, instance.name, is_relaxed=is_relaxed)
    seconds = min(LONGEST_TRY_SECONDS, instance.timeouts.connect_seconds / 2)
    try:
        with (
            open_link(instance.host, instance.port, seconds) as link,
            link.dup() as breaker,
            Guard(breaker, seconds),
            context.wrap_socket(link, server_hostname=instance.host),
        ):
            return wanted
    except (OSError, ValueError):  # ValueError: a host name that can't be one
        return replace(tls, mode=TlsMode.DISABLE)


def driver_tls(tls: TlsOptions, instance: str, *, is_relaxed: bool = False) -> dict[str, Any]:
    """Return the options of the thin mode.

    `ca_file` is a file of certificates, or a directory that holds a PEM wallet.

    Raises:
        ConfigurationError: a file can't be read.
    """
    if tls.mode is TlsMode.DISABLE:
        return {"protocol": "tcp"}
    return {
        "protocol": "tcps",
        "ssl_context": _usable_context(tls, instance, is_relaxed=is_relaxed),
        "ssl_server_dn_match": tls.mode is TlsMode.VERIFY_FULL,
    }


def client_tls(tls: TlsOptions, instance: str) -> dict[str, Any]:
    """Return the options of the thick mode, whose libraries read nothing but wallets.

    They check the issuer in every mode: `require` is as strict as `verify-ca`.

    Raises:
        ConfigurationError: a file was given that only the thin mode can read.
    """
    if tls.mode is TlsMode.DISABLE:
        return {"protocol": "tcp"}
    if tls.cert_file or tls.key_file or (tls.ca_file and not Path(tls.ca_file).is_dir()):
        raise ConfigurationError(
            "Oracle's client libraries read a wallet, not certificates in files.",
            instance=instance,
            phase=Phase.CONNECT,
            hint="Give the wallet's directory as the CA file, or leave "
            "SYNC_PIPELINE_ORACLE_CLIENT empty to use the thin mode.",
        )
    wallet = {"wallet_location": tls.ca_file} if tls.ca_file else {}
    return {
        "protocol": "tcps",
        "ssl_server_dn_match": tls.mode is TlsMode.VERIFY_FULL,
        **wallet,
    }


def _usable_context(tls: TlsOptions, instance: str, *, is_relaxed: bool) -> ssl.SSLContext:
    try:
        return _context(tls, is_relaxed=is_relaxed)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigurationError(
            f"A TLS file of the instance can't be used: {said or type(error).__name__}.",
            instance=instance,
            phase=Phase.CONNECT,
            hint="Correct its CA file, client certificate or key.",
        ) from None


def _context(tls: TlsOptions, *, is_relaxed: bool) -> ssl.SSLContext:
    """Return a context; without a CA file the system's authorities are trusted."""
    wallet = Path(tls.ca_file) / PEM_WALLET if tls.ca_file and Path(tls.ca_file).is_dir() else None
    context = client_context(str(wallet or tls.ca_file or "") or None, is_relaxed=is_relaxed)
    context.check_hostname = False
    if tls.mode is TlsMode.REQUIRE:
        context.verify_mode = ssl.CERT_NONE
    if tls.cert_file:
        context.load_cert_chain(tls.cert_file, tls.key_file, password="")
    elif wallet is not None and "PRIVATE KEY" in wallet.read_text(errors="replace"):
        context.load_cert_chain(wallet, password="")
    return context
