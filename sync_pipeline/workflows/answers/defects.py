"""Defects of rules, which must never lose the sync that asked them."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from typing import TypeVar

from sync_pipeline.errors import StoreUnavailable
from sync_pipeline.model.instance import Instance

_LOG = logging.getLogger(__name__)
ResultT = TypeVar("ResultT")


def log_defect(instance: Instance, error: Exception) -> None:
    """Say where a defect is, without the exception's text: that may quote anything."""
    where = "".join(traceback.format_tb(error.__traceback__))
    _LOG.error("%s: unexpected %s\n%s", instance.name, type(error).__name__, where)


def unless_defect(instance: Instance, make: Callable[[], ResultT], otherwise: ResultT) -> ResultT:
    """Return what is made, or (with a line in the log) something else where that fails.

    Raises:
        StoreUnavailable: the store does not answer, so that nothing will be written either.
    """
    try:
        return make()
    except StoreUnavailable:
        raise
    except Exception as error:  # noqa: BLE001 - a defect in a rule must not lose a sync
        log_defect(instance, error)
        return otherwise
