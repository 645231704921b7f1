"""What a look at a cloud's list would change of the fleet: found by names there, not by ours.

Pure. Nothing is ever removed or made inactive; what is gone from a part that was read whole is
marked, and nothing else.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from ipaddress import ip_address

from pydantic import ValidationError

from sync_pipeline.fleet.discovery.listing import Listing, Resource, tag_texts
from sync_pipeline.fleet.files import reasons
from sync_pipeline.fleet.rows import InstanceRow, can_be_written
from sync_pipeline.model.instance import (
    NEW_INSTANCE_TLS,
    EngineName,
    Instance,
    TlsMode,
    host_in_one_spelling,
    host_of,
)
from sync_pipeline.model.origin import LONGEST_ID, Origin, Step, StepKind
from sync_pipeline.model.text import LONGEST_NAME, visible_start

_DIGITS = 8
_MOST_SHOWN = 80
_Address = tuple[EngineName, str, int]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked for, and what a list does not say of those that are added."""

    credential: str
    environment: str = ""
    tls: TlsMode = NEW_INSTANCE_TLS
    tls_ca: str = ""
    tags: tuple[str, ...] = ()
    engines: tuple[EngineName, ...] = ()

    def takes(self, engine: EngineName | None, tags: Sequence[str]) -> bool:
        """Return whether a resource is looked for: it has each tag, and one of the engines."""
        return set(self.tags) <= set(tags) and (not self.engines or engine in self.engines)


