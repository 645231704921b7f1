"""The places of secrets that the fleet uses: one secret of each is asked for, and forgotten."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sync_pipeline.errors import SyncError
from sync_pipeline.fleet.secrets import SEALED, SecretVault
from sync_pipeline.model.checkup import Check, fault, ok, warning
from sync_pipeline.model.credential import StoredCredential
from sync_pipeline.model.secret import Login
from sync_pipeline.workflows.checkup.known import SPARED_SECONDS, Asked, Fleet, UnknownStore
from sync_pipeline.workflows.checkup.running import Look, look_at_all

_LOCAL = ("env", "file")
_MADE = "/creds/"
"""In the path of a secret of Vault's database engine that is an account of its own."""


def is_made_for_it(reference: str) -> bool:
    """Return whether its place makes an account for whoever asks."""
    return reference.startswith("vault:") and _MADE in reference


def look(asked: Asked) -> Iterator[Check]:
    """Yield how each place of secrets is."""
    try:
        fleet = asked.fleet()
    except UnknownStore:
        yield warning(
            "secrets", "Their places are not known without the store.", "Mend the store first."
        )
        return
    schemes: dict[str, list[StoredCredential]] = {}
    for item in fleet.credentials:
        if not item.secret.startswith(SEALED):
            schemes.setdefault(item.secret.partition(":")[0], []).append(item)
    vault = SecretVault.open(asked.settings)
    looks = [_look_at(vault, fleet, scheme, found) for scheme, found in sorted(schemes.items())]
    yield from look_at_all(looks, asked.ends_at - SPARED_SECONDS)


def _look_at(
    vault: SecretVault, fleet: Fleet, scheme: str, found: Sequence[StoredCredential]
) -> Look:
    name = f"secrets {scheme}"

    def looking() -> Iterator[Check]:
        # Those of this machine cost nothing; of another place one says whether it answers.
        askable = [item for item in found if not is_made_for_it(item.secret)]
        if not askable:
            what = f"Not asked: it makes an account each time, for {len(found)} credentials."
            yield ok(name, what, "sync-pipeline instances test")
            return
        asked = askable if scheme in _LOCAL else askable[:1]
        failed = [(item, error) for item in asked if (error := _error(vault, fleet, item))]
        for item, error in failed[:1]:
            more = f" {len(failed)} of {len(asked)} are so." if len(failed) > 1 else ""
            yield fault(name, f"Credential {item.name}: {error.message}{more}", error.hint or "")
        if not failed:
            yield ok(name, f"It gave {len(asked)} of the secrets of {len(found)} credentials.")

    return Look(name, looking)


def _error(vault: SecretVault, fleet: Fleet, item: StoredCredential) -> SyncError | None:
    used = next((one for one in fleet.instances if one.credential == item.name), None)
    login = (
        Login() if used is None else Login(used.host, used.port, item.username, used.database or "")
    )
    try:
        vault.resolve_for(item.secret, login)
    except SyncError as error:
        return error
    return None
