#!/bin/bash
# Overload: ten times the sustained rate for a minute, urgent work beside it, and the way back.
set -u
cd "$(dirname "$0")/../.." || exit 2
python3 -B tests/flow/overload.py "$BUILD" | tee "${FIGURES:-/dev/null}"
exit "${PIPESTATUS[0]}"
