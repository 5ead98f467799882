#!/bin/bash
# The crash campaign in a build of its own, with the named places, against each nats-server of the
# matrix: the installed one and a pinned newer one, built as a Go module (left out, and said, where
# that cannot be). FAULTS (600) for each, in slices of SLICE (100) with seeds from SEED on; a slice
# leaves its log and figures in RESULTS. Ends with the table that tests/crash/README.md keeps.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tools/lib/nats.sh
build=$(dirname "$BUILD")/crash
results=${RESULTS:-$(dirname "$BUILD")/crash-results}
newer=$PWD/build/tools/newer slice=${SLICE:-100} seed=${SEED:-1} status=0 why=""
cmake --preset crash -B "$build" -DBUILD_TESTS=ON >/dev/null && cmake --build "$build" || exit 1
mkdir -p "$results"
servers=("")
nats_module nats-server "$nats_newer" "$newer" || echo "left out, the newer nats-server: $why"
[ ! -x "$newer/nats-server" ] || servers+=("$newer/nats-server")
for server in "${servers[@]}"; do
  for ((left = ${FAULTS:-600}; left > 0; left -= slice)); do
    name=$results/${server:+newer-}$seed
    echo "== ${server:-the installed nats-server}, seed $seed"
    NATS_SERVER=$server python3 -B tests/crash/run --build "$build" --seed "$seed" --verbose \
      --faults $((left < slice ? left : slice)) --figures "$name.json" >"$name.log" 2>&1 ||
      { status=1 && tail -60 "$name.log"; }
    seed=$((seed + 1))
  done
done
tests/crash/table ${FIGURES:+--figures "$FIGURES"} "$results"/*.json || status=1
exit $status
