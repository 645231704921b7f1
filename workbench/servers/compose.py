"""Compose itself, which reads a file as it would to start it, and starts nothing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from workbench.servers import debian

PACKAGE = debian.DebianPackage(
    name="docker-compose",
    package="docker-compose",
    suite="trixie",
    kept=("lib", "usr/lib", "usr/libexec/docker"),
    without=("docker-cli", "docker.io", "containerd", "runc", "tini", "iptables", "adduser",
             "init-system-helpers", "systemd", "python3"),
)  # fmt: skip
PROGRAM = "usr/libexec/docker/cli-plugins/docker-compose"


def read(file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Return what `config` makes of a file: with every default, as JSON.

    Raises:
        Unavailable: it can't be had here.
    """
    command = debian.obtain(PACKAGE).command(PROGRAM)
    return subprocess.run(
        [*command, "--file", str(file), *arguments, "config", "--format", "json"],
        env={"PATH": os.environ.get("PATH", ""), "HOME": "/nonexistent"},
        capture_output=True, check=False, text=True, timeout=60,
    )  # fmt: skip
