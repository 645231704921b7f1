"""The store's URL and errors of its driver, as they may be shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

from sqlalchemy.engine import URL

MASK = "***"
SHOWN = frozenset(
    {
        "application_name",
        "channel_binding",
        "client_encoding",
        "connect_timeout",
        "dbname",
        "gssencmode",
        "host",
        "hostaddr",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "load_balance_hosts",
        "port",
        "require_auth",
        "ssl_max_protocol_version",
        "ssl_min_protocol_version",
        "sslcert",
        "sslcrl",
        "sslcrldir",
        "sslkey",
        "sslmode",
        "sslnegotiation",
        "sslrootcert",
        "target_session_attrs",
        "tcp_user_timeout",
        "timeout",
        "uri",
        "user",
    }
)
"""Parameters whose values are no secret; every other value is taken for one."""


def masked(url: URL) -> str:
    """Return a URL without its password and without the values of parameters not known."""
    shown = url.set(query={}).render_as_string(hide_password=True)
    values = "&".join(f"{quote(name)}={_value(name, value)}" for name, value in _query(url))
    return f"{shown}?{values}" if values else shown


def without_secrets(text: str, url: URL) -> str:
    """Return what a driver said of a URL, without the secrets in it, percent-encoded or not."""
    secrets = {value for name, value in _query(url) if name not in SHOWN}
    if url.password:
        secrets.add(str(url.password))
    # A secret may be a part of another one.
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = re.sub("".join(map(_forms, secret)), MASK, text)
    return text


def _query(url: URL) -> Iterator[tuple[str, str]]:
    for name, value in url.query.items():
        for one in (value,) if isinstance(value, str) else value:
            yield name, one


def _value(name: str, value: str) -> str:
    return quote(value) if name in SHOWN else MASK


def _forms(character: str) -> str:
    """Return a pattern of a character as it is, and as URLs write it; blanks may be any."""
    raw = character.encode(errors="surrogatepass")
    encoded = "".join(f"%(?i:{byte:02x})" for byte in raw)
    plain = r"\s+|\+" if character.isspace() else re.escape(character)
    return f"(?:{plain}|{encoded})"
