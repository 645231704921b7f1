"""Reading the YAML files that people write rules in."""

from __future__ import annotations

from pathlib import Path

from sync_pipeline.errors import ConfigurationError


def read_rule_file(path: Path, setting: str) -> str:
    """Return a file's text.

    Raises:
        ConfigurationError: it can't be read; the message names the file and the setting.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ConfigurationError(
            f"The file {path} can't be read: {reason}.", hint=f"{setting} names it."
        ) from None
