"""Golden texts of findings: one file for each emulated service, as its customer would read it.

A golden is made again by each run and compared. How to renew one is said where it differs.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync_pipeline.model.finding import Finding, Review

DIRECTORY = Path(__file__).parent / "goldens"
RENEW = "SYNC_PIPELINE_TEST_RENEW_GOLDENS"
HOW = (
    f"Where the new text is what this service's customer should read, write it with {RENEW}=1 and "
    "this test, read the difference, and run again without it."
)


def compare(name: str, review: Review) -> None:
    """Compare a review with the golden of a name, or write it where that is asked for.

    Who writes fails too: nobody may take a new text for one that was looked at.
    """
    path, text = DIRECTORY / f"{name}.txt", text_of(review)
    if os.environ.get(RENEW):
        path.write_text(text, encoding="utf-8")
        pytest.fail(f"{path.name} was written. Read it, and run again without {RENEW}.")
    golden = path.read_text(encoding="utf-8") if path.exists() else ""
    if text != golden:
        lines = difflib.unified_diff(golden.splitlines(), text.splitlines(), path.name, "now")
        pytest.fail("\n".join([HOW, *lines]))


def text_of(review: Review) -> str:
    """Return the findings in a fixed order, all that is told of each, then the notes."""
    ordered = sorted(review.findings, key=_order)
    blocks = ["\n".join(_lines(item)) for item in ordered]
    notes = [f"note: {note}" for note in sorted(review.notes)]
    return "\n\n".join([*blocks, "\n".join(notes)]).strip() + "\n"


def _order(finding: Finding) -> tuple[int, str, str, str]:
    return (finding.severity.rank, finding.account, finding.rule, finding.about)


def _lines(finding: Finding) -> Iterator[str]:
    about = f" ({finding.about})" if finding.about else ""
    yield f"{finding.severity} | {finding.account or 'the server'} | {finding.rule}{about}"
    for name in ("evidence", "fix", "undo", "breaks", "left"):
        for line in str(getattr(finding, name)).splitlines():
            yield f"  {name}: {line}"
