"""CIS SQL Server Benchmark: its chapters on authentication and surface.

The numbers are those of the benchmark for SQL Server 2019; the titles are our own words.
"""

from __future__ import annotations

from sync_pipeline.model.benchmark import Benchmark, Control
from sync_pipeline.model.instance import EngineName

CIS_SQLSERVER = Benchmark(
    "cis-sqlserver",
    "CIS Microsoft SQL Server 2019 Benchmark, chapter 3",
    EngineName.SQLSERVER,
    (Control("3.3", "No users in databases whose login is gone", ("orphaned-user",)),),
)
