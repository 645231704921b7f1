"""Reading the YAML files that people write rules in."""

from __future__ import annotations

from pathlib import Path

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.files.reading import LARGEST_TEXT, read_file
from sync_pipeline.files.trust import changeable_by_all


def read_rule_file(path: Path, setting: str) -> str:
    """Return a file's text.

    Raises:
        ConfigurationError: it can't be read, or every user may change it; the message names
            the file and the setting.
    """
    if mend := changeable_by_all(path):
        raise ConfigurationError(
            f"The file {path} can be changed by every user of this machine.",
            hint=f"{setting} names it. Mend it: {mend}.",
        )
    try:
        return read_file(path, LARGEST_TEXT)[0].decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ConfigurationError(
            f"The file {path} can't be read: {reason}.", hint=f"{setting} names it."
        ) from None
