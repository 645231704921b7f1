"""The TLS contexts of clients, and why a certificate was not taken.

Every context of Python's `ssl` is made here. Python 3.13 and later check certificates
strictly (`VERIFY_X509_STRICT`, RFC 5280 section 4.2): an authority without a key
identifier, for one, is refused. Drivers that bring a TLS of their own (libpq, ODBC,
Oracle's client libraries) do not check this.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator

SETTING = "SYNC_PIPELINE_RELAXED_CERTIFICATES"
OPTION = "relaxed_certificates"
"""The key of `Target.options` that is set where the strict check is left out."""

ADVICE = (
    "Have the certificates made again with what is missing (both key identifiers, and a "
    f"critical CA:TRUE and key usage of the authority), or set {SETTING}=true, which leaves "
    "out this one check."
)
_OF_STRICTNESS = range(80, 95)
"""What only the strict check finds: OpenSSL, X509_STORE_CTX_get_error(3), the codes from
X509_V_ERR_PATHLEN_INVALID_FOR_NON_CA to X509_V_ERR_EC_KEY_EXPLICIT_PARAMS."""
_SELF_SIGNED = 18
"""X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT."""
_KEEP_THE_CAUSE = ("original_exception", "reason", "__cause__", "__context__")
_MOST_CAUSES = 64


def client_context(ca_file: str | None = None, *, is_relaxed: bool = False) -> ssl.SSLContext:
    """Return a context that checks the certificate and the name of a server.

    Without a CA file the system's authorities are trusted. It is as strict as this Python,
    unless it `is_relaxed`: then signatures, dates and the name are checked all the same.

    Raises:
        OSError: the CA file can't be read, or holds no certificate.
    """
    context = ssl.create_default_context(cafile=ca_file)
    if is_relaxed:
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def unchecked_context() -> ssl.SSLContext:
    """Return a context that encrypts, and takes whatever certificate the server has.

    It reads no authorities: the system's hundreds take many times what a connection does.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def malformed(error: BaseException) -> str | None:
    """Return what the strict check missed in a certificate; None: the error is another."""
    found = _verification(error)
    if found is None or found.verify_code not in _OF_STRICTNESS:
        return None
    return (
        "the certificate or its authority is not made as RFC 5280 asks, which Python "
        f"3.13 and later check: {found.verify_message}"
    )


def is_self_signed(error: BaseException) -> bool:
    """Return whether the server's certificate was refused because nobody else signed it."""
    found = _verification(error)
    return found is not None and found.verify_code == _SELF_SIGNED


def _verification(error: BaseException) -> ssl.SSLCertVerificationError | None:
    causes = causes_of(error)
    return next((item for item in causes if isinstance(item, ssl.SSLCertVerificationError)), None)


def causes_of(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it wraps: drivers keep the cause in one place or another."""
    waiting: list[object] = [error]
    for _ in range(_MOST_CAUSES):
        if not waiting:
            return
        found = waiting.pop(0)
        if isinstance(found, BaseException):
            yield found
            waiting += [getattr(found, name, None) for name in _KEEP_THE_CAUSE]
