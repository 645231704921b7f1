"""Prometheus' own checker of rules, which reads every expression as Prometheus does."""

from __future__ import annotations

import subprocess
from pathlib import Path

from workbench.servers import debian

PACKAGE = debian.DebianPackage(
    name="promtool",
    package="prometheus",
    suite="trixie",
    kept=("lib", "usr/lib", "usr/bin/promtool"),
    without=(
        *(
            "adduser",
            "daemon",
            "debconf",
            "init-system-helpers",
            "tzdata",
            "fonts-glyphicons-halflings",
        ),
        *(
            "libjs-bootstrap",
            "libjs-bootstrap4",
            "libjs-d3",
            "libjs-eonasdan-bootstrap-datetimepicker",
        ),
        *("libjs-jquery", "libjs-jquery-hotkeys", "libjs-moment", "libjs-moment-timezone"),
        *("libjs-mustache", "libjs-popper.js", "libjs-rickshaw", "prometheus-node-exporter"),
    ),
)


def check_rules(rules: Path) -> subprocess.CompletedProcess[str]:
    """Return what promtool says of a file of rules.

    Raises:
        Unavailable: it can't be had here.
    """
    command = debian.obtain(PACKAGE).command("usr/bin/promtool")
    return subprocess.run(
        [*command, "check", "rules", str(rules)], capture_output=True, check=False, text=True
    )
