#!/bin/bash
# The bench: 256 workflows in flight, then one, then 256 whose steps are keyed effects; five runs
# each. The figures of the README.
set -u
cd "$(dirname "$0")/../.." || exit 2
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
status=0
for load in "many 256 10000 pure" "one 1 1000 pure" "keyed 256 10000 keyed"; do
  read -r name concurrency workflows effects <<<"$load"
  tools/bench --build "$BUILD" --workflows "$workflows" --concurrency "$concurrency" --runs 5 \
    --effects "$effects" -o json >"$folder/$name.json" || status=1
done
[ -z "${FIGURES:-}" ] ||
  printf '{"many": %s, "one": %s, "keyed": %s}\n' "$(cat "$folder/many.json")" \
    "$(cat "$folder/one.json")" "$(cat "$folder/keyed.json")" >"$FIGURES"
exit $status
