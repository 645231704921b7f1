"""What reaches the terminal besides the answers: wrong arguments, logs and tracebacks."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Sequence

import typer

from sync_pipeline.errors import ConfigurationError, SyncError
from sync_pipeline.visible import VisibleFormatter, visible, visible_lines

ABORTED, DEFECT = 1, 1
# The base of all that typer says of arguments: it brings a click of its own, or has none.
_USAGE_ERROR: type[Exception] = typer.BadParameter.mro()[2]


def log_to_terminal() -> None:
    """Let warnings and errors of every logger go to standard error, one place for all."""
    handler = logging.StreamHandler()
    handler.setFormatter(VisibleFormatter("%(message)s"))
    handler.setLevel(logging.WARNING)
    logging.basicConfig(handlers=[handler])


def require_text(arguments: Sequence[str]) -> None:
    """Refuse arguments that are no text: nothing can be stored under such a name.

    Raises:
        ConfigurationError: an argument is not valid in the encoding of the terminal.
    """
    for argument in arguments:
        if any("\ud800" <= character <= "\udfff" for character in argument):
            encoding = sys.getfilesystemencoding()
            raise ConfigurationError(f"The argument {visible(argument)} is no text in {encoding}.")


def run_app(app: typer.Typer) -> int:
    """Run the command of the arguments and return its exit status."""
    try:
        status = app(standalone_mode=False)
    except typer.Abort:
        typer.echo("Aborted.", err=True)
        return ABORTED
    except _USAGE_ERROR as error:
        return _say_usage(error)
    except SyncError:
        raise
    except Exception as error:  # noqa: BLE001 - a defect, whose text may quote a server
        typer.echo(visible_lines("".join(traceback.format_exception(error))), err=True)
        return DEFECT
    return status if isinstance(status, int) else 0


def _say_usage(error: BaseException) -> int:
    from typer.rich_utils import rich_format_error  # noqa: PLC0415 - only needed here

    error.message = visible(error.message)  # type: ignore[attr-defined]
    rich_format_error(error)  # type: ignore[arg-type]
    status: int = error.exit_code  # type: ignore[attr-defined]
    return status