@dataclass(frozen=True, slots=True)
class Fleet:
    """The fleet as it is registered. `removed` are instances that people took away."""

    instances: Sequence[Instance]
    removed: Sequence[Instance] = ()
    origins: Mapping[int, Origin] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done, and sentences about what would not: `left_out` and `gaps`."""

    steps: tuple[Step, ...]
    unchanged: int
    left_out: tuple[str, ...]
    gaps: tuple[str, ...]


def planned(listing: Listing, fleet: Fleet, asked: Asked, now: datetime) -> Plan:
    """Return what the fleet would become by a listing.

    Once that is done, the same listing changes nothing.
    """
    planning = _Planning(listing, fleet, asked, now)
    planning.look_at_all()
    planning.look_for_the_gone()
    gaps = tuple(
        f"{scope} was not listed whole: {reason}. Nothing there is marked as gone."
        for scope, reason in sorted(listing.scopes.items())
        if reason
    )
    order = list(StepKind)
    steps = sorted(planning.steps, key=lambda step: (order.index(step.kind), step.instance.name))
    return Plan(tuple(steps), planning.unchanged, tuple(planning.left_out), gaps)


class _Planning:
    """One plan while it is made."""

    def __init__(self, listing: Listing, fleet: Fleet, asked: Asked, now: datetime) -> None:
        self.steps: list[Step] = []
        self.left_out: list[str] = []
        self.unchanged = 0
        self._listing, self._asked, self._now = listing, asked, now
        self._origins = fleet.origins
        self._everybody = (*fleet.instances, *fleet.removed)
        self._here = {item.id: item for item in fleet.instances}
        self._holders: dict[tuple[str, int], str] = {}
        self._removed = {item.id for item in fleet.removed}
        self._taken = {item.name for item in self._everybody}
        self._listed = {item.resource_id for item in listing.resources}
        self._match = _matches(listing, self._everybody, fleet.origins, self._listed)

    def look_at_all(self) -> None:
        """Plan for each resource; what is new comes last, when it is known who is where."""
        found = sorted(self._listing.resources, key=lambda item: item.resource_id)
        for item in found:
            if item.resource_id in self._match:
                self._look_at(item)
        for step in self.steps:
            self._here[step.instance.id] = step.instance
        self._holders = {(host_of(item), item.port): item.name for item in self._here.values()}
        for item in found:
            if item.resource_id not in self._match:
                self._look_at(item)

    def _look_at(self, item: Resource) -> None:
        known = self._match.get(item.resource_id)
        tags = tag_texts(item.tags)
        if not self._asked.takes(item.engine, tags):
            return
        if known is not None and known.id in self._removed:
            self._leave_out(item, f"{known.name!r} was removed from the fleet; add it to have it")
        elif known is None and item.reason:
            self._leave_out(item, item.reason)
        elif known is None:
            self._add(item, tags)
        elif item.reason:
            self._keep(known)
        else:
            self._update(known, item, tags)

    def look_for_the_gone(self) -> None:
        """Mark what is in a part that was read whole, and not listed there any more."""
        matched = {item.id for item in self._match.values()}
        for item in self._everybody:
            origin = self._origins.get(item.id)
            if (
                origin is None
                or origin.cloud is not self._listing.cloud
                or origin.scope not in self._listing.whole
                or item.id in matched
                or item.id in self._removed
                or not self._asked.takes(item.engine, origin.tags)
            ):
                continue
            if origin.vanished_at is None:
                gone = f"{origin.scope} does not list it any more"
                missed = replace(origin, vanished_at=self._now)
                self.steps.append(Step(StepKind.VANISH, item, missed, (gone,)))
            else:
                self.unchanged += 1

    def _keep(self, known: Instance) -> None:
        """Plan for a resource that is there, and as it is no instance of ours."""
        origin = self._origins.get(known.id)
        if origin is not None and origin.vanished_at is not None:
            back = replace(origin, vanished_at=None)
            self.steps.append(Step(StepKind.RETURN, known, back, ("it is listed again",)))
        else:
            self.unchanged += 1

    def _add(self, item: Resource, tags: tuple[str, ...]) -> None:
        try:
            made = self._made(item, tags)
        except ValidationError as error:
            self._leave_out(item, "; ".join(reasons(error)))
            return
        address = host_of(made), made.port
        problem = _problem(item)
        if not problem and address in self._holders:
            holder = self._holders[address]
            problem = f"its address is that of {holder!r}: remove that, or give it another, first"
        if problem:
            self._leave_out(item, problem)
            return
        self._taken.add(made.name)
        self._holders[address] = made.name
        said = f"TLS is {made.tls.mode}: {item.tls}" if item.tls else ""
        notes = tuple(filter(None, (item.note, said)))
        self.steps.append(Step(StepKind.ADD, made, self._origin(item, tags), notes))

    def _made(self, item: Resource, tags: tuple[str, ...]) -> Instance:
        given = {
            "name": self._name(item),
            "engine": item.engine,
            "host": item.host,
            "port": item.port,
            "credential": self._asked.credential,
            "database": item.database or None,
            "tls": _tls(self._asked.tls, item),
            "tls_ca": self._asked.tls_ca or None,
            "environment": self._asked.environment or None,
            "tags": tags,
        }
        return replace(InstanceRow.model_validate(given).instance(), platform=item.platform)

    def _name(self, item: Resource) -> str:
        """Return a name that nobody has, removed instances neither: theirs is another history."""
        plain = visible_start(item.name.strip(), LONGEST_NAME // 2).strip() or "unnamed"
        parts = (plain, *(visible_start(part.strip(), _MOST_SHOWN) for part in item.place))
        for count in range(1, len(parts) + 1):
            name = ".".join(parts[:count])[:LONGEST_NAME].strip()
            if name not in self._taken:
                return name
        digest = hashlib.sha256(item.resource_id.encode(errors="surrogatepass")).hexdigest()
        short = f"{plain}-{digest[:_DIGITS]}"
        return short if short not in self._taken else f"{plain}-{digest}"

    def _update(self, known: Instance, item: Resource, tags: tuple[str, ...]) -> None:
        before = self._origins.get(known.id)
        origin = self._origin(item, tags)
        problem = _problem(item) or _wrong_address(item)
        if item.engine is not known.engine:
            problem = (
                f"it is {item.engine}, and {known.name!r} is {known.engine}: remove that first"
            )
        if problem:
            self._leave_out(item, problem)
            self.unchanged += 1
            return
        if before is None:
            wanted = replace(
                known,
                tags=_merged(known.tags, (), tags),
                platform=known.platform or item.platform,
            )
            said = ("it is registered under this address already", *_tag_changes(known, wanted))
            self.steps.append(Step(StepKind.LINK, wanted, origin, said))
            return
        wanted = replace(known, tags=_merged(known.tags, before.tags, tags))
        said_of_address, wanted = _at_address(known, wanted, before, item)
        differences = (*said_of_address, *_tag_changes(known, wanted), *_news(before, origin))
        if not differences and origin != replace(before, vanished_at=None):
            differences = ("what the list says of it is kept",)
        if before.vanished_at is not None:
            differences = ("it is listed again", *differences)
            self.steps.append(Step(StepKind.RETURN, wanted, origin, differences))
        elif differences:
            self.steps.append(Step(StepKind.CHANGE, wanted, origin, differences))
        else:
            self.unchanged += 1

    def _origin(self, item: Resource, tags: tuple[str, ...]) -> Origin:
        return Origin(
            cloud=self._listing.cloud,
            scope=item.scope,
            resource_id=item.resource_id,
            own_id=item.own_id,
            host=item.host,
            port=item.port,
            tags=tags,
        )

    def _leave_out(self, item: Resource, reason: str) -> None:
        name = visible_start(item.name, _MOST_SHOWN)
        self.left_out.append(f"{name} ({item.scope}): {reason}")


def _problem(item: Resource) -> str:
    """Return why a resource's own names can't be kept; empty where they can."""
    if not can_be_written(item.resource_id) or len(item.resource_id) > LONGEST_ID:
        return "its identifier can't be kept"
    if len(item.own_id) > LONGEST_NAME or not item.own_id.isprintable():
        return "its own identifier can't be kept"
    return ""


def _wrong_address(item: Resource) -> str:
    """Return what is wrong with an address that a registered instance would get."""
    given = {"name": "x", "credential": "x", "engine": item.engine}
    try:
        InstanceRow.model_validate({**given, "host": item.host, "port": item.port})
    except ValidationError as error:
        return "; ".join(reasons(error))
    return ""


def _matches(
    listing: Listing,
    everybody: Sequence[Instance],
    origins: Mapping[int, Origin],
    listed: set[str],
) -> dict[str, Instance]:
    """Return which instance each resource is, by its name in the list.

    By that name first; then by what a service gives a server for its life, and by the address,
    among those whose own name is not listed any more: it was renamed, moved or made again. A name
    as an address is given to no other server; a number is, so it tells only what no list had yet.
    """
    by_name = {origins[item.id].resource_id: item for item in everybody if item.id in origins}
    found = {name: item for name, item in by_name.items() if name in listed}
    free = [
        item
        for item in everybody
        if item.id not in origins
        or (origins[item.id].resource_id not in listed and origins[item.id].cloud is listing.cloud)
    ]
    # Of several the first, so that it is the same each time; those that were removed come last.
    own = {
        (origins[item.id].scope, origins[item.id].own_id): item
        for item in reversed(free)
        if item.id in origins and origins[item.id].own_id
    }
    addresses = {
        (item.engine, host_of(item), item.port): item
        for item in reversed(free)
        if item.id not in origins or not _is_number(host_of(item))
    }
    shared = Counter((item.scope, item.own_id) for item in listing.resources)
    own = {key: item for key, item in own.items() if shared[key] == 1}
    used: set[int] = set()
    for ask in (_by_own_id, _by_address):
        for resource in sorted(listing.resources, key=lambda item: item.resource_id):
            known = None if resource.resource_id in found else ask(resource, own, addresses)
            if known is not None and known.id not in used:
                used.add(known.id)
                found[resource.resource_id] = known
    return found


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


_Own = Mapping[tuple[str, str], Instance]
_Addresses = Mapping[_Address, Instance]


def _by_own_id(item: Resource, own: _Own, _: _Addresses) -> Instance | None:
    return own.get((item.scope, item.own_id)) if item.own_id else None


def _by_address(item: Resource, _: _Own, addresses: _Addresses) -> Instance | None:
    if item.engine is None or not item.host:
        return None
    return addresses.get((item.engine, host_in_one_spelling(item.host), item.port))


def _tls(asked: TlsMode, item: Resource) -> TlsMode:
    """Return the mode of what is added: where a list says that there is TLS, no weaker than that.

    A list never makes it weaker: that a server lets others in without TLS is no reason to.
    """
    order = list(TlsMode)
    return max(asked, NEW_INSTANCE_TLS if item.tls else asked, key=order.index)


def _merged(ours: Sequence[str], before: Sequence[str], now: Sequence[str]) -> tuple[str, ...]:
    """Return an instance's tags by what changed in the list.

    What a person gave stays, and what a person took away does too.
    """
    gone, new = set(before) - set(now), set(now) - set(before)
    return tuple(sorted((set(ours) - gone) | new))


def _tag_changes(before: Instance, after: Instance) -> Iterator[str]:
    for sign, tags in (
        ("+", set(after.tags) - set(before.tags)),
        ("-", set(before.tags) - set(after.tags)),
    ):
        if tags:
            yield f"tags: {', '.join(f'{sign}{tag}' for tag in sorted(tags))}"


def _at_address(
    known: Instance, wanted: Instance, before: Origin, item: Resource
) -> tuple[tuple[str, ...], Instance]:
    """Return an instance where its list has it now, unless a person gave it another address."""
    was, now = f"{before.host}:{before.port}", f"{item.host}:{item.port}"
    if was == now:
        return (), wanted
    listed = host_in_one_spelling(before.host), before.port
    if (host_of(known), known.port) != listed:
        said = f"listed at {now} and no more at {was}; the address that you gave it stays"
        return (said,), wanted
    return (f"address: {was} → {now}",), replace(wanted, host=item.host, port=item.port)


def _news(before: Origin, now: Origin) -> Iterator[str]:
    """Yield what is another name of it in the list, or another server under the same."""
    if before.resource_id != now.resource_id:
        yield f"it is listed as {now.resource_id}"
    elif before.own_id != now.own_id:
        yield "another server is listed under its name"
