#!/bin/bash
# Line coverage of the engine: every line that decides or applies what happens must be run by the
# unit tests, the engine's scenarios and the simulator's smoke set. Builds the coverage preset,
# counts with gcov (part of gcc). Fails below MINIMUM (90) percent in coordinator/engine, its
# process/ or its apply/. Figures: percent and lines of each folder. LINES=1 also names the files
# and lines that nothing ran.
set -u
cd "$(dirname "$0")/../.." || exit 2
build=build/coverage minimum=${MINIMUM:-90} status=0
cmake --preset coverage >/dev/null && cmake --build --preset coverage >/dev/null || exit 1
find $build -name '*.gcda' -delete
ctest --test-dir $build -j "$(nproc)" -LE 'full|integration|demo' -E 'sim_planted|sim_same' \
  >$build/coverage.log 2>&1 || { tail -20 $build/coverage.log && exit 1; }

# Of each source gcov prints "-: 0:Source:PATH" and then "COUNT:LINE:TEXT", where COUNT is - for
# what is no code and ##### for what nothing ran. PATH is absolute, or relative with ccache.
counted=$(cd $build && find coordinator/engine/CMakeFiles/engine.dir -name '*.gcno' \
  -exec gcov -t {} + 2>/dev/null | awk -F: '
  $2 ~ /^ *0$/ && $3 == "Source" {
    file = $4; sub(/^.*\/coordinator\//, "coordinator/", file); next }
  file !~ /^coordinator\/engine\/.*\.c$/ || $1 ~ /- *$/ || NF < 3 { next }
  { folder = file; sub(/\/[^\/]*$/, "", folder); all[folder]++ }
  $1 ~ /[#=]+$/ { number = $2 + 0; sub(/^[^:]*: *[0-9]+: */, ""); missed[folder]++
                  print "line " file ":" number ": " $0 }
  END { for (folder in all) print "folder", folder, all[folder] - missed[folder], all[folder] }')
[ "$(grep -c ^folder <<<"$counted")" -eq 3 ] || { echo "gcov did not count 3 folders" && exit 1; }
[ -z "${LINES:-}" ] || sed -n 's/^line //p' <<<"$counted"
lines=""
while read -r _ folder run all; do
  percent=$(awk -v run="$run" -v all="$all" 'BEGIN { printf "%.1f", 100 * run / all }')
  echo "$folder: $percent % of $all lines"
  [ $((100 * run)) -ge $((minimum * all)) ] || { echo "$folder: below $minimum %" && status=1; }
  lines="$lines${lines:+, }\"$folder\": {\"percent\": $percent, \"lines\": $all}"
done < <(grep ^folder <<<"$counted" | sort)
[ -z "${FIGURES:-}" ] || echo "{$lines}" >"$FIGURES"
exit $status
