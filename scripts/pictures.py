"""Take the README's pictures of the console from the demonstration that is running.

    python3 scripts/demo.py --ui        # in one terminal, until it says its addresses
    .venv/bin/python scripts/pictures.py

Needs the packages of the tests, and Chromium.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
IMAGES = ROOT / "docs" / "images"
PICTURES = {
    "console-today.png": "/today",
    "console-who-can.png": "/who-can?privilege=UPDATE&object=table:shop.orders",
}
SIZE = {"width": 1440, "height": 1000}


def main() -> None:
    """Take each picture whose page there is."""
    from playwright.sync_api import ViewportSize, sync_playwright  # noqa: PLC0415 - of the tests

    from workbench.running.programs import chromium  # noqa: PLC0415

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--address", default="http://127.0.0.1:3080", help="of the console")
    address = parser.parse_args().address
    if urlsplit(address).hostname not in ("127.0.0.1", "localhost"):
        sys.exit("The demonstration runs on this machine: give an address on 127.0.0.1.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        context = browser.new_context(
            viewport=ViewportSize(width=SIZE["width"], height=SIZE["height"]),
            locale="en-US",
            color_scheme="light",
            timezone_id="UTC",
        )
        page = context.new_page()
        for name, path in PICTURES.items():
            answer = page.goto(address + path)
            if answer is None or not answer.ok:
                sys.stdout.write(f"{path} was not answered: no {name}\n")
                continue
            page.screenshot(path=IMAGES / name)
            sys.stdout.write(f"{path}: {IMAGES / name}\n")
        browser.close()


if __name__ == "__main__":
    main()
