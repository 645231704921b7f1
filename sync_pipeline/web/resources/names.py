"""Names of instances, which forms complete."""

from __future__ import annotations

from sync_pipeline.web.asked import Asked, Parameter
from sync_pipeline.web.resource import Resource
from sync_pipeline.web.resources.links import instance_link
from sync_pipeline.web.views import Column, Kind, Layout, View
from sync_pipeline.workflows.console.answers import Answers

LIST = Layout("names", (Column("instance", Kind.NAME),))


def every(answers: Answers, asked: Asked) -> View:
    """Return the first names that begin so."""
    names = answers.names(asked.text("beginning"), asked.place.limit)
    return View((LIST.of((instance_link(name),) for name in names),))


RESOURCES = (Resource("names", every, (LIST,), (Parameter("beginning"),), is_listed=False),)
