#!/usr/bin/env bash
# Take docs/images/report.png again: the report that the demonstration writes.
set -euo pipefail
cd "$(dirname "$0")/../.."
python3 scripts/demo.py
chromium --headless --no-sandbox --hide-scrollbars --window-size=1200,1060 \
  --virtual-time-budget=3000 --screenshot="$PWD/docs/images/report.png" \
  "file://$PWD/.demo/report.html"
