"""Settings that make an installation weaker than it is by itself: said at each start.

SECURITY.md lists them; a test holds both together.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

from sync_pipeline.settings import Settings, SmtpTls

_CHECKED = ("verify-full", "verify-ca")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def weakened(settings: Settings) -> Iterator[str]:
    """Yield a sentence for every setting in force that weakens something."""
    if settings.relaxed_certificates:
        yield (
            "SYNC_PIPELINE_RELAXED_CERTIFICATES is set: certificates that break RFC 5280 are taken."
        )
    if settings.readable_passwords:
        yield (
            "SYNC_PIPELINE_READABLE_PASSWORDS is set: the servers of the instances that it names "
            "may have the password in a form that can be read."
        )
    if settings.allow_insecure_broker:
        yield (
            "SYNC_PIPELINE_ALLOW_INSECURE_BROKER is set: who is on the network to the broker can "
            "start runs."
        )
    if settings.secret_key:
        yield (
            "SYNC_PIPELINE_SECRET_KEY is set: every process of this user can read the key in the "
            "environment; a key file (mode 0600) is not inherited."
        )
    if settings.alert_smtp_tls is SmtpTls.NONE and not _is_here(settings.alert_smtp_host):
        yield (
            "SYNC_PIPELINE_ALERT_SMTP_TLS is none: mail, and the password for it, can be read "
            "on the network."
        )
    for name in ("alert_webhook_url", "alert_slack_url"):
        url = urlsplit(getattr(settings, name))
        if url.scheme == "http" and not _is_here(url.hostname or ""):
            yield f"SYNC_PIPELINE_{name.upper()} is http: alerts can be read on the network."
    if _has_unchecked_store(settings.store_url):
        yield (
            "SYNC_PIPELINE_STORE_URL does not check who answers: whoever does can get its "
            "password. Add ?sslmode=verify-full&sslrootcert=FILE."
        )


def _has_unchecked_store(url: str) -> bool:
    """Return whether the store is on another machine whose certificate nobody checks.

    libpq's own default is `prefer` (PostgreSQL manual, 34.19.3, Protection Provided in
    Different Modes).
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:  # the store says what is wrong with it
        return False
    if not parts.scheme.startswith("postgres") or not host or _is_here(host):
        return False
    return parse_qs(parts.query).get("sslmode", ["prefer"])[-1] not in _CHECKED


def _is_here(host: str) -> bool:
    return host in _LOOPBACK
