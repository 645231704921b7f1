#!/usr/bin/env bash
# Take docs/images/ui-run.png again: the browser test saves what it sees.
set -euo pipefail
cd "$(dirname "$0")/../.."
SYNC_PIPELINE_TEST_PICTURE="$PWD/docs/images/ui-run.png" \
  .venv/bin/python -m pytest -q sync_pipeline_tests/browser
