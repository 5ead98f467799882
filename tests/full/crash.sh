#!/bin/bash
# The crash campaign in a build of its own, with the named places. FAULTS says how many.
set -u
cd "$(dirname "$0")/../.." || exit 2
build=$(dirname "$BUILD")/crash
cmake --preset crash -B "$build" -DBUILD_TESTS=ON >/dev/null && cmake --build "$build" || exit 1
exec python3 -B tests/crash/run --build "$build" --faults "${FAULTS:-1000}" --seed "${SEED:-1}" \
  ${FIGURES:+--figures "$FIGURES"}
