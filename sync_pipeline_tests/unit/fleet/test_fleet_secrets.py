"""Secrets: sealed, referenced, rotated, and never shown."""

from __future__ import annotations

import copy
import json
import logging
import os
import pickle
import traceback
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.fleet.references import check_reference
from sync_pipeline.fleet.secrets import SecretVault, kind_of
from sync_pipeline.model.instance import EngineName, Instance
from sync_pipeline.model.secret import Secret
from sync_pipeline.settings import Settings

PLAIN = "hunter2-Ω"


@pytest.fixture
def vault(tmp_path: Path) -> SecretVault:
    return SecretVault("", tmp_path / "keys" / "secret.key")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_is_sealed_is_resolved(plain: str) -> None:
    vault = SecretVault(Fernet.generate_key().decode(), Path("/nowhere"))
    sealed = vault.seal(Secret(plain))
    assert vault.resolve(sealed).reveal() == plain
    assert len(plain) < 4 or plain not in sealed


def test_the_key_file_is_made_once_and_for_its_owner_alone(
    vault: SecretVault, tmp_path: Path
) -> None:
    first, second = vault.seal(Secret(PLAIN)), vault.seal(Secret(PLAIN))
    assert first != second
    assert vault.resolve(first) == vault.resolve(second) == Secret(PLAIN)
    (key_file,) = (tmp_path / "keys").iterdir()
    assert key_file.stat().st_mode & 0o777 == 0o600


def test_a_new_key_reads_what_older_ones_sealed(vault: SecretVault, tmp_path: Path) -> None:
    old = vault.seal(Secret(PLAIN))
    vault.add_key()
    assert vault.resolve(old).reveal() == PLAIN
    rotated = vault.rotate(old)
    newest = (tmp_path / "keys" / "secret.key").read_text().split()[0]
    only_newest = SecretVault(newest, Path("/nowhere"))
    assert only_newest.resolve(rotated).reveal() == PLAIN
    with pytest.raises(ConfigurationError, match="can't be decrypted"):
        only_newest.resolve(old)


def test_keys_of_the_environment_are_not_written() -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    sealed = SecretVault(old, Path("/nowhere")).seal(Secret(PLAIN))
    both = SecretVault(f"{new}, {old}", Path("/nowhere"))
    assert SecretVault(new, Path("/nowhere")).resolve(both.rotate(sealed)).reveal() == PLAIN
    with pytest.raises(ConfigurationError, match="SYNC_PIPELINE_SECRET_KEY"):
        both.add_key()


@pytest.mark.parametrize("keys", ["nonsense", ",", "AAAA"])
def test_a_key_that_is_none_is_not_quoted(keys: str) -> None:
    with pytest.raises(ConfigurationError, match="not valid Fernet keys") as caught:
        SecretVault(keys, Path("/nowhere")).resolve("fernet:x")
    assert "nonsense" not in str(caught.value)


def test_a_lost_key_file_is_told(vault: SecretVault, tmp_path: Path) -> None:
    sealed = vault.seal(Secret(PLAIN))
    (tmp_path / "keys" / "secret.key").unlink()
    with pytest.raises(ConfigurationError, match=r"secret.key can't be read.*Restore it"):
        vault.resolve(sealed)


def test_references_lead_to_secrets(
    vault: SecretVault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BILLING_PASSWORD", PLAIN)
    assert vault.resolve("env:BILLING_PASSWORD").reveal() == PLAIN
    path = tmp_path / "password"
    path.write_text(f"{PLAIN}\r\n", encoding="utf-8")
    assert vault.resolve(f"file:{path}").reveal() == PLAIN
    for reference in ("env:BILLING_PASSWORD", f"file:{path}"):
        check_reference(reference)
        assert vault.rotate(reference) == reference
        assert kind_of(reference) == reference
    assert kind_of(vault.seal(Secret(PLAIN))) == "encrypted"


def install_resolver(directory: Path, body: str) -> None:
    """Install a package that offers a scheme, as a secret manager's does."""
    package = directory / "vaulted.py"
    package.write_text(f"def read(name):\n    {body}\n")
    info = directory / "vaulted-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vaulted\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[sync_pipeline.secrets]\nvaulted = vaulted:read\n")


