"""References to secrets: where each scheme leads, and what is kept of it for a short time."""

from __future__ import annotations

import copy
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any, Protocol, runtime_checkable

from sync_pipeline.engines.wire.calls import Call, CallTimeout
from sync_pipeline.errors import ConfigurationError, Phase, SyncError
from sync_pipeline.files.reading import LARGEST_SECRET, read_file
from sync_pipeline.model.secret import Login, ResolvedSecret, Secret
from sync_pipeline.settings import Settings

ENTRY_POINTS = "sync_pipeline.secrets"
LONGEST_SECONDS = 20.0
"""How long one secret is waited for, whatever its place's own client makes of its limits."""
SLOW_SECONDS = 5.0
"""A place that gives nothing for so long is taken for one that hangs."""
LEFT_ALONE_SECONDS = 10.0
"""So long nobody else asks a place that hangs: each instance would wait for it in its turn."""
PlainResolver = Callable[[str], str]
"""Given what follows the scheme of a reference, returns the secret."""
_NOWHERE = Login()


class SecretSource(Protocol):
    """A place of secrets, made once a process with the settings; asked by many threads."""

    @property
    def is_of_login(self) -> bool:
        """Return whether what it gives is of one address and account, not of a reference."""
        ...

    def fetch(self, rest: str, login: Login, *, is_rejected: bool) -> ResolvedSecret:
        """Return the secret that a reference names, by what follows its scheme.

        `is_rejected`: a server took none of what this gave before.

        Raises:
            ConfigurationError: the reference leads nowhere, or the place did not answer; no part
                of a secret is in it.
        """
        ...


@runtime_checkable
class HasPlaces(Protocol):
    """A source whose references lead to several places, one of which may hang alone."""

    def place_of(self, rest: str) -> str:
        """Return the place of a reference, by what follows its scheme."""
        ...


