"""`sync-pipeline settings`: what is set, and where it comes from."""

from __future__ import annotations

from dataclasses import asdict

from sync_pipeline.cli.context import show_json
from sync_pipeline.cli.options import with_options
from sync_pipeline.cli.output import Cell, Output


@with_options
def settings(output: Output) -> None:
    """Show every setting: its value without secrets, where it comes from, and its default.

    It opens no store. A setting is a variable of the environment; a secret is shown as ***.
    """
    from sync_pipeline.settings import Settings
    from sync_pipeline.workflows.configuration import settings_of, written

    found = settings_of(Settings.load())
    if output.is_json:
        show_json([asdict(item) for item in found])
        return
    rows = [
        (
            item.variable,
            _cell(item.value, written(item.value, item.variable)),
            item.source,
            _cell(item.default, written(item.default, item.variable)),
            item.description,
        )
        for item in found
    ]
    output.show(("setting", "value", "from", "default", "meaning"), rows, "")


def _cell(value: object, text: str) -> Cell:
    """Return a cell in which numbers are numbers."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return Cell(value if is_number else text, text)
