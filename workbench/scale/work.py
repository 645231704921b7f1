"""What a program says of the CPU time of its work, apart from that of its start.

The start of a program imports a second's worth, of which one differs from another by a tenth: more
than a short work takes. So what measures itself tells both apart.
"""

from __future__ import annotations

import re

_TOLD = re.compile(r"^work took ([0-9.]+) CPU seconds\n?", re.MULTILINE)


def told_work(seconds: float) -> str:
    """Return the line that says how many CPU seconds the work of this process took."""
    return f"work took {seconds:.4f} CPU seconds"


def work_told(said: str) -> tuple[float | None, str]:
    """Return the CPU seconds that a program told of its work (None: it told none), and the rest."""
    found = _TOLD.search(said)
    if found is None:
        return None, said
    return float(found[1]), said[: found.start()] + said[found.end() :]
