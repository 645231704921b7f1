"""What is said of an instance whose TLS can be taken away, or whose certificate nobody checks."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_pipeline.model.instance import EngineName, Instance, TlsMode, TlsOptions
from sync_pipeline.model.snapshot import ServerIdentity
from sync_pipeline.workflows.syncing.encryption import tls_advice, tls_warnings

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


KEY = "-----BEGIN EC PRIVATE KEY-----\nx\n"


@pytest.mark.parametrize("mode", [TlsMode.PREFER, TlsMode.REQUIRE, TlsMode.VERIFY_FULL])
@pytest.mark.parametrize(
    ("option", "name", "content", "rights", "is_told"),
    [
        ("key_file", "key.pem", KEY, 0o644, True),
        ("key_file", "key.pem", KEY, 0o640, True),
        ("key_file", "key.pem", KEY, 0o604, True),
        ("key_file", "key.pem", KEY, 0o620, True),
        ("key_file", "key.der", "0\x82", 0o644, True),
        ("key_file", "key.pem", KEY, 0o600, False),
        ("key_file", "key.pem", KEY, 0o400, False),
        ("cert_file", "both.pem", "-----BEGIN CERTIFICATE-----\n" + KEY, 0o644, True),
        ("cert_file", "cert.pem", "-----BEGIN CERTIFICATE-----\n", 0o644, False),
        ("ca_file", "wallet/ewallet.pem", KEY, 0o644, True),
        ("ca_file", "wallet/ewallet.pem", "-----BEGIN CERTIFICATE-----\n", 0o644, False),
        ("key_file", "", "", 0, False),
    ],
)
def test_a_private_key_that_others_may_read_is_told_with_what_mends_it(
    tmp_path: Path, mode: TlsMode, option: str, name: str, content: str, rights: int, is_told: bool
) -> None:
    path = tmp_path / "it's" / (name or "missing")
    path.parent.mkdir(parents=True)
    if name:
        path.write_text(content)
        path.chmod(rights)
    given = str(path.parent if option == "ca_file" else path)
    found = Instance(1, "a", EngineName.MYSQL, "h", 1, "c", tls=TlsOptions(mode, **{option: given}))
    for said in (" ".join(tls_warnings(found, BARE)), " ".join(tls_advice(found, BARE))):
        quoted = str(path).replace("'", "'\"'\"'")
        assert (f"chmod 600 '{quoted}'" in said) is is_told
