#!/bin/bash
# seeds.sh SIM_RUN: play the seeds of seeds.txt, which once found something that is mended.
set -u
while read -r seed what; do
  "$1" --seed "$seed" --no-shrink || { echo "again: $what" && exit 1; }
done < <(grep -v '^#' "$(dirname "$0")/seeds.txt")
