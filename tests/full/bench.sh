#!/bin/bash
# The bench: 256 workflows in flight, then one, five runs each. The figures of the README.
set -u
cd "$(dirname "$0")/../.." || exit 2
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
status=0
for load in "256 10000" "1 1000"; do
  read -r concurrency workflows <<<"$load"
  tools/bench --build "$BUILD" --workflows "$workflows" --concurrency "$concurrency" --runs 5 \
    -o json >"$folder/$concurrency.json" || status=1
done
[ -z "${FIGURES:-}" ] ||
  echo "{\"many\": $(cat "$folder/256.json"), \"one\": $(cat "$folder/1.json")}" >"$FIGURES"
exit $status
