"""What forms complete: names of instances, and what a privilege may be on."""

from __future__ import annotations

from sync_pipeline.web.asked import Asked, Parameter
from sync_pipeline.web.resource import Resource
from sync_pipeline.web.resources.links import instance_link
from sync_pipeline.web.views import Column, Kind, Layout, View
from sync_pipeline.workflows.console.answers import Answers

LIST = Layout("names", (Column("instance", Kind.NAME),))
OBJECTS = Layout("objects", (Column("object", Kind.NAME),))


def every(answers: Answers, asked: Asked) -> View:
    """Return the first names that begin so."""
    names = answers.names(asked.text("beginning"), asked.place.limit)
    return View((LIST.of((instance_link(name),) for name in names),))


def objects(answers: Answers, asked: Asked) -> View:
    """Return the first texts for *Who can* that begin so: kinds, and databases by their names."""
    found = answers.objects(asked.text("beginning"), asked.place.limit)
    return View((OBJECTS.of((text,) for text in found),))


_BEGINNING = (Parameter("beginning"),)
RESOURCES = (
    Resource("names", every, (LIST,), _BEGINNING, is_listed=False, has_page=False),
    Resource("objects", objects, (OBJECTS,), _BEGINNING, is_listed=False, has_page=False),
)
