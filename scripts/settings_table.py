"""Write the table of settings into docs/operations.md, from the settings themselves."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BEGIN = "<!-- The table of settings: scripts/settings_table.py writes it. -->\n"
END = "<!-- End of the table. -->\n"


def main() -> None:
    """Replace what is between the two marks."""
    sys.path.insert(0, str(ROOT))
    from sync_pipeline.workflows.configuration import markdown_table  # noqa: PLC0415

    path = ROOT / "docs" / "operations.md"
    before, _, rest = path.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    path.write_text(f"{before}{BEGIN}{markdown_table()}{END}{after}")


if __name__ == "__main__":
    main()
