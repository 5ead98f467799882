#!/bin/bash
# The language: generated expressions against libjq (EXPRESSIONS of them), and how long a definition
# of a thousand lines takes to check. Fails above 50 ms.
set -u
cd "$(dirname "$0")/../.." || exit 2
count=${EXPRESSIONS:-60000} status=0
SEED=${SEED:-1} EXPRESSIONS=$count "$BUILD/tests/unit/definition/test_expr_jq" \
  --filter 'differential/*' || status=1
figure=$("$BUILD/bin/bench-definition") || exit 1
echo "$figure"
median=$(sed 's/.*"median_ms": \([0-9]*\).*/\1/' <<<"$figure")
[ "$median" -lt 50 ] ||
  { echo "a definition takes $median ms to check, 50 are allowed" && status=1; }
[ -z "${FIGURES:-}" ] || echo "{\"expressions\": $count, \"definition\": $figure}" >"$FIGURES"
exit $status
