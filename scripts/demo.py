"""Set up, then sync the accounts of private sample servers. Needs Python 3.11+ alone."""

from __future__ import annotations

import os
import sys

from environment import PYTHON, ROOT, ensure_environment

if __name__ == "__main__":
    ensure_environment("demo.txt")
    os.chdir(ROOT)
    os.execv(PYTHON, [str(PYTHON), "-m", "demo", *sys.argv[1:]])  # noqa: S606
