"""What a TLS context reads: authorities where certificates are checked, and only there."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

import pytest

from sync_pipeline.engines.mysql_protocol.wire.tls import driver_tls as mysql_tls
from sync_pipeline.engines.oracle.wire.tls import driver_tls as oracle_tls
from sync_pipeline.model.instance import TlsMode, TlsOptions

Options = Callable[[TlsOptions, str], dict[str, Any]]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return what keeps each reading of the system's authorities."""
    seen: list[object] = []
    monkeypatch.setattr(
        ssl.SSLContext, "load_default_certs", lambda self, *purpose: seen.append(purpose)
    )
    return seen


@pytest.mark.parametrize("options", [mysql_tls, oracle_tls], ids=["mysql", "oracle"])
def test_a_mode_that_checks_nothing_reads_no_authorities(
    options: Options, read: list[object]
) -> None:
    found = options(TlsOptions(TlsMode.REQUIRE), "it")
    context = found.get("ssl") or found["ssl_context"]
    assert read == []
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_NONE, False)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("mode", [TlsMode.VERIFY_CA, TlsMode.VERIFY_FULL])
@pytest.mark.parametrize("options", [mysql_tls, oracle_tls], ids=["mysql", "oracle"])
def test_a_mode_that_checks_reads_the_systems(
    options: Options, mode: TlsMode, read: list[object]
) -> None:
    found = options(TlsOptions(mode), "it")
    context = found.get("ssl") or found["ssl_context"]
    assert len(read) == 1
    assert context.verify_mode is ssl.CERT_REQUIRED
