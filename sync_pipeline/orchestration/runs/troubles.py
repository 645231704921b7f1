"""Dagster's own storage that can't be used, said in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dagster import DagsterError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from sync_pipeline.errors import Phase, StoreUnavailable, SyncError
from sync_pipeline.files.obstacles import obstacle_of
from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.orchestration.runs.ends import shown
from sync_pipeline.settings import Settings

AGAIN = "and run the command again; a run that began goes on, or its session says why it ended."


@contextmanager
def told_storage() -> Iterator[None]:
    """Say what is wrong with Dagster's storage instead of a traceback.

    Raises:
        StoreUnavailable: a statement or a file of the block failed.
    """
    try:
        yield
    except SyncError:
        raise
    except (SQLAlchemyError, OSError) as error:
        raise storage_error(error) from error
    except DagsterError as error:
        if obstacle_of(error) is None:
            raise
        raise storage_error(error) from error


def storage_error(error: BaseException) -> StoreUnavailable:
    """Return what is said where Dagster's storage, or a file of its, can't be used."""
    home = Settings.load().dagster_home
    place = f"Dagster's storage (files in {home}, or the database of dagster.yaml)"
    obstacle = obstacle_of(error, home)
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    reason = shown(str(cause)) or type(cause).__name__
    if obstacle is None:
        return StoreUnavailable(
            f"{place} can't be used: {reason}.", phase=Phase.STORE, hint=f"Mend it {AGAIN}"
        )
    return StoreUnavailable(
        f"{place} can't be used: {obstacle.what} ({reason}).",
        phase=Phase.STORE,
        hint=f"{obstacle.hint} {AGAIN}",
    )


def require_storage() -> None:
    """Open Dagster's storage once, before three processes fail with it.

    A database that is away may come back, so only what a person has to end is refused.

    Raises:
        StoreUnavailable: there is no room, or its files can't be written.
    """
    try:
        with open_instance():
            return
    except SyncError:
        raise
    except Exception as error:
        if obstacle_of(error, Settings.load().dagster_home) is None:
            return
        raise storage_error(error) from error
