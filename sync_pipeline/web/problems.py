"""What is answered where there is no answer: a page for people, problem details for programs.

Problem details: RFC 9457. The sentence of an error of the store names its address: it goes to the
log, and not to whoever asked.
"""

from __future__ import annotations

import logging
import traceback
from dataclasses import dataclass
from http import HTTPStatus

from sqlalchemy.exc import DataError

from sync_pipeline.callers import Refusal
from sync_pipeline.errors import ConfigurationError, StoreDamaged, StoreUnavailable
from sync_pipeline.visible import visible_lines

_LOG = logging.getLogger("sync_pipeline")


@dataclass(frozen=True, slots=True)
class Problem:
    """Why there is no answer."""

    status: HTTPStatus
    detail: str

    def json(self) -> dict[str, object]:
        """Return the members of problem details."""
        return {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": int(self.status),
            "detail": self.detail,
        }


NOT_FOUND = Problem(HTTPStatus.NOT_FOUND, "There is no such thing, or it is not yours to see.")
NO_LOGIN = Problem(HTTPStatus.UNAUTHORIZED, "Log in with a token of the console.")
TOO_LATE = Problem(
    HTTPStatus.SERVICE_UNAVAILABLE, "The answer took too long. Ask for less, by a filter."
)
SLOW = Problem(HTTPStatus.REQUEST_TIMEOUT, "The request did not come to its end in time.")
BUSY = Problem(HTTPStatus.SERVICE_UNAVAILABLE, "Too much is asked at once. Ask again in a moment.")
TOO_MANY = Problem(
    HTTPStatus.TOO_MANY_REQUESTS, "This address asks too much at once. Ask again in a moment."
)


def problem_of(error: Exception) -> Problem:
    """Return what is said of an error; one that nobody expects is logged."""
    if isinstance(error, Refusal):
        return Problem(error.status, error.sentence)
    if isinstance(error, ConfigurationError):
        return Problem(HTTPStatus.BAD_REQUEST, f"{error.message} {error.hint or ''}".strip())
    if isinstance(error, StoreDamaged):
        _LOG.error("%s", visible_lines(str(error)))
        return Problem(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "What is stored of this instance is damaged. Its next sync writes it again.",
        )
    if isinstance(error, StoreUnavailable):
        _LOG.error("%s", visible_lines(str(error)))
        return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "The store does not answer. Ask again soon.")
    if isinstance(error, DataError):
        return Problem(HTTPStatus.BAD_REQUEST, "No name has a character that is asked for.")
    # Where it happened, without the exception's text: that may quote anything.
    where = "".join(traceback.format_tb(error.__traceback__))
    _LOG.error("console: unexpected %s\n%s", type(error).__name__, where)
    return Problem(
        HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong that is told in the log."
    )
