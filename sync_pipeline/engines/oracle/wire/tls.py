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

from sync_pipeline.certificates import client_context, unchecked_context
from sync_pipeline.engines.wire.links import Guard, open_link
from sync_pipeline.errors import ConfigurationError, Phase
from sync_pipeline.model.instance import Instance, TlsMode, TlsOptions

PEM_WALLET = "ewallet.pem"
OTHER_WALLETS = ("cwallet.sso", "ewallet.p12")
WALLET_SETTING = "SYNC_PIPELINE_ORACLE_WALLET_PASSWORD"
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


def driver_tls(
    tls: TlsOptions, instance: str, *, is_relaxed: bool = False, password: str = ""
) -> dict[str, Any]:
    """Return the options of the thin mode.

    `ca_file` is a file of certificates, or a directory that holds a PEM wallet. The key in
    the wallet of an Autonomous Database is encrypted by the `password` that was chosen when
    the wallet was downloaded (python-oracledb user guide, "Connecting to Oracle Cloud
    Autonomous Databases").

    Raises:
        ConfigurationError: a file can't be read.
    """
    if tls.mode is TlsMode.DISABLE:
        return {"protocol": "tcp"}
    return {
        "protocol": "tcps",
        "ssl_context": _usable_context(tls, instance, is_relaxed=is_relaxed, password=password),
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


def _usable_context(
    tls: TlsOptions, instance: str, *, is_relaxed: bool, password: str = ""
) -> ssl.SSLContext:
    try:
        return _context(tls, is_relaxed=is_relaxed, password=password)
    except _WalletFault as fault:
        raise ConfigurationError(
            f"The wallet of the instance can't be used: {fault.said}.",
            instance=instance,
            phase=Phase.CONNECT,
            hint=fault.hint,
        ) from None
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigurationError(
            f"A TLS file of the instance can't be used: {said or type(error).__name__}.",
            instance=instance,
            phase=Phase.CONNECT,
            hint="Correct its CA file, client certificate or key.",
        ) from None


class _WalletFault(Exception):
    """What is wrong with a wallet, and what to do."""

    def __init__(self, said: str, hint: str) -> None:
        super().__init__(said)
        self.said = said
        self.hint = hint


def _context(tls: TlsOptions, *, is_relaxed: bool, password: str = "") -> ssl.SSLContext:
    """Return a context; without a CA file the system's authorities are trusted."""
    is_wallet = bool(tls.ca_file) and Path(str(tls.ca_file)).is_dir()
    wallet = _pem_wallet(Path(str(tls.ca_file))) if is_wallet else None
    authorities = str(wallet or tls.ca_file or "") or None
    if tls.mode is TlsMode.REQUIRE and authorities is None:
        context = unchecked_context()
    else:
        context = client_context(authorities, is_relaxed=is_relaxed)
    context.check_hostname = False
    if tls.mode is TlsMode.REQUIRE:
        context.verify_mode = ssl.CERT_NONE
    if tls.cert_file:
        context.load_cert_chain(tls.cert_file, tls.key_file, password="")
    elif wallet is not None:
        _load_key(context, wallet, password)
    return context


def _pem_wallet(directory: Path) -> Path:
    """Return the file that the thin mode reads.

    Raises:
        _WalletFault: there is none, although there may be others.
    """
    wallet = directory / PEM_WALLET
    if not wallet.exists():
        others = [name for name in OTHER_WALLETS if (directory / name).exists()]
        which = f"; it has {' and '.join(others)}, which thin mode can't read" if others else ""
        raise _WalletFault(
            f"{directory} has no {PEM_WALLET}{which}",
            f"Put {PEM_WALLET} of the wallet's zip file there, or use thick mode: set "
            "SYNC_PIPELINE_ORACLE_CLIENT.",
        )
    return wallet


def _load_key(context: ssl.SSLContext, wallet: Path, password: str) -> None:
    """Load the key of a wallet that has one.

    Raises:
        _WalletFault: the password is missing, or does not open it.
    """
    text = wallet.read_text(errors="replace")
    if "PRIVATE KEY" not in text:
        return
    is_encrypted = "ENCRYPTED" in text
    if is_encrypted and not password:
        raise _WalletFault(
            f"the key in {wallet} is encrypted, and no password of the wallet is set",
            f"Set {WALLET_SETTING} to the password that was chosen when it was downloaded.",
        )
    try:
        context.load_cert_chain(wallet, password=password)
    except ssl.SSLError:
        if not is_encrypted:
            raise
        raise _WalletFault(
            f"its password does not open the key in {wallet}",
            f"Correct {WALLET_SETTING}: the password chosen when the wallet was downloaded.",
        ) from None
