"""The script of SQL Server, word for word; what all engines promise is in `test_monitor.py`."""

from __future__ import annotations

import re

from sync_pipeline.engines.sqlserver.engine import SqlServer

SCRIPT = SqlServer().grants_script("m]on", "%", ("sales",))
GRANT = re.compile(r"GRANT ([A-Z ]+) TO \[m\]\]on\];")


def test_the_script_has_one_grant_a_line_and_no_password() -> None:
    first, *grants = SCRIPT.splitlines()
    assert first == "CREATE LOGIN [m]]on] WITH PASSWORD = '<password>';"
    assert len(grants) == 3
    assert all(GRANT.fullmatch(line) for line in grants)
