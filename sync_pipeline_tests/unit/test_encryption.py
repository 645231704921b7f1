"""What is said of an instance whose TLS can be taken away, or whose certificate nobody checks."""

from __future__ import annotations

import pytest

from sync_pipeline.model.instance import EngineName, Instance, TlsMode, TlsOptions
from sync_pipeline.model.snapshot import ServerIdentity
from sync_pipeline.workflows.encryption import tls_advice, tls_warnings

BARE, ENCRYPTED = ServerIdentity("1", (1,), None), ServerIdentity("1", (1,), "TLSv1.3")


def instance(engine: EngineName, mode: TlsMode) -> Instance:
    return Instance(1, "a; b", engine, "h", 1, "c", tls=TlsOptions(mode))


@pytest.mark.parametrize("engine", EngineName)
@pytest.mark.parametrize("server", [BARE, ENCRYPTED], ids=["bare", "encrypted"])
def test_prefer_alone_is_warned_of(engine: EngineName, server: ServerIdentity) -> None:
    for mode in TlsMode:
        said = " ".join(tls_warnings(instance(engine, mode), server))
        assert bool(said) is (mode is TlsMode.PREFER)
        assert not said or "sync-pipeline instances edit 'a; b' --tls require" in said
    tells = engine in (EngineName.MYSQL, EngineName.MARIADB, EngineName.POSTGRESQL)
    said = " ".join(tls_warnings(instance(engine, TlsMode.PREFER), server))
    assert ("has no TLS" in said) is (tells and server is BARE)


@pytest.mark.parametrize("engine", EngineName)
def test_a_login_that_gives_the_password_is_named(engine: EngineName) -> None:
    said = " ".join(tls_advice(instance(engine, TlsMode.REQUIRE), ENCRYPTED))
    gives = engine in (EngineName.MYSQL, EngineName.SQLSERVER)
    assert ("instances edit 'a; b' --tls verify-full" in said) is gives
    for mode in (TlsMode.DISABLE, TlsMode.VERIFY_CA, TlsMode.VERIFY_FULL):
        assert tls_advice(instance(engine, mode), ENCRYPTED) == ()
    assert tls_advice(instance(engine, TlsMode.PREFER), BARE) != ()
