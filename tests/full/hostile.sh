#!/bin/bash
# One agent with good credentials and bad will beside an honest load, in ROUNDS (7) alternating
# rounds with a plain CPU burner under the same quota, SHARE (0.5) of a processor. Fails when
# something is lost, doubled or believed, grows without bound, or the others have less than 0.9 of
# what the burner leaves them. More: tests/flow/README.md.
set -u
cd "$(dirname "$0")/../.." || exit 2
python3 -B tests/flow/hostile.py "$BUILD" --rounds "${ROUNDS:-7}" --share "${SHARE:-0.5}" \
  --least 0.9 \
  | tee "${FIGURES:-/dev/null}"
exit "${PIPESTATUS[0]}"
