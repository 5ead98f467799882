#!/bin/bash
# One agent with good credentials and bad will beside an honest load, in ROUNDS (7) alternating
# rounds with a plain CPU burner under the same quota, SHARE (0.5) of a processor. Fails when
# something is lost, doubled or believed, or grows without bound. More: tests/flow/README.md.
set -u
cd "$(dirname "$0")/../.." || exit 2
python3 -B tests/flow/hostile.py "$BUILD" --rounds "${ROUNDS:-7}" --share "${SHARE:-0.5}" \
  | tee "${FIGURES:-/dev/null}"
exit "${PIPESTATUS[0]}"
