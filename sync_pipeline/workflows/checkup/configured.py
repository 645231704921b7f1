"""The settings in force, and the files that they name."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.files.reading import LARGEST_TEXT, read_file
from sync_pipeline.files.written_yaml import BadYaml, read_yaml
from sync_pipeline.model.checkup import Check, fault, ok, warning
from sync_pipeline.settings import DAGSTER_YAML, Settings, project_root
from sync_pipeline.workflows.answers.classification import account_classes
from sync_pipeline.workflows.answers.finding_rules import file_rules
from sync_pipeline.workflows.answers.report_routes import report_routes
from sync_pipeline.workflows.checkup.known import Asked
from sync_pipeline.workflows.checkup.running import told
from sync_pipeline.workflows.weakened import weakened

NAME = "settings"
_FILES: dict[str, Callable[[Settings], object]] = {
    "findings_file": file_rules,
    "classification_file": account_classes,
    "reports_file": report_routes,
}


def look(asked: Asked) -> Iterator[Check]:
    """Yield how the settings are, which of them weaken something, and the files that are wrong.

    The file of alerts is looked at with the alerts.
    """
    given = len(asked.settings.model_fields_set)
    yield ok(NAME, f"All are valid; {given} are set by the environment.")
    for sentence in weakened(asked.settings):
        yield warning(NAME, sentence, "Take it away where it is not needed any more (SECURITY.md).")
    for setting, read in _FILES.items():
        if getattr(asked.settings, setting) is not None:
            try:
                read(asked.settings)
            except ConfigurationError as error:
                yield told(NAME, error)
    yield from _project()


def _project() -> Iterator[Check]:
    """Yield how the `dagster.yaml` in force is."""
    path = project_root() / DAGSTER_YAML
    try:
        written = read_yaml(read_file(path, LARGEST_TEXT)[0].decode())
        found = written.value(written.root)
    except BadYaml as error:
        yield fault(DAGSTER_YAML, error.sentence(str(path)), "Correct it.")
        return
    except (OSError, UnicodeDecodeError) as error:
        yield fault(DAGSTER_YAML, f"{path} can't be read ({type(error).__name__}).", "Mend it.")
        return
    monitoring = found.get("run_monitoring") if isinstance(found, dict) else None
    if not (isinstance(monitoring, dict) and monitoring.get("enabled")):
        yield fault(
            DAGSTER_YAML,
            f"{path} lets Dagster notice no killed run (run_monitoring).",
            "Take that section over from the one that sync_pipeline brings (docs/install.md).",
        )
        return
    yield ok(DAGSTER_YAML, f"{path} is in force.")
