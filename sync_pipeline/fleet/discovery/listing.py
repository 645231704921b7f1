"""What a cloud's list said, bounded: its resources, and which parts of it were read whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.origin import Cloud
from sync_pipeline.model.platform import Platform
from sync_pipeline.model.text import LONGEST_NAME, visible_start

MOST_RESOURCES = 100_000
"""Of a cloud, as of an inventory."""
MOST_TAGS = 64
"""Of a resource: AWS and Azure allow 50, Google 64."""
CLIENT_FAULTS = (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError)
"""What makers' clients raise, beside errors of their own, where a variable, a file or an answer is
not as they expect it: botocore a KeyError of a page of HTML, google-auth an AttributeError of a
file that holds a list, azure-identity a ValueError of a tenant."""
_BETWEEN = "="


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of a list, in its words but for the engine.

    `place` tells it from others of its name: narrowest first, such as region and account. Where
    `reason` is said it is no instance of ours, but it is there. `note` is for whoever adds it.
    `tls` is what the list says of TLS, half a sentence; empty: nothing. What has it, has TLS.
    """

    resource_id: str
    scope: str
    name: str
    own_id: str = ""
    place: tuple[str, ...] = ()
    engine: EngineName | None = None
    host: str = ""
    port: int = 0
    database: str = ""
    platform: Platform | None = None
    tags: tuple[tuple[str, str], ...] = ()
    reason: str = ""
    note: str = ""
    tls: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """What was read of a cloud.

    `scopes` are the parts that were asked for, each with why it was not read whole; an empty
    text: it was.
    """

    cloud: Cloud
    resources: tuple[Resource, ...]
    scopes: Mapping[str, str] = field(default_factory=dict)

    @property
    def whole(self) -> frozenset[str]:
        """Return the parts of which nothing is missing."""
        return frozenset(scope for scope, reason in self.scopes.items() if not reason)


class Unlisted(Exception):
    """A part of a list was not read to its end, and why: half a sentence of ours."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is read of a cloud, all in all."""

    seconds: float = 300.0
    pages: int = 200
    """Of one list of one scope; a page has at most 100 resources, or 1,000."""
    bytes_of_page: int = 16 * 2**20


class Time:
    """How long all of it may take."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._ends_at = clock() + limits.seconds
        self._clock = clock

    @property
    def left(self) -> float:
        """Return the seconds that are left."""
        return self._ends_at - self._clock()

    def require(self) -> None:
        """Refuse to go on where there are none.

        Raises:
            Unlisted: the time is over.
        """
        if self.left <= 0:
            raise Unlisted("the time for all lists was over")


class Reading:
    """Collects parts of a list; one that fails costs itself."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._resources: dict[str, Resource] = {}
        self._scopes: dict[str, str] = {}

    def read(self, scope: str, resources: Iterable[Resource]) -> None:
        """Read a part to its end, or as far as it goes. What is there twice counts once."""
        self._scopes.setdefault(scope, "")
        try:
            for item in resources:
                if len(self._resources) >= MOST_RESOURCES:
                    raise Unlisted(f"there are more than {MOST_RESOURCES} in all lists")
                if item.resource_id:
                    self._resources.setdefault(item.resource_id, item)
                else:
                    # It may be any of those that are missed.
                    self._scopes[scope] = "it has something without an identifier"
        except Unlisted as error:
            self._scopes[scope] = self._scopes[scope] or str(error)

    def missed(self, scope: str, reason: str) -> None:
        """Note that a part was not read."""
        self._scopes[scope] = reason

    def listing(self) -> Listing:
        """Return all that was read."""
        return Listing(self._cloud, tuple(self._resources.values()), dict(self._scopes))


def tag_texts(tags: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Return a resource's tags as ours: `key=value`, or the key alone where there is no value.

    They are what people of the cloud wrote: one line, of no more than our length, without
    the semicolon that joins ours in a CSV file.
    """
    return tuple(dict.fromkeys(_texts(tags)))


def _texts(tags: Iterable[tuple[str, str]]) -> Iterator[str]:
    for number, (key, value) in enumerate(tags):
        if number == MOST_TAGS:
            return
        whole = f"{key}{_BETWEEN}{value}" if value else key
        text = visible_start(whole.replace(";", ",").strip(), LONGEST_NAME).strip()
        if text:
            yield text
