# How tools/test runs a stage: in a session of its own, its output in a log, timed, counted, and
# with nothing left running afterwards. Stages that only compute can run beside the others, at the
# lowest priority. Source this file from the top of the source tree.

out=$PWD/build/test     # build trees and logs
tools=$PWD/build/tools/bin
jobs=$(nproc)
passed=0 failed=0 skipped=0 why="" runner="" summary=()
export PATH=$tools:$PATH LC_ALL=C.UTF-8 CLICOLOR=0 CTEST_OUTPUT_ON_FAILURE=1
export PYTHONDONTWRITEBYTECODE=1
# Every process of a stage carries MAINSTAY_TEST_RUN=$run_id-STAGE; that is how strays are found.
run_id="$$-${EPOCHREALTIME//[.,]/}"
declare -A stage_pids stage_starts

stage_names() {
  declare -F | sed -n 's/^declare -f stage_\([a-z]*\)$/\1/p' | grep -vx names | tr '\n' ' '
}

git_files() {
  if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git ls-files -co --exclude-standard -- "$@" | grep -v '^tests/data/' | sort -u |
      while read -r file; do [ ! -f "$file" ] || echo "$file"; done
  else
    find . -name "$1" ! -path './build/*' ! -path './tests/data/*'
  fi
}

# in_session COMMAND...: run it apart, so that a signal to us or a stray child cannot mix things up.
in_session() {
  setsid --wait "$@"
}

# build PRESET DIRECTORY [-DX=Y...]: configure and build into build/test/DIRECTORY. What is to be
# built, if not everything, is in $targets.
build() {
  local preset=$1 dir=$out/$2
  shift 2
  in_session cmake --preset "$preset" -B "$dir" "$@" >"$dir.configure.log" 2>&1 || {
    tail -30 "$dir.configure.log"
    why="cmake --preset $preset failed"
    return 1
  }
  # shellcheck disable=SC2086
  in_session cmake --build "$dir" -j "$jobs" ${targets:+--target $targets} -- -k 0 \
    >"$dir.build.log" 2>&1 || {
    grep -E -A6 'error: |undefined reference' "$dir.build.log" | grep -v "^\[" | head -80
    why="the build failed, $dir.build.log"
    return 1
  }
}

# tests_of DIRECTORY [ctest options]: run CTest there and count every test. Twice as many as there
# are processors: half of the tests wait for most of their time.
tests_of() {
  local dir=$out/$1 junit=$out/$1.junit.xml status=0 counts
  shift
  rm -f "$junit"
  # shellcheck disable=SC2086
  in_session $runner ctest --test-dir "$dir" -j $((jobs * 2)) --timeout 900 \
    --no-tests="${no_tests:-ignore}" --output-junit "$junit" "$@" >"${dir}.ctest.log" 2>&1 ||
    status=1
  [ $status = 0 ] || grep -v ' Passed ' "${dir}.ctest.log" | tail -120
  ! grep -q 'No tests were found' "${dir}.ctest.log" || why="no such test"
  counts=$(python3 tools/lib/junit "$junit" "${dir##*/}") || status=1
  read -r t_passed t_failed t_skipped <<<"$(tail -1 <<<"$counts")"
  sed '$d' <<<"$counts"
  [ "${t_failed:-0}" = 0 ] || [ -n "$why" ] || why="$t_failed tests failed, ${dir}.ctest.log"
  echo "${t_passed:-0} ${t_failed:-0} ${t_skipped:-0}" >"$stage_counts"
  return $status
}

# strays [STAGE]: processes of the stage (of all of them) that are still there, apart from us and
# the scan itself.
strays() {
  local entry pid mark=MAINSTAY_TEST_RUN=$run_id-${1:-[a-z]*}
  for entry in /proc/[0-9]*; do
    pid=${entry#/proc/}
    [ "$pid" != "$$" ] && [ "$pid" != "$BASHPID" ] || continue
    tr '\0' '\n' 2>/dev/null <"$entry/environ" | grep -qx "$mark" 2>/dev/null || continue
    case $(tr '\0' ' ' 2>/dev/null <"$entry/cmdline") in "" | *tools/test*) continue ;; esac
    echo "$pid"
  done
}

