"""Where an instance is listed: by whom, under which name there, and whether it still is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sync_pipeline.model.instance import Instance

LONGEST_ID = 512
"""Of a service's own name of a resource: an ARN, a resource id of Azure, a selfLink."""


class Cloud(StrEnum):
    """Whose list it is, by the name that the command line takes."""

    AWS = "aws"
    AZURE = "azure"
    GCP = "gcp"


@dataclass(frozen=True, slots=True)
class Origin:
    """What a cloud's list said of an instance when it was last looked at.

    `resource_id` is its name there, which no other has at a time. `own_id` is what a service gives
    a server for its life, whatever it is called; empty where there is none. `scope` is the part
    of the list that it is in: what is not in a part that was read whole, is gone. `host`, `port`
    and `tags` are the list's: what a person gave the instance beside is not taken away.
    `vanished_at`: since when (UTC) it was missed; None: it is there.
    """

    cloud: Cloud
    scope: str
    resource_id: str
    own_id: str
    host: str
    port: int
    tags: tuple[str, ...] = ()
    vanished_at: datetime | None = None


class StepKind(StrEnum):
    """What happens to an instance."""

    ADD = "add"
    LINK = "link"
    CHANGE = "change"
    RETURN = "return"
    VANISH = "vanish"


@dataclass(frozen=True, slots=True)
class Step:
    """One instance as it is from now on, and where it is listed.

    `instance.id` is 0 for one that is added. `differences` are sentences for people.
    """

    kind: StepKind
    instance: Instance
    origin: Origin
    differences: tuple[str, ...] = ()
