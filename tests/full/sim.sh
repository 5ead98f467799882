#!/bin/bash
# 100,000 counted seeds of the simulator; a finding fails the campaign. SEEDS: another number.
set -u
cd "$(dirname "$0")/../.." || exit 2
exec tests/sim/run --seeds "${SEEDS:-100000}" --from "${SEED:-1}" --jobs "$(nproc)" \
  ${FIGURES:+--figures "$FIGURES"}
