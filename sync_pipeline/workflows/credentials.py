"""Changing secrets and keys, so that no process that comes at the same moment loses one."""

from __future__ import annotations

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.fleet.secrets import SEALED
from sync_pipeline.model.credential import StoredCredential
from sync_pipeline.model.secret import Secret
from sync_pipeline.workflows.dependencies import SyncDeps

ROUNDS = 5
"""How often secrets that others sealed in the meantime are looked for."""


def seal(deps: SyncDeps, plain: Secret) -> str:
    """Encrypt a secret for the store.

    Raises:
        ConfigurationError: the key file is missing although the store holds sealed secrets.
    """
    return deps.vault.seal(plain, lambda: _secrets(deps))


def rotate_key(deps: SyncDeps) -> int:
    """Make a new key and encrypt every secret again; return how many were.

    Keys from the environment were put there by the user: the newest one is taken.

    Raises:
        ConfigurationError: a secret can't be decrypted with the present keys, or the key file
            can't be used; no key was made then.
    """
    if deps.vault.has_inline_keys:
        _require_readable(deps)
    else:
        deps.vault.add_key(lambda: _require_readable(deps))
    count = 0
    for _ in range(ROUNDS):
        older = [item for item in _secrets(deps) if not deps.vault.has_newest_key(item)]
        if not older:
            break
        changed = {secret: deps.vault.rotate(secret) for secret in older}
        count += deps.store.registry.replace_secrets(changed, deps.clock())
    return count


def replace_lost_keys(deps: SyncDeps) -> list[str]:
    """Make a key file in place of one that is lost for good.

    Returns the credentials whose secrets are lost with it.

    Raises:
        ConfigurationError: the keys are not lost.
    """
    deps.vault.replace_lost_keys()
    return [item.name for item in _sealed(deps)]


def _require_readable(deps: SyncDeps) -> None:
    sealed = _sealed(deps)
    deps.vault.require_keys(item.secret for item in sealed)
    unreadable = set(deps.vault.unreadable(item.secret for item in sealed))
    names = [repr(item.name) for item in sealed if item.secret in unreadable]
    if names:
        raise ConfigurationError(
            f"The present keys don't decrypt the secrets of {', '.join(names)}.",
            hint="No key was made. Restore the keys, or set these secrets again: "
            "sync-pipeline credentials rotate NAME.",
        )


def _sealed(deps: SyncDeps) -> list[StoredCredential]:
    return [item for item in deps.store.registry.credentials() if item.secret.startswith(SEALED)]


def _secrets(deps: SyncDeps) -> list[str]:
    return [item.secret for item in deps.store.registry.credentials()]