def test_an_installed_package_offers_a_scheme(
    vault: SecretVault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_resolver(tmp_path, "return name.upper()")
    monkeypatch.syspath_prepend(tmp_path)
    check_reference("vaulted:db/password")
    assert vault.resolve("vaulted:db/password").reveal() == "DB/PASSWORD"


def test_a_scheme_that_breaks_is_named_and_quotes_nothing(
    vault: SecretVault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_resolver(tmp_path, f"raise ZeroDivisionError('{PLAIN}')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "vaulted", raising=False)
    with pytest.raises(ConfigurationError, match="'vaulted' secrets failed") as caught:
        vault.resolve("vaulted:x")
    assert PLAIN not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("reference", ["env:SURELY_NOT_SET", "file:/no/such/file", "file:/"])
def test_a_reference_that_leads_nowhere_is_told(vault: SecretVault, reference: str) -> None:
    with pytest.raises(ConfigurationError, match=reference.partition(":")[2]):
        vault.resolve(reference)


@pytest.mark.parametrize("reference", ["", "plain", "env:", ":x", "nobody:knows"])
def test_what_is_no_reference_is_refused(reference: str) -> None:
    with pytest.raises(ConfigurationError):
        check_reference(reference)


def test_a_secret_shows_itself_to_nobody(vault: SecretVault) -> None:
    secret = Secret(PLAIN)
    record = logging.LogRecord("x", logging.INFO, "x", 1, "%s %r", (secret, secret), None)
    shown = f"{secret} {secret!r} {secret!s:>30} {[secret]} {record.getMessage()} {vault!r}"
    assert PLAIN not in shown
    for dump in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="must not be pickled"):
            dump(secret)
    with pytest.raises(TypeError):
        json.dumps(secret)
    assert secret == Secret(PLAIN)
    assert hash(secret) == hash(Secret(PLAIN))
    assert secret != PLAIN


def test_no_setting_and_no_instance_shows_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNC_PIPELINE_SECRET_KEY", PLAIN)
    monkeypatch.setenv("SYNC_PIPELINE_STORE_URL", f"postgresql+psycopg://u:{PLAIN}@h/d")
    assert PLAIN not in repr(Settings.load())
    pickle.dumps(Instance(0, "db", EngineName.MYSQL, "h", 1, "c"))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o602, 0o666, 0o601])
def test_a_key_file_that_others_may_open_is_refused_with_what_mends_it(
    vault: SecretVault, tmp_path: Path, mode: int
) -> None:
    sealed = vault.seal(Secret(PLAIN))
    path = tmp_path / "keys" / "secret.key"
    path.chmod(mode)
    for use in (lambda: vault.resolve(sealed), lambda: vault.seal(Secret("x")), vault.add_key):
        with pytest.raises(ConfigurationError, match=f"open to other users.*chmod 600 {path}"):
            use()
    path.chmod(0o600)
    assert vault.resolve(sealed).reveal() == PLAIN


def test_a_linked_key_file_is_read_but_never_replaced(tmp_path: Path) -> None:
    real, link = tmp_path / "real" / "secret.key", tmp_path / "secret.key"
    sealed = SecretVault("", real).seal(Secret(PLAIN))
    link.symlink_to(real)
    vault = SecretVault("", link)
    assert vault.resolve(sealed).reveal() == PLAIN
    with pytest.raises(ConfigurationError, match=f"SYNC_PIPELINE_SECRET_KEY_FILE={real}"):
        vault.add_key()
    assert link.is_symlink()
    assert len(real.read_text().split()) == 1
    real.unlink()
    for use in (lambda: vault.seal(Secret("x")), vault.add_key):
        with pytest.raises(ConfigurationError):
            use()
    assert link.is_symlink()
    assert not real.exists()


def test_what_is_no_key_file_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    os.mkfifo(path, 0o600)
    with pytest.raises(ConfigurationError, match="it is no file"):
        SecretVault("", path).seal(Secret("x"))
    path.unlink()
    path.write_bytes(b"A" * 100_000)
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match="larger than 65536 bytes"):
        SecretVault("", path).seal(Secret("x"))


def test_a_secret_that_is_a_pipe_or_has_no_end_is_not_waited_for(
    vault: SecretVault, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"x" * 100_000)
    for path in (tmp_path / "pipe", tmp_path / "large", Path("/dev/zero"), tmp_path):
        with pytest.raises(ConfigurationError, match=f"{path} can't be read"):
            vault.resolve(f"file:{path}")


def test_a_new_key_leaves_the_owner_of_the_file(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    path = tmp_path / "secret.key"
    vault = SecretVault("", path)
    vault.add_key()
    os.chown(path, 65_534, 65_534)
    vault.add_key()
    found = path.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (65_534, 65_534, 0o600)
    assert len(path.read_text().split()) == 2
