"""Each page of the console names the test that compares its numbers with a command's.

That the page, its CSV and its JSON say the same is tested of every page that there is
(`integration/test_console_export.py`); these compare the JSON with the command.
"""

from __future__ import annotations

import re

import pytest

from sync_pipeline.settings import project_root
from sync_pipeline.web.resources.every import RESOURCES

PAGES = "integration/test_console_pages.py"
COMPARED = {
    "instances": (PAGES, "test_instances_are_those_of_the_command"),
    "instance": (PAGES, "test_an_instance_has_the_numbers_of_the_commands"),
    "who-can": (PAGES, "test_holders_are_folded_and_counted_as_the_table_of_the_command"),
    "accounts": (PAGES, "test_accounts_are_those_of_the_command"),
    "account": (PAGES, "test_an_account_can_do_what_the_command_says"),
    "causes": (PAGES, "test_causes_are_those_of_the_command"),
    "findings": (PAGES, "test_findings_are_those_of_the_command"),
    "sessions": (PAGES, "test_sessions_and_their_records_are_those_of_the_command"),
    "session": (PAGES, "test_sessions_and_their_records_are_those_of_the_command"),
}
WITHOUT_NUMBERS = {"names"}


@pytest.mark.parametrize("name", [item.name for item in RESOURCES])
def test_the_numbers_of_a_page_are_compared_with_a_command(name: str) -> None:
    """Where this fails for a page more: write such a test, and name it here."""
    assert (name in COMPARED) != (name in WITHOUT_NUMBERS)
    if name in COMPARED:
        file, test = COMPARED[name]
        source = (project_root() / "sync_pipeline_tests" / file).read_text()
        assert re.search(rf"^def {test}\(", source, re.MULTILINE)


def test_no_page_is_named_that_there_is_not() -> None:
    assert {*COMPARED, *WITHOUT_NUMBERS} == {item.name for item in RESOURCES}
