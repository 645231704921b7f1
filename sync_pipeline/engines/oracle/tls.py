"""What python-oracledb is told about TLS.

Oracle negotiates nothing: a listener has one address for TCP and another for TCPS. So
`disable` and `prefer` speak TCP without TLS, and the stronger modes need the port of a
TCPS address. The certificate's name is compared by the driver (`ssl_server_dn_match`),
its issuer by the context that is made here. Source: python-oracledb user guide,
"Connecting using TLS".
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from sync_pipeline.errors import ConfigurationError, Phase
from sync_pipeline.model.instance import TlsMode, TlsOptions

PEM_WALLET = "ewallet.pem"
_PLAIN = (TlsMode.DISABLE, TlsMode.PREFER)


def driver_tls(tls: TlsOptions, instance: str) -> dict[str, Any]:
    """Return the options of the thin mode.

    `ca_file` is a file of certificates, or a directory that holds a PEM wallet.

    Raises:
        ConfigurationError: a file can't be read.
    """
    if tls.mode in _PLAIN:
        return {"protocol": "tcp"}
    try:
        context = _context(tls)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigurationError(
            f"A TLS file of the instance can't be used: {said or type(error).__name__}.",
            instance=instance,
            phase=Phase.CONNECT,
            hint="Correct its CA file, client certificate or key.",
        ) from None
    return {
        "protocol": "tcps",
        "ssl_context": context,
        "ssl_server_dn_match": tls.mode is TlsMode.VERIFY_FULL,
    }


def client_tls(tls: TlsOptions, instance: str) -> dict[str, Any]:
    """Return the options of the thick mode, whose libraries read nothing but wallets.

    They check the issuer in every mode: `require` is as strict as `verify-ca`.

    Raises:
        ConfigurationError: a file was given that only the thin mode can read.
    """
    if tls.mode in _PLAIN:
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


def _context(tls: TlsOptions) -> ssl.SSLContext:
    """Return a context; without a CA file the system's authorities are trusted."""
    wallet = Path(tls.ca_file) / PEM_WALLET if tls.ca_file and Path(tls.ca_file).is_dir() else None
    context = ssl.create_default_context(cafile=str(wallet or tls.ca_file or "") or None)
    context.check_hostname = False
    if tls.mode is TlsMode.REQUIRE:
        context.verify_mode = ssl.CERT_NONE
    if tls.cert_file:
        context.load_cert_chain(tls.cert_file, tls.key_file, password="")
    elif wallet is not None and "PRIVATE KEY" in wallet.read_text(errors="replace"):
        context.load_cert_chain(wallet, password="")
    return context
