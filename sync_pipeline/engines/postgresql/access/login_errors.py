"""Lines of pg_hba.conf that the server can't read, and what follows from that. Pure.

Manual, "The pg_hba.conf File" and "pg_hba_file_rules": a file with one such line is not put in
force by a reload, and no server starts with it. The view's own words are not asked for: they quote
what stands in the line, which may be a password.
"""

from __future__ import annotations

from collections.abc import Iterator

from sync_pipeline.engines.access.concerns import Concern
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.text import first_names

NAME = "login_rule_error"
_MOST_TOLD = 4


def login_errors(world: AccessWorld) -> Iterator[Concern]:
    """Yield that there are such lines; on a managed service they are the provider's."""
    found = [fact.value for fact in world.server.each(NAME)]
    if found and not world.platform.is_managed:
        yield Concern(
            "login-file-error",
            f"The server can't read {len(found)} of the lines of pg_hba.conf and the files that it "
            f"includes: line {first_names(found[:_MOST_TOLD], len(found))}. A reload puts none of "
            "them in force, and the server does not start again with them.",
            left="Mend them in pg_hba.conf: SELECT * FROM pg_hba_file_rules WHERE type IS "
            "NULL; says what is wrong. Until then nobody knows by which lines the server lets "
            "clients in.",
        )
