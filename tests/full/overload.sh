#!/bin/bash
# Overload: FACTOR (10) times the sustained rate of events for SECONDS_OF_FLOOD (60), urgent work
# beside it, and the way back. Fails when something accepted is lost, a process grows over its
# bound, or urgent work takes more than three times as long as alone. More: tests/flow/README.md.
set -u
cd "$(dirname "$0")/../.." || exit 2
python3 -B tests/flow/overload.py "$BUILD" --seconds "${SECONDS_OF_FLOOD:-60}" \
  --factor "${FACTOR:-10}" | tee "${FIGURES:-/dev/null}"
exit "${PIPESTATUS[0]}"
