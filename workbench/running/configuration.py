"""The project's dagster.yaml with the edits that it describes."""

from __future__ import annotations

import re

from sync_pipeline.settings import project_root


def commented(name: str) -> str:
    """Return a section of dagster.yaml that is a comment there, put in force."""
    text = (project_root() / "dagster.yaml").read_text()
    match = re.search(rf"# --- {name} ---\n(.*?)# --- end ---\n", text, re.DOTALL)
    assert match is not None
    return re.sub(r"^# ?", "", match[1], flags=re.MULTILINE)


def variant(port: int) -> str:
    """Return dagster.yaml with Dagster's storage in PostgreSQL."""
    text = (project_root() / "dagster.yaml").read_text()
    section = commented("PostgreSQL")
    default = re.search(r"^storage:\n(  .*\n)+", text, re.MULTILINE)
    assert default is not None
    return text.replace(default[0], section).replace("port: 5432", f"port: {port}")
