"""A pytest plugin: a check of the code that runs beside the tests, and fails the run as they do.

Tests leave a part of two cores idle, since they wait too. Nothing of a check depends on them.
"""

from __future__ import annotations

import shlex
import subprocess
import tempfile

import pytest

LOWEST = "19"
"""How much it gives way: a test does not wait for it."""


class Beside:
    """A check at work, whose output is kept until the tests are over."""

    def __init__(self, command: str) -> None:
        self._command = command
        self._said = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            ["nice", "-n", LOWEST, *shlex.split(command)],
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=subprocess.STDOUT,
        )

    def pytest_keyboard_interrupt(self) -> None:
        """End the check: nobody waits for it any more."""
        self._process.kill()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Wait for the check, whose failure is the run's, until somebody interrupts that too."""
        try:
            self._process.wait()
        except KeyboardInterrupt:
            self._process.kill()
            self._process.wait()
            session.exitstatus = pytest.ExitCode.INTERRUPTED
            return
        if self._process.returncode and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell what it said and how it ended."""
        self._said.seek(0)
        terminalreporter.section(self._command)
        terminalreporter.write(self._said.read().decode(errors="replace"))
        terminalreporter.line(f"It ended with status {self._process.returncode}.")
        self._said.close()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Have who starts the tests say what runs beside them."""
    parser.addoption("--beside", metavar="COMMAND", help="a check that fails the run if it fails")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Start it, once a run (workers are no runs of their own), when the run has its warden."""
    command = config.getoption("--beside")
    if command and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Beside(command))
