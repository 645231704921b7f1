"""Secrets where companies keep them, each by its maker's own client.

AWS is moto's server. Vault, Azure Key Vault and Google Secret Manager can't be had here: they
are servers of ours that speak what their makers document.
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator
from concurrent import futures
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import boto3
import grpc
import pytest
from azure.core.credentials import AccessToken
from azure.keyvault.secrets import SecretClient
from google.auth.credentials import AnonymousCredentials
from google.cloud.secretmanager import SecretManagerServiceClient
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import (
    SecretManagerServiceGrpcTransport,
)
from google.cloud.secretmanager_v1.types import service
from moto.server import ThreadedMotoServer

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.fleet import references
from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.fleet.sources import azure, google, hashicorp
from sync_pipeline.fleet.sources.hashicorp import VaultSource
from sync_pipeline.model.secret import Login, ResolvedSecret, Secret
from sync_pipeline.settings import Settings, VaultAuth
from workbench.servers.mysql_faults import authority
from workbench.servers.secret_places import FakeVault, answered, vault

DB = Login("db1.cluster-x.eu-central-1.rds.amazonaws.com", 5432, "monitor", "billing")
"""Nothing is sent there: it is signed."""
KEY_FILE = Path("/nonexistent/no.key")


def of(settings: Settings | None = None) -> SecretVault:
    return SecretVault("", KEY_FILE, lambda: settings or Settings())


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeVault]:
    with vault() as made:
        monkeypatch.setenv("VAULT_ADDR", f"http://127.0.0.1:{made.port}")
        monkeypatch.setenv("VAULT_TOKEN", "root")
        yield made


def test_vault_gives_what_either_version_of_its_kv_store_has(
    place: FakeVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAULT_NAMESPACE", "dba")
    place.kv["secret/data/billing"] = {"password": "pw-2", "username": "mon", "other": "else"}
    place.kv["kv/billing"] = {"password": "pw-1"}
    vault = of()
    second = vault.resolve_for("vault:secret/data/billing", DB)
    assert (second.secret, second.username) == (Secret("pw-2"), "mon")
    named = vault.resolve_for("vault:secret/data/billing#other", DB)
    assert (named.secret, named.username) == (Secret("else"), "")
    assert vault.resolve("vault:kv/billing") == Secret("pw-1")
    assert set(place.namespaces) == {"dba"}
    # A rotation that a server noticed: it is there at once.
    place.kv["kv/billing"] = {"password": "pw-new"}
    assert vault.resolve("vault:kv/billing") == Secret("pw-1")
    assert vault.resolve_for("vault:kv/billing", DB, Secret("pw-1")).secret == Secret("pw-new")


def test_each_field_of_a_lease_is_its_own_and_one_outlives_an_outage(place: FakeVault) -> None:
    now = [1000.0]
    source = VaultSource(Settings(), lambda: now[0])

    def asked(rest: str) -> ResolvedSecret:
        return source.fetch(rest, DB, is_rejected=False)

    whole, named = asked("database/creds/reader"), asked("database/creds/reader#username")
    now[0] += whole.good_for_seconds
    assert (asked("database/creds/reader"), asked("database/creds/reader#username")) == (
        whole,
        named,
    )
    now[0] += whole.good_for_seconds
    place.status = 503
    with pytest.raises(ConfigurationError):
        asked("database/creds/reader")
    place.status = 0
    assert asked("database/creds/reader") == whole


def test_a_lease_of_vault_is_renewed_and_where_it_can_not_be_another_is_asked_for(
    place: FakeVault,
) -> None:
    now = [1000.0]
    source = VaultSource(Settings(), lambda: now[0])

    def asked(*, is_rejected: bool = False) -> ResolvedSecret:
        return source.fetch("database/creds/reader", DB, is_rejected=is_rejected)

    first = asked()
    assert first.username.startswith("v-")
    assert first.good_for_seconds == 2400
    now[0] += first.good_for_seconds
    assert asked() == first
    assert place.asked[-1] == "PUT /v1/sys/leases/renew"
    rejected = asked(is_rejected=True)
    assert rejected.secret != first.secret
    # It is made no longer than it is: near the end of what its role allows.
    now[0] += 2400
    place.lease_seconds = 600
    short = asked()
    assert short.secret != rejected.secret
    place.is_renewable = False
    now[0] += short.good_for_seconds
    other = asked()
    assert other.secret != short.secret
    now[0] += 600
    asked()
    assert place.asked[-1] == "GET /v1/database/creds/reader"


@pytest.mark.parametrize("auth", [VaultAuth.APPROLE, VaultAuth.KUBERNETES])
def test_one_logs_in_at_vault_by_a_role_and_again_when_the_token_is_over(
    place: FakeVault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, auth: VaultAuth
) -> None:
    monkeypatch.delenv("VAULT_TOKEN")
    file = tmp_path / "token"
    file.write_text("proof\n")
    place.roles["sync"], place.kv["kv/a"] = "proof", {"password": "pw"}
    vault = of(
        Settings(
            vault_auth=auth,
            vault_role="sync",
            vault_secret_id_file=str(file),
            vault_kubernetes_token_file=str(file),
        )
    )
    assert vault.resolve("vault:kv/a") == Secret("pw")
    place.tokens.clear()
    place.kv["kv/b"] = {"password": "pw-b"}
    assert vault.resolve("vault:kv/b") == Secret("pw-b")
    assert sum(f"/auth/{auth}/" in item for item in place.asked) == 2
    file.unlink()
    place.tokens.clear()
    with pytest.raises(ConfigurationError, match="token for the login at Vault can't be read"):
        vault.resolve("vault:kv/c")


@pytest.mark.parametrize(
    ("status", "sentence", "is_retryable"),
    [
        (403, "refuses the secret at 'kv/a'.*policy", False),
        (404, "has nothing at 'kv/a'.*MOUNT/data", False),
        (503, "did not give the secret at 'kv/a'.*unsealed", True),
        (429, "RateLimitExceeded", True),
        (307, "has nothing at", False),
    ],
)
def test_what_vault_refuses_is_one_sentence_with_nothing_secret(
    place: FakeVault, status: int, sentence: str, is_retryable: bool
) -> None:
    place.status = status
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        of().resolve("vault:kv/a")
    assert caught.value.retryable is is_retryable
    assert "root" not in str(caught.value)
    # A redirect would take the token along.
    assert place.asked == ["GET /v1/kv/a"]


def test_a_vault_that_is_not_there_and_a_field_that_is_not(
    place: FakeVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.kv["secret/data/gone"], place.kv["kv/odd"] = {}, {"password": 7}
    for path in ("secret/data/gone", "kv/odd", "kv/odd#user"):
        with pytest.raises(ConfigurationError, match="no field"):
            of().resolve(f"vault:{path}")
    monkeypatch.setenv("VAULT_ADDR", "http://127.0.0.1:9")
    with pytest.raises(ConfigurationError, match="VAULT_ADDR") as caught:
        of().resolve("vault:kv/odd")
    assert caught.value.retryable


@pytest.mark.parametrize("auth", [VaultAuth.TOKEN, VaultAuth.APPROLE])
def test_a_vault_that_hangs_is_waited_for_by_all_at_once(
    place: FakeVault, monkeypatch: pytest.MonkeyPatch, auth: VaultAuth
) -> None:
    monkeypatch.setattr(hashicorp, "SECONDS_TO_ANSWER", 0.5)
    monkeypatch.setattr(references, "SLOW_SECONDS", 0.4)
    place.may_answer.clear()
    vault = of(Settings(vault_auth=auth, vault_role="sync"))
    started = time.monotonic()
    with futures.ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(vault.resolve, f"vault:kv/{number}") for number in range(40)]
        found = [item.exception() for item in asked]
    # One after the other they would take 20 seconds.
    assert time.monotonic() - started < 8
    place.may_answer.set()
    assert all(isinstance(item, ConfigurationError) and item.retryable for item in found)
    assert len(place.asked) <= 2 * 8
    assert sum("was not asked again" in str(item) for item in found) >= 40 - 2 * 8


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(moto: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in (
        ("AWS_ENDPOINT_URL", moto),
        ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "of-the-machine"),
        ("AWS_REGION", "eu-central-1"),
    ):
        monkeypatch.setenv(name, value)
    client = boto3.session.Session(region_name="eu-central-1").client("secretsmanager")
    yield client
    for item in client.list_secrets()["SecretList"]:
        client.delete_secret(SecretId=item["Name"], ForceDeleteWithoutRecovery=True)
    client.close()


def test_aws_gives_text_and_what_rds_keeps(aws: Any) -> None:
    made = aws.create_secret(
        Name="rds!db", SecretString=json.dumps({"username": "mon", "password": "pw", "n": 5})
    )
    aws.create_secret(Name="plain", SecretString="only-text")
    aws.create_secret(Name="bytes", SecretBinary=b"\xff")
    vault = of()
    for name in ("rds!db", made["ARN"]):
        found = vault.resolve_for(f"aws-secret:{name}", DB)
        assert (found.secret, found.username) == (Secret("pw"), "mon")
    assert vault.resolve("aws-secret:plain") == Secret("only-text")
    for wrong in ("rds!db#n", "rds!db#none", "plain#password", "bytes"):
        with pytest.raises(ConfigurationError, match="no text in the field"):
            vault.resolve(f"aws-secret:{wrong}")
    aws.put_secret_value(SecretId="plain", SecretString="rotated")
    assert vault.resolve_for("aws-secret:plain", DB, Secret("only-text")).secret == Secret(
        "rotated"
    )


def test_what_aws_does_not_give_is_one_sentence(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    del aws
    with pytest.raises(ConfigurationError, match=r"ResourceNotFound.*its region") as caught:
        of().resolve("aws-secret:nowhere")
    assert not caught.value.retryable
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(ConfigurationError, match="reaches AWS") as caught:
        of().resolve("aws-secret:nowhere")
    assert caught.value.retryable
    assert "of-the-machine" not in str(caught.value)


def test_the_token_of_rds_is_signed_for_its_address_and_account(aws: Any) -> None:
    del aws
    vault = of()
    found = vault.resolve_for("aws-rds-iam:eu-central-1", DB)
    token = found.secret.reveal()
    host, _, query = token.partition("/?")
    said = parse_qs(query)
    assert host == f"{DB.host}:5432"
    assert (said["Action"], said["DBUser"]) == (["connect"], ["monitor"])
    assert "/eu-central-1/rds-db/" in said["X-Amz-Credential"][0]
    assert found.good_for_seconds < int(said["X-Amz-Expires"][0])
    assert vault.resolve_for("aws-rds-iam:eu-central-1", DB) is found
    other = vault.resolve_for("aws-rds-iam:eu-central-1", Login(DB.host, 3306, "else"))
    assert "DBUser=else" in other.secret.reveal()


class _Identity:
    def get_token(self, *_scopes: str, **_more: Any) -> AccessToken:
        return AccessToken("of-the-machine", int(time.time()) + 3600)


def test_azure_gives_the_newest_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signed = authority(tmp_path / "ca", "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(signed.certificate, signed.key)
    kept = {"monitor": "pw"}

    def answer(_method: str, path: str, _body: dict[str, Any], headers: dict[str, str]) -> Any:
        if "authorization" not in headers:
            return 401, 'Bearer authorization="https://login/t", resource="https://vault.azure.net"'
        name = path.split("/")[2]
        if name == "hidden":
            return 403, {"error": {"code": "Forbidden", "message": "of-the-machine may not"}}
        if name not in kept:
            return 404, {"error": {"code": "SecretNotFound", "message": "none"}}
        return 200, {"value": kept[name], "id": f"https://v/secrets/{name}/1", "attributes": {}}

    with answered(answer, context) as port:

        def client(url: str, _credential: object, **limits: Any) -> SecretClient:
            assert url == "https://billing.vault.azure.net"
            return SecretClient(
                f"https://localhost:{port}",
                _Identity(),  # type: ignore[arg-type]
                verify_challenge_resource=False,
                connection_verify=str(signed.ca),
                **limits,
            )

        monkeypatch.setattr(azure, "SecretClient", client)
        vault = of()
        assert vault.resolve("azure-keyvault:billing/monitor") == Secret("pw")
        kept["monitor"] = "new"
        found = vault.resolve_for("azure-keyvault:billing/monitor", DB, Secret("pw"))
        assert found.secret == Secret("new")
        for wrong, sentence in (
            ("billing/none", "ResourceNotFound.*names of the vault"),
            ("billing/hidden", "Key Vault Secrets User"),
            ("billing", "a vault and a name"),
        ):
            with pytest.raises(ConfigurationError, match=sentence) as caught:
                vault.resolve(f"azure-keyvault:{wrong}")
            assert "of-the-machine" not in str(caught.value)
            assert not caught.value.retryable


def test_google_gives_the_newest_version(monkeypatch: pytest.MonkeyPatch) -> None:
    path = "projects/p/secrets/monitor/versions/"
    kept = {f"{path}latest": b"pw", f"{path}1": b"old", f"{path}2": b"\xff"}

    def access(request: Any, context: grpc.ServicerContext) -> Any:
        if request.name not in kept:
            context.abort(grpc.StatusCode.NOT_FOUND, "of-the-machine")
        return service.AccessSecretVersionResponse(payload={"data": kept[request.name]})

    method = grpc.unary_unary_rpc_method_handler(
        access,
        service.AccessSecretVersionRequest.deserialize,
        service.AccessSecretVersionResponse.serialize,
    )
    name = "google.cloud.secretmanager.v1.SecretManagerService"
    server = grpc.server(futures.ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(name, {"AccessSecretVersion": method}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    channel = grpc.insecure_channel(f"127.0.0.1:{port}")
    try:
        transport = SecretManagerServiceGrpcTransport(
            channel=channel, credentials=AnonymousCredentials()
        )
        monkeypatch.setattr(
            google,
            "SecretManagerServiceClient",
            lambda: SecretManagerServiceClient(transport=transport),
        )
        vault = of()
        assert vault.resolve("gcp-secret:p/monitor") == Secret("pw")
        assert vault.resolve("gcp-secret:p/monitor/1") == Secret("old")
        for wrong, sentence in (
            ("p/none", "NotFound.*project and the name"),
            ("p/monitor/2", "no text"),
            ("p", "a project and a name"),
        ):
            with pytest.raises(ConfigurationError, match=sentence) as caught:
                vault.resolve(f"gcp-secret:{wrong}")
            assert "of-the-machine" not in str(caught.value)
            assert not caught.value.retryable
        server.stop(None).wait()
        with pytest.raises(ConfigurationError, match="reaches Google") as caught:
            vault.resolve("gcp-secret:p/other")
        assert caught.value.retryable
    finally:
        with suppress(ValueError):
            channel.close()
        server.stop(None).wait()
