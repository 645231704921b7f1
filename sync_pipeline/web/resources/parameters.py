"""Parameters that several pages have, and what they select."""

from __future__ import annotations

from datetime import datetime

from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.page import InstanceQuestion
from sync_pipeline.model.platform import Platform
from sync_pipeline.web.asked import Asked, Parameter, Shape
from sync_pipeline.workflows.console.answers import Answers

INSTANCE = Parameter("instance", Shape.INSTANCE)
INSTANCES = Parameter("instance", Shape.INSTANCE, is_many=True)
TAG = Parameter("tag", is_many=True)
ENGINE = Parameter("engine", Shape.CHOICE, tuple(EngineName), is_many=True)
ENVIRONMENT = Parameter("environment", is_many=True)
PLATFORM = Parameter("platform", Shape.CHOICE, tuple(Platform), is_many=True)
AT = Parameter("at")
SYSTEM = Parameter("system", Shape.FLAG)
SELECTION = (INSTANCES, TAG, ENGINE, ENVIRONMENT)


def selected(asked: Asked) -> InstanceQuestion:
    """Return which instances the parameters of a selection mean."""
    return InstanceQuestion(
        names=asked.many(INSTANCE.name),
        tags=asked.many(TAG.name),
        engines=asked.many(ENGINE.name),
        environments=asked.many(ENVIRONMENT.name),
    )


def moment(answers: Answers, asked: Asked, parameter: Parameter = AT) -> datetime | None:
    """Return the moment (UTC) that a parameter names, or that is so long ago; None: now.

    Raises:
        ConfigurationError: it names none, or one that has not come yet.
    """
    return answers.moment(asked.text(parameter.name))


def as_of(at: datetime | None) -> str:
    """Return the end of a title that names the moment of an answer; empty: now."""
    return f" ({at:%Y-%m-%d %H:%M:%S}Z)" if at else ""
