"""Errors: one sentence, whole across a process, and honest about retries."""

from __future__ import annotations

import pickle

import pytest

from sync_pipeline import errors
from sync_pipeline.errors import (
    AuthenticationError,
    ConnectError,
    ConnectReason,
    Phase,
    PrivilegeError,
    SyncError,
)
from sync_pipeline.model.secret import Secret


def every_error() -> list[type[SyncError]]:
    found = [SyncError]
    for error_type in found:
        found.extend(error_type.__subclasses__())
    return [error_type for error_type in found if error_type.__module__ == errors.__name__]


def test_an_error_is_one_sentence_with_instance_and_hint() -> None:
    error = AuthenticationError(
        "The server rejected the password of sync_monitor.", hint="Rotate the credential."
    ).at("billing", Phase.CONNECT)
    assert str(error) == (
        "billing: The server rejected the password of sync_monitor. Rotate the credential."
    )
    assert error.at("other", Phase.STORE).instance == "billing"


def test_every_kind_is_its_own_word() -> None:
    kinds = [error_type.kind for error_type in every_error()]
    assert len(kinds) == len(set(kinds))


@pytest.mark.parametrize("error_type", every_error())
def test_an_error_crosses_a_process_whole(error_type: type[SyncError]) -> None:
    extra = {"reason": ConnectReason.TLS} if error_type is ConnectError else {}
    error = error_type("It failed.", instance="a", phase=Phase.COLLECT, hint="Do this.", **extra)
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is error_type
    assert str(back) == str(error)
    assert vars(back) == vars(error)


def test_what_a_retry_can_help() -> None:
    assert ConnectError("x", reason=ConnectReason.REFUSED).retryable
    assert not ConnectError("x", reason=ConnectReason.TLS).retryable
    assert errors.QueryTimeout("x").retryable
    assert errors.StoreUnavailable("x").retryable
    permanent = (AuthenticationError, PrivilegeError, errors.UnsupportedServer, errors.QueryError)
    assert not any(error_type("x").retryable for error_type in permanent)


def test_a_secret_shows_itself_nowhere() -> None:
    secret = Secret("hunter2")
    shown = f"{secret} {secret!r} {secret!s} {[secret]}"
    assert "hunter2" not in shown
    assert secret.reveal() == "hunter2"
    with pytest.raises(TypeError, match="must not be pickled"):
        pickle.dumps(secret)
