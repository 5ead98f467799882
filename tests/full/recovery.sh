#!/bin/bash
# Recovery: kill -9 of the coordinator with WAITING (100,000) instances that wait and ACTIVE (1,000)
# that have work at an agent, RUNS (10) times. Fails when the first new instance takes more than
# 500 ms (median), or a waiting instance more than 1 KB of tables. More: tests/flow/README.md.
set -u
cd "$(dirname "$0")/../.." || exit 2
python3 -B tests/flow/recovery.py "$BUILD" --waiting "${WAITING:-100000}" \
  --active "${ACTIVE:-1000}" --runs "${RUNS:-10}" | tee "${FIGURES:-/dev/null}"
exit "${PIPESTATUS[0]}"
