"""The ports of our pages where nobody names another; the image publishes the same."""

from __future__ import annotations

UI_PORT = 3000
CONSOLE_PORT = 3080
