"""All resources, in the order of the navigation. A page more is a module and its place here."""

from __future__ import annotations

from sync_pipeline.web.resource import Resource
from sync_pipeline.web.resources import (
    account,
    accounts,
    capacity,
    causes,
    changes,
    compare,
    findings,
    histories,
    imported,
    instances,
    names,
    sessions,
    tenure,
    today,
    who_can,
)

RESOURCES: tuple[Resource, ...] = (
    *today.RESOURCES,
    *instances.RESOURCES,
    *who_can.RESOURCES,
    *accounts.RESOURCES,
    *account.RESOURCES,
    *imported.RESOURCES,
    *compare.RESOURCES,
    *tenure.RESOURCES,
    *changes.RESOURCES,
    *causes.RESOURCES,
    *findings.RESOURCES,
    *capacity.RESOURCES,
    *histories.RESOURCES,
    *sessions.RESOURCES,
    *names.RESOURCES,
)