kill_strays() {
  local pid
  for pid in $(strays "$@"); do
    echo "stopping the process left behind: $pid $(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline")"
    kill -TERM "$pid" 2>/dev/null
  done
  sleep 0.2
  for pid in $(strays "$@"); do kill -KILL "$pid" 2>/dev/null; done
}

stages_begin() {
  mkdir -p "$out" "$tools"
  scratch=$(mktemp -d "${TMPDIR:-/tmp}/mainstay-test.XXXXXX") || exit 2
  export TMPDIR=$scratch
  trap 'kill_strays >/dev/null; rm -rf "$scratch"' EXIT
  trap 'failed=$((failed + 1)); summary+=("interrupted"); stages_end' INT TERM HUP
  begun=$SECONDS
}

# begin_stage NAME: run stage_NAME in the background; end_stage waits for it.
begin_stage() {
  local name=$1
  stage_starts[$name]=$SECONDS
  rm -f "$out/$name.counts" "$out/$name.why" "$out/$name.end"
  mkdir "$scratch/$name"
  # A subshell: a stage may change its environment; its reason comes back through a file.
  (
    export MAINSTAY_TEST_RUN=$run_id-$name TMPDIR=$scratch/$name
    why="" stage_counts=$out/$name.counts
    "stage_$name"
    code=$?
    echo "$why" >"$out/$name.why"
    echo "$SECONDS" >"$out/$name.end"
    exit $code
  ) >"$out/$name.log" 2>&1 &
  stage_pids[$name]=$!
}

# end_stage NAME: wait for it, print how it went, count it and the tests in it.
end_stage() {
  local name=$1 log=$out/$1.log status word left seconds counted=""
  wait "${stage_pids[$name]}"
  status=$?
  why=$(cat "$out/$name.why" 2>/dev/null)
  seconds=$(($(cat "$out/$name.end" 2>/dev/null || echo $SECONDS) - stage_starts[$name]))
  left=$(kill_strays "$name")
  if [ -n "$left" ]; then
    echo "$left" | tee -a "$log"
    [ $status != 0 ] || { status=1 why="it left processes behind"; }
  fi
  left=$(ls -A "$scratch/$name" | head -5 | tr '\n' ' ')
  [ -z "$left" ] || echo "note: left in TMPDIR, removed now: $left" >>"$log"
  rm -rf "${scratch:?}/$name"
  if [ -f "$out/$name.counts" ]; then
    read -r t_passed t_failed t_skipped <"$out/$name.counts"
    passed=$((passed + t_passed)) failed=$((failed + t_failed)) skipped=$((skipped + t_skipped))
    counted=", $t_passed tests passed"
  fi
  case $status in
    0) word=ok passed=$((passed + 1)) ;;
    77) word=skipped skipped=$((skipped + 1)) ;;
    *) word=FAILED failed=$((failed + 1)) && sed 's/^/    /' "$log" | tail -150 ;;
  esac
  [ $status != 0 ] || grep -E '^(skipped|warning|note)' "$log" | sed 's/^/    /'
  summary+=("$(printf '%-10s %-8s %5d s  %s' "$name" "$word" $seconds "$why")")
  printf '[%5ds] %-10s %s (%d s)%s%s\n' $((SECONDS - begun)) "$name" "$word" $seconds "$counted" \
    "${why:+: $why}"
}

# stage NAME: run stage_NAME now, unless it runs already, and tell how it went.
stage() {
  printf '[%5ds] %-10s ...\n' $((SECONDS - begun)) "$1"
  [ -n "${stage_pids[$1]:-}" ] || begin_stage "$1"
  end_stage "$1"
}

stages_end() {
  echo
  printf '%s\n' "${summary[@]}"
  if [ "$mode" = full ]; then
    printf '%s\n' "${summary[@]}" |
      python3 tools/lib/full_result "$out/campaigns.json" build/full-result.json \
        $((SECONDS - begun)) "$passed" "$failed" "$skipped"
  fi
  echo "$passed passed, $failed failed, $skipped skipped"
  exit $((failed > 0))
}