@dataclass(slots=True)
class _Kept:
    """What was given last, or why nothing was; who asks meanwhile waits for the one who fetches."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    found: ResolvedSecret | None = None
    good_until: float = 0.0
    error: ConfigurationError | None = None
    failed_at: float = 0.0

    def serves(self, rejected: Secret | None, now: float) -> bool:
        return self.found is not None and self.found.secret != rejected and now < self.good_until

    def raise_shared(self, began: float) -> None:
        """Raise the error of whoever fetched while this one waited: a place that hangs costs once.

        Raises:
            ConfigurationError: it failed since then; one of its own, which gets its own instance.
        """
        if self.error is not None and began < self.failed_at:
            raise copy.copy(self.error)


@dataclass(frozen=True, slots=True)
class _Hanging:
    """A place that did not answer: how it was said, and when."""

    error: ConfigurationError
    since: float

    def require_over(self, now: float) -> None:
        """Raise where that was just now.

        Raises:
            ConfigurationError: the place would be waited for again, and probably in vain.
        """
        if now >= self.since + LEFT_ALONE_SECONDS:
            return
        raise ConfigurationError(
            "The place of its secret did not answer when it was asked for another one, "
            f"{now - self.since:.0f} seconds ago, and was not asked again.",
            phase=Phase.CONFIGURE,
            hint=self.error.hint,
            retryable=True,
        )


class References:
    """Resolves references. What a place says may be kept is asked for once by all threads."""

    def __init__(
        self, settings: Callable[[], Settings], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._sources: dict[str, SecretSource] = {}
        self._kept: dict[tuple[str, Login], _Kept] = {}
        self._hanging: dict[str, _Hanging] = {}

    def resolve(
        self, reference: str, login: Login = _NOWHERE, rejected: Secret | None = None
    ) -> ResolvedSecret:
        """Return what a reference leads to; not what was `rejected`, if there is another by now.

        Raises:
            ConfigurationError: it leads nowhere.
        """
        scheme, _, rest = reference.partition(":")
        try:
            source = self._source(scheme)
            kept = self._of((reference, login if source.is_of_login else _NOWHERE))
            began = self._clock()
            with kept.lock:
                kept.raise_shared(began)
                if not kept.serves(rejected, self._clock()):
                    place = f"{scheme}:{_place(source, rest)}"
                    self._fetch(kept, source, place, rest, login, rejected)
                assert kept.found is not None  # noqa: S101 - it was fetched
                return kept.found
        except SyncError:
            raise
        except Exception as error:  # noqa: BLE001 - an installed package may raise anything
            raise ConfigurationError(
                f"The resolver of {scheme!r} secrets failed with {type(error).__name__}.",
                phase=Phase.CONFIGURE,
                hint="See the documentation of the package that offers it.",
            ) from None

    def _fetch(
        self,
        kept: _Kept,
        source: SecretSource,
        place: str,
        rest: str,
        login: Login,
        rejected: Secret | None,
    ) -> None:
        now = self._clock()
        if place in self._hanging:
            self._hanging[place].require_over(now)
        try:
            found = _in_time(lambda: source.fetch(rest, login, is_rejected=rejected is not None))
        except ConfigurationError as error:
            kept.error, kept.failed_at = copy.copy(error), self._clock()
            if error.retryable and kept.failed_at - now >= SLOW_SECONDS:
                self._hanging[place] = _Hanging(error, kept.failed_at)
            raise
        kept.found, kept.good_until, kept.error = found, now + found.good_for_seconds, None

    def _of(self, key: tuple[str, Login]) -> _Kept:
        with self._lock:
            return self._kept.setdefault(key, _Kept())

    def _source(self, scheme: str) -> SecretSource:
        with self._lock:
            if scheme not in self._sources:
                self._sources[scheme] = _made(scheme, self._settings)
            return self._sources[scheme]


def _place(source: SecretSource, rest: str) -> str:
    return source.place_of(rest) if isinstance(source, HasPlaces) else ""


def _in_time(fetch: Callable[[], ResolvedSecret]) -> ResolvedSecret:
    """Return what a place gives; one that sends a byte now and then hangs as well."""
    try:
        return Call(fetch, name="secret").result(LONGEST_SECONDS, lambda: None)
    except CallTimeout:
        raise ConfigurationError(
            f"The place of its secret did not answer within {LONGEST_SECONDS:g} seconds.",
            phase=Phase.CONFIGURE,
            hint="Check that it is there, and that this machine reaches it.",
            retryable=True,
        ) from None


def check_reference(reference: str) -> None:
    """Raise ConfigurationError when a reference has no known scheme."""
    scheme, separator, rest = reference.partition(":")
    if not separator or not rest:
        raise ConfigurationError(
            "A reference is a scheme and a name.",
            hint="Write env:NAME or file:/path, or see docs/secrets.md for the other schemes.",
        )
    if scheme not in _BUILT_IN:
        _installed(scheme)


@dataclass(frozen=True, slots=True)
class _Plain:
    """A place that gives a text to a name, and is asked each time."""

    resolver: PlainResolver
    is_of_login: bool = False

    def fetch(self, rest: str, login: Login, *, is_rejected: bool) -> ResolvedSecret:  # noqa: ARG002 - as the protocol has it
        return ResolvedSecret(Secret(self.resolver(rest)))


def _made(scheme: str, settings: Callable[[], Settings]) -> SecretSource:
    if scheme in _BUILT_IN:
        return _Plain(_BUILT_IN[scheme])
    loaded = _installed(scheme)
    if isinstance(loaded, type):
        made: SecretSource = loaded(settings())
        return made
    return _Plain(loaded)


def _installed(scheme: str) -> PlainResolver | type[Any]:
    for entry in entry_points(group=ENTRY_POINTS, name=scheme):
        try:
            loaded: PlainResolver | type[Any] = entry.load()
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                f"Secrets of the scheme {scheme!r} need the package {error.name}, which is not "
                "installed.",
                phase=Phase.CONFIGURE,
                hint="Install the extra of sync_pipeline that docs/secrets.md names for it.",
            ) from None
        return loaded
    raise ConfigurationError(
        f"No resolver is installed for secrets of the scheme {scheme!r}.",
        phase=Phase.CONFIGURE,
        hint=f"Known are env, file and the entry points of {ENTRY_POINTS}.",
    )


def _from_environment(name: str) -> str:
    value = os.environ.get(name)
    if value is None:
        raise ConfigurationError(
            f"The environment variable {name} of the secret is not set.",
            phase=Phase.CONFIGURE,
            hint="Set it for every process that syncs.",
        )
    return value


def _from_file(path: str) -> str:
    try:
        return read_file(path, LARGEST_SECRET)[0].decode().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The secret's file {path} can't be read ({type(error).__name__}).",
            phase=Phase.CONFIGURE,
            hint="Check that it exists and that the user who syncs may read it.",
        ) from None


def _unset(whence: str) -> str:
    raise ConfigurationError(
        f"The secret was not taken over from {whence}.",
        phase=Phase.CONFIGURE,
        hint="Set it: sync-pipeline credentials rotate NAME.",
    )


_BUILT_IN: dict[str, PlainResolver] = {
    "env": _from_environment,
    "file": _from_file,
    "unset": _unset,
}
