"""Instances: some of each engine are logged in to, and asked what they are."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import groupby

from sync_pipeline.collect.understanding import identified
from sync_pipeline.connect import Deadline
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.errors import AuthenticationError, SyncError
from sync_pipeline.model.checkup import Check, fault, ok, warning
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.rejection import LEFT_ALONE
from sync_pipeline.workflows.checkup.known import SPARED_SECONDS, Asked, Fleet, UnknownStore
from sync_pipeline.workflows.checkup.places_of_secrets import is_made_for_it
from sync_pipeline.workflows.checkup.running import Look, look_at_all
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing.target import Source, target_of

NAME = "instances"
AT_ONCE = 16
_TEST = "sync-pipeline instances test"


def look(asked: Asked) -> Iterator[Check]:
    """Yield how the chosen instances are: the first ones of each engine by name."""
    try:
        fleet = asked.fleet()
    except UnknownStore:
        yield warning(NAME, "They are not known without the store.", "Mend the store first.")
        return
    if not fleet.instances:
        yield warning(NAME, "There is no active instance.", "sync-pipeline instances add")
        return
    chosen = chosen_of(fleet, asked.each)
    yield ok(NAME, f"{len(fleet.instances)} are active; {len(chosen)} of them are tried.")
    ends_at = asked.ends_at - SPARED_SECONDS
    while chosen and time.monotonic() < ends_at:
        some, chosen = chosen[:AT_ONCE], chosen[AT_ONCE:]
        looks = [_look_at(asked, fleet, item, ends_at) for item in some]
        yield from look_at_all(looks, ends_at)
    if chosen:
        yield warning(
            NAME, f"For {len(chosen)} of them there was no time.", "Give it longer: --seconds."
        )


def chosen_of(fleet: Fleet, each: int) -> list[Instance]:
    """Return so many instances of each engine, the first ones by name."""

    def engine(item: Instance) -> str:
        return str(item.engine)

    ordered = sorted(fleet.instances, key=lambda item: (engine(item), item.name))
    return [item for _, some in groupby(ordered, key=engine) for item in list(some)[:each]]


def _look_at(asked: Asked, fleet: Fleet, instance: Instance, ends_at: float) -> Look:
    name = f"instance {instance.name}"

    def looking() -> Sequence[Check]:
        secrets = {item.name: item.secret for item in fleet.credentials}
        if is_made_for_it(secrets.get(instance.credential, "")):
            what = f"Not tried: for its login ({instance.engine}) Vault makes an account each time."
            return [ok(name, what, f"{_TEST} {instance.name}")]
        deps = asked.deps()
        try:
            return [_tried(deps, instance, name, ends_at - time.monotonic())]
        finally:
            deps.store.close()

    return Look(name, looking)


def _tried(deps: SyncDeps, instance: Instance, name: str, seconds: float) -> Check:
    """Log in once, unless the server rejected the same not long ago."""
    todo = f"{_TEST} {instance.name}"
    try:
        target = target_of(deps, instance)
        known = deps.store.rejections.of(instance.id)
        if known and known.holds_for(target.username, target.password, deps.clock()):
            until = f"{known.rejected_at + LEFT_ALONE:%Y-%m-%d %H:%M}"
            what = f"The server rejected its login, which is not sent again before {until} UTC."
            return fault(name, what, f"Give the credential the right secret, then {todo}.")
        engine, began = ENGINES[instance.engine], time.monotonic()
        limit = min(seconds, float(instance.timeouts.total_seconds))
        with Source(engine, target, Deadline(limit)).open() as connection:
            server = identified(engine, connection)
    except AuthenticationError as error:
        return fault(name, error.message, f"Give the credential the right secret, then {todo}.")
    except SyncError as error:
        return fault(name, error.message, " ".join(filter(None, (error.hint, f"See {todo}."))))
    milliseconds = (time.monotonic() - began) * 1000
    return ok(name, f"{instance.engine} {server.version} let us in after {milliseconds:.0f} ms.")
