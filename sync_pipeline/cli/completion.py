"""Names of instances for the shell's completion: quick, and silent where there are none."""

from __future__ import annotations

import re
import threading

SECONDS = 1.5
"""After which a store that does not answer has nothing to complete."""
MOST_NAMES = 1000
# zsh evaluates what it is given, and bash splits it at blanks: other names are typed.
_SAFE = re.compile(r"\w[\w.@+-]*")


def instance_names(incomplete: str) -> list[str]:
    """Return the names of instances that begin so; none where the store can't be asked in time."""
    found: list[str] = []
    asking = threading.Thread(target=_ask, args=(incomplete, found), daemon=True)
    asking.start()
    asking.join(SECONDS)
    return [] if asking.is_alive() else found


def _ask(incomplete: str, found: list[str]) -> None:
    try:
        from sync_pipeline.settings import Settings
        from sync_pipeline.store.names import read_names

        url = Settings.load().effective_store_url
        names = read_names(url, incomplete, MOST_NAMES)
    except Exception:  # noqa: BLE001 - a shell shows what is said between the words of its user
        return
    found += [name for name in names if _SAFE.fullmatch(name)]
