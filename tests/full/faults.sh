#!/bin/bash
# kill -9 of each part of a company, fifty times each, under load. Figures: one object a part.
set -u
cd "$(dirname "$0")/../.." || exit 2
status=0 lines=$(mktemp) || exit 2
trap 'rm -f "$lines" "$lines.one"' EXIT
for target in coordinator agent bus wipe; do
  python3 -B tests/integration/faults/campaign.py --build "$BUILD" --target "$target" \
    --faults "${FAULTS:-50}" --seed "${SEED:-1}" >"$lines.one" || status=1
  cat "$lines.one"
  grep '^{' "$lines.one" | sed "s/^/\"$target\": /" >>"$lines"
done
[ -z "${FIGURES:-}" ] || { echo "{$(paste -sd, "$lines")}" >"$FIGURES"; }
exit $status
