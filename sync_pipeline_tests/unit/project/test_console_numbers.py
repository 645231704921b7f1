"""The numbers of each page of the console are compared with those of a command, by some test.

That the page, its CSV and its JSON say the same is tested of every page that there is
(`integration/test_console_export.py`); these tests compare the JSON with the command.
"""

from __future__ import annotations

from functools import cache

import pytest

from sync_pipeline.settings import project_root
from sync_pipeline.web.resources.every import RESOURCES

WITHOUT_NUMBERS = {"names", "objects"}
COMMANDS = ("told.ok(", "told.run(", "told.json(", "command.ok(")


@cache
def comparing() -> list[str]:
    """Return the files of tests of the console that ask a command, too."""
    files = (project_root() / "sync_pipeline_tests" / "integration").glob("test_console_*.py")
    sources = [file.read_text() for file in files]
    return [source for source in sources if any(word in source for word in COMMANDS)]


@pytest.mark.parametrize(
    "name", [item.name for item in RESOURCES if item.name not in WITHOUT_NUMBERS]
)
def test_the_numbers_of_a_page_are_compared_with_a_command(name: str) -> None:
    """Where this fails for a page more: write a test that asks its API and a command."""
    assert any(f'"/api/v1/{name}"' in file for file in comparing())
