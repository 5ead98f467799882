#!/bin/bash
# Every fuzz target, with the corpus it left last time: an hour each for definitions and
# expressions, ten minutes for the others. Builds the fuzz preset (clang). HOUR and SHORT are
# seconds. A hang is a minute on the clock: on a busy machine half a second of work took twelve.
# Figures: executions, coverage and seconds of each target.
set -u
cd "$(dirname "$0")/../.." || exit 2
build=build/fuzz status=0 lines=$(mktemp) || exit 2
trap 'rm -f "$lines"' EXIT
cmake --preset fuzz >/dev/null || exit 1
cmake --build --preset fuzz >$build/build.log || { tail -20 $build/build.log && exit 1; }
for program in "$build"/tests/fuzz/fuzz_*; do
  [ -f "$program" ] && [ -x "$program" ] || continue
  name=$(basename "$program") seconds=${SHORT:-600}
  case $name in
  fuzz_definition)
    seconds=${HOUR:-3600} seeds=(tests/data/ows/examples tests/fuzz/seeds/definition) ;;
  fuzz_expression) seconds=${HOUR:-3600} seeds=() ;;
  fuzz_json) seeds=(tests/data/json-schema-suite/tests/draft7) ;;
  fuzz_schema) seeds=(tests/data/json-schema-suite/tests/draft2020-12) ;;
  fuzz_xml) seeds=(tests/data/ubl) ;;
  fuzz_x12) seeds=(tests/data/x12) ;;
  fuzz_csv) seeds=(tests/data/matchai) ;;
  *) seeds=() ;;
  esac
  corpus=$build/tests/fuzz/corpus/$name log=$build/tests/fuzz/$name.log
  mkdir -p "$corpus" "$build/tests/fuzz/found"
  echo "== $name for $seconds s"
  "$program" -max_total_time="$seconds" -timeout=60 -rss_limit_mb=2048 -print_final_stats=1 \
    -seed="${SEED:-0}" -artifact_prefix="$build/tests/fuzz/found/$name-" \
    "$corpus" "${seeds[@]}" >"$log" 2>&1 || { status=1 && tail -40 "$log"; }
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  edges=$(grep -o 'cov: [0-9]*' "$log" | tail -1 | tr -dc 0-9)
  echo "   ${runs:-0} runs, ${edges:-0} edges"
  echo "\"$name\": {\"seconds\": $seconds, \"runs\": ${runs:-0}, \"edges\": ${edges:-0}}" >>"$lines"
done
[ -z "${FIGURES:-}" ] || echo "{$(paste -sd, "$lines")}" >"$FIGURES"
exit $status
