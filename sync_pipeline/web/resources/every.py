"""All resources, in the order of the navigation. A page more is a module and its place here."""

from __future__ import annotations

from sync_pipeline.web.resource import Resource
from sync_pipeline.web.resources import (
    accounts,
    causes,
    changes,
    findings,
    instances,
    names,
    sessions,
    today,
    who_can,
)

RESOURCES: tuple[Resource, ...] = (
    *today.RESOURCES,
    *instances.RESOURCES,
    *who_can.RESOURCES,
    *accounts.RESOURCES,
    *changes.RESOURCES,
    *causes.RESOURCES,
    *findings.RESOURCES,
    *sessions.RESOURCES,
    *names.RESOURCES,
)
