"""What reaches the terminal besides the answers: wrong arguments, logs and tracebacks."""

from __future__ import annotations

import errno
import logging
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import typer

from sync_pipeline.errors import ConfigurationError, SyncError
from sync_pipeline.visible import VisibleFormatter, visible, visible_lines

ABORTED, DEFECT = 1, 1
UNWRITTEN = 3
PROGRAM = "sync-pipeline"
"""Also where it is run as a module: the shell's completion goes by this name."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
# The base of all that typer says of arguments: it brings a click of its own, or has none.
_USAGE_ERROR: type[Exception] = typer.BadParameter.mro()[2]


def log_to_terminal() -> None:
    """Let warnings and errors of every logger go to standard error, one place for all."""
    handler = logging.StreamHandler()
    handler.setFormatter(VisibleFormatter("%(message)s"))
    handler.setLevel(logging.WARNING)
    logging.basicConfig(handlers=[handler])


def show_error(text: str) -> None:
    """Print lines on standard error."""
    typer.echo(visible_lines(text), err=True)


def require_text(arguments: Sequence[str]) -> None:
    """Refuse arguments that are no text: nothing can be stored under such a name.

    Raises:
        ConfigurationError: an argument is not valid in the encoding of the terminal.
    """
    for argument in arguments:
        if any("\ud800" <= character <= "\udfff" for character in argument):
            encoding = sys.getfilesystemencoding()
            raise ConfigurationError(f"The argument {visible(argument)} is no text in {encoding}.")


def show_every_name() -> None:
    """Let names that the encoding of the output has no sign for be shown by their numbers."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:  # a test's stream may be another kind
            reconfigure(errors="backslashreplace")


@contextmanager
def written_output() -> Iterator[None]:
    """Run a command, and end as other programs do where its output can't be written.

    Who closes a pipe (`| head`) ends the program by SIGPIPE (signal(7)), so that the shell
    tells status 141; a disk that is full is one sentence and status 3.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        _leave(sys.stdout)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGPIPE)
    except OSError as error:
        _leave(sys.stdout)
        reason = error.strerror or type(error).__name__
        typer.echo(f"The output can't be written: {reason}.", err=True)
        sys.exit(UNWRITTEN)


def _leave(stream: TextIO) -> None:
    """Let what is still buffered go nowhere: Python writes it when it ends."""
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())


def run_app(app: typer.Typer) -> int:
    """Run the command of the arguments and return its exit status.

    Raises:
        OSError: the output can't be written.
    """
    try:
        status = app(prog_name=PROGRAM, standalone_mode=False)
    except typer.Abort:
        typer.echo("Aborted.", err=True)
        return ABORTED
    except _USAGE_ERROR as error:
        return _say_usage(error)
    except SyncError:
        raise
    except SystemExit as error:
        # typer ends with 1 where a pipe is closed.
        if isinstance(error.__context__, BrokenPipeError):
            raise error.__context__ from None
        raise
    except Exception as error:  # a defect, whose text may quote a server
        if isinstance(error, OSError) and error.errno in _FULL and error.filename is None:
            raise
        said = _obstructed(error)
        if said:
            typer.echo(said, err=True)
            return UNWRITTEN
        typer.echo(visible_lines("".join(traceback.format_exception(error))), err=True)
        return DEFECT
    return status if isinstance(status, int) else 0


def _obstructed(error: BaseException) -> str:
    """Return what kept a file from being used; empty where it was something else."""
    from sync_pipeline.files.obstacles import obstacle_of

    obstacle = obstacle_of(error)
    if obstacle is None:
        return ""
    name = getattr(error, "filename", None)
    place = visible(str(name)) if name else "A file"
    return f"{place} can't be used: {obstacle.what}. {obstacle.hint} and run the command again."


def _say_usage(error: BaseException) -> int:
    from typer.rich_utils import rich_format_error

    error.message = visible(error.message)  # type: ignore[attr-defined]
    rich_format_error(error)  # type: ignore[arg-type]
    status: int = error.exit_code  # type: ignore[attr-defined]
    return status
