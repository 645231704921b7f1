"""Where a connection is: which part of a container database, and whose service it is.

Sources: Amazon RDS User Guide, "RDS for Oracle users and privileges" and "Granting SELECT or
EXECUTE privileges to SYS objects"; Autonomous Database, "ADMIN User Roles and Privileges" and
"Roles and Views Restrictions for Data Dictionary".
"""

from __future__ import annotations

from sync_pipeline.model.platform import Platform

ROOT = "root"
"""The place CDB$ROOT, from which all open containers are read."""

PDB = "pdb"
"""The place of a pluggable database; one without containers has no place of its own."""

RDS = "rds"
RDS_PDB = "rds pdb"
"""Amazon RDS without containers, and with one pluggable database that customers get."""

AUTONOMOUS = "autonomous"
"""A pluggable database of Oracle's Autonomous Database."""

MANAGED = frozenset({RDS, AUTONOMOUS})
"""The platforms, by the names that the command line takes."""

RDSADMIN = "RDSADMIN"
"""The account of the provider of Amazon RDS."""

_PLACES = {"0": "", "1": ROOT}


def place_of(container_id: object, provider_accounts: object, cloud_service: object) -> str:
    """Return the place of a connection from what the server says of itself.

    No customer of a provider gets to the root, whatever accounts are there.
    """
    place = _PLACES.get(str(container_id), PDB)
    if place == ROOT:
        return place
    if cloud_service:
        return AUTONOMOUS
    if not provider_accounts:
        return place
    return RDS_PDB if place == PDB else RDS


def platform_of(place: str) -> str:
    """Return whose service a place is of; empty: nobody's."""
    return {RDS_PDB: RDS}.get(place, place if place in MANAGED else "")


def service_of(place: str) -> Platform:
    """Return the platform of a place, by the name that all engines share."""
    named = platform_of(place)
    return Platform(named) if named else Platform.SELF_RUN


def provider_accounts(platform: Platform) -> frozenset[str]:
    """Return the accounts that are the provider's, in a database without containers."""
    return frozenset({RDSADMIN}) if platform is Platform.RDS else frozenset()


def is_pluggable(place: str) -> bool:
    """Return whether a place is a pluggable database."""
    return place in (PDB, RDS_PDB, AUTONOMOUS)
