#!/bin/bash
# same_trace.sh SIM_RUN: a seed played twice does the same things in the same order.
set -u
for seed in 1 2 3 4 5 6 7 8; do
  first=$("$1" --seed $seed) && second=$("$1" --seed $seed) || exit 1
  if [ "$first" != "$second" ]; then
    echo "seed $seed was played twice and came to different ends:"
    echo "$first"
    echo "$second"
    exit 1
  fi
done
echo "$first"
