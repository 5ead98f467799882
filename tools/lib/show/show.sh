# tools/demo --show WHAT: one failure each, from its beginning to the words of `mainstay explain`.
# Sourced by tools/demo, whose helpers it uses. Every show checks itself with `must`.
# shellcheck shell=bash disable=SC2034,SC2154 # variables of tools/demo
shows="compensation repair permission crash upgrade"
bank_pid="" bank_port=""

# say_run WORDS: a command as an operator types it, and what it prints.
say_run() {
  local word line=""
  for word in "$@"; do
    case $word in *[[:space:]\{]*) line+=" '$word'" ;; *) line+=" $word" ;; esac
  done
  printf '\n  %s$ mainstay%s%s\n' "$bold" "$line" "$plain"
  "$mainstay" "$@" --dir "$company" 2>&1 | sed 's/^/  /'
}

# story INSTANCE: what `mainstay explain` tells, without the values.
story() {
  local lines="^[0-9]+:|decided by|because"
  printf '\n  %s$ mainstay explain %s | grep -E "%s"%s\n' "$bold" "$1" "$lines" "$plain"
  "$mainstay" explain "$1" --dir "$company" | grep -E "$lines" |
    cut -c1-180 | sed 's/^/  /'
}

# wait_for SENTENCE COMMAND...: until the command succeeds.
wait_for() {
  local sentence=$1 try
  shift
  for try in $(seq 600); do
    "$@" >/dev/null 2>&1 && return 0
    sleep 0.1
  done
  die "waited 60 s in vain: $sentence"
}

bank() { curl -sf -X "$1" "http://127.0.0.1:$bank_port/$2"; }
paid() { bank GET paid | jq "$1"; }
paid_is() { [ "$(paid "$1")" = "$2" ]; }
open_count() {
  ask instances ls --limit 1000 |
    jq '[.instances[] | select(.ended_at == null)] | length'
}
has_no_open() { [ "$(open_count)" = 0 ]; }

start_bank() {
  "$root/tools/lib/show/bank" "$work/bank.port" >"$work/bank.log" 2>&1 &
  bank_pid=$!
  wait_for "the bank of the demo starts" test -s "$work/bank.port"
  bank_port=$(cat "$work/bank.port")
}

stop_bank() { [ -z "$bank_pid" ] || kill "$bank_pid" 2>/dev/null || true; }

# deploy_show NAME: a definition of tools/lib/show, for the port of this bank.
deploy_show() {
  sed "s/@PORT@/$bank_port/" "$root/tools/lib/show/$1.yaml" >"$work/$1.yaml"
  note "$(sed -n 's/^# //p' "$work/$1.yaml" | tr '\n' ' ')"
  "$mainstay" deploy --dir "$company" "$work/$1.yaml" >/dev/null
}

# begin NAME INPUT: an instance, without waiting for its end.
begin() { "$mainstay" run "show/$1" --detach --input "$2" --dir "$company"; }

show_compensation() {
  local instance answer
  deploy_show post-and-pay
  answer=$(jq -Rsc '{data: ., contentType: "text/csv"}' <"$docs/match.csv")
  instance=$(begin post-and-pay "$answer")
  answer=$(await "$instance")
  must "the instance did not fault" '.status == "faulted"' "$answer"
  must "the posting was not taken back" \
    '[.effects[] | select(.action == "post") | .state] == ["compensated"]' "$answer"
  must "the books still hold a posting" '.posted.count == 0' \
    "$(ask agents call reconciliation ledger --input '{"query":"totals"}')"
  story "${instance:0:12}"
}

show_repair() {
  local instance answer gate
  note "an X12 file was cut off on its way; the step asks for it, and goes on with the whole one"
  instance=$(emit invoice.received "$docs/cut.edi" application/edi-x12 show-repair)
  gate=$(jq -r .gate.gate <<<"$(await "$instance")")
  say_run inbox
  say_run gates describe "${gate:0:12}"
  jq -Rsc '{data: ., contentType: "application/edi-x12"}' \
    <"$data/x12/edi.net/210-MGCTLYST-SAMPLE.EDI" >"$work/whole.json"
  say_run gates edit "${gate:0:12}" --value "@$work/whole.json" --reason "the carrier sent it again"
  answer=$(await "$instance")
  must "the repaired instance did not complete" '.status == "completed"' "$answer"
  must "it does not know the invoice's number" '.output.document.number != null' "$answer"
  story "${instance:0:12}"
}

show_permission() {
  local instance i gates gate
  deploy_show rates
  for i in $(seq 10); do instance=$(begin rates "{\"invoice\": $i}"); done
  waiting() {
    ask gates describe "$(ask gates ls | jq -r '.gates[0].gate')" | jq -e '.waiting_count == 10'
  }
  wait_for "all ten wait for one gate" waiting
  must "there is more than one gate for one cause" '.gates | length == 1' "$(ask gates ls)"
  gate=$(ask gates ls | jq -r '.gates[0].gate')
  say_run inbox
  say_run gates describe "${gate:0:12}"
  note "the key is renewed at the rate service"
  bank POST renew >/dev/null
  say_run gates approve "${gate:0:12}" --reason "the key is renewed"
  wait_for "all ten complete" has_no_open
  must "not all ten completed" '[.instances[] | select(.status == "completed")] | length == 10' \
    "$(ask instances ls --definition show/rates)"
  story "${instance:0:12}"
}

show_crash() {
  local instance gate answer
  deploy_show pay
  instance=$(begin pay '{"invoice": "F-1042", "amount": "1290.00"}')
  wait_for "the payment reaches the bank" paid_is '.payments | length' 1
  note "the bank has paid and not answered yet; agent-connector is killed (kill -9)"
  kill -9 "$(awk '{print $1}' "$company/run/connector.pid")"
  gate=$(jq -r .gate.gate <<<"$(await "$instance")")
  say_run inbox
  say_run gates describe "${gate:0:12}"
  note "the bank's statement shows $(paid '.payments | length') payment"
  say_run gates yes "${gate:0:12}" --value '{"paid": true}' --reason "it is on the statement"
  answer=$(await "$instance")
  must "the instance did not complete" '.status == "completed"' "$answer"
  paid_is '.payments | length' 1 || unexpected+=("it was paid $(paid '.payments | length') times")
  story "${instance:0:12}"
}

# Another build of the coordinator: the same program with some bytes behind it, which no ELF reader
# minds, so that it has another digest.
show_upgrade() {
  local i instance answer
  deploy_show pay-keyed
  for i in $(seq 20); do instance=$(begin pay-keyed "{\"invoice\": \"F-$i\"}"); done
  wait_for "payments are in flight" paid_is '.payments | length > 2' true
  must "nothing was under way" '[.instances[] | select(.ended_at == null)] | length > 0' \
    "$(ask instances ls --definition show/pay-keyed)"
  note "payments are under way; the programs are replaced, the agent and the coordinator restarted"
  cp "$work/bin/coordinator" "$work/bin/coordinator.new"
  printf 'another build' >>"$work/bin/coordinator.new"
  mv "$work/bin/coordinator.new" "$work/bin/coordinator"
  say_run agents restart connector
  say_run agents restart coordinator
  wait_for "all payments are made" has_no_open
  must "not all 20 completed" '[.instances[] | select(.status == "completed")] | length == 20' \
    "$(ask instances ls --definition show/pay-keyed)"
  must "a payment was lost or made twice" \
    '(.payments | length) == 20 and ([.payments[].key] | unique | length) == 20' "$(bank GET paid)"
  note "the bank made $(paid '.payments | length') payments; the journal names both builds:"
  answer=$(ask journal tail --after 0 --limit 1000)
  jq -r '.batches[] | .at as $at | .events[] | select(.kind == "program-started")
         | "  \($at)  \(.kind)  \(.text)  \(.digest[0:16])..."' <<<"$answer"
  must "the journal does not name two builds of the coordinator" \
    '[.batches[].events[] | select(.kind == "program-started") | .digest] | unique | length == 2' \
    "$answer"
  story "${instance:0:12}"
}

# run_show WHAT: a company of its own, the failure, what became of it.
run_show() {
  local what=$1 reason
  work_bin=$work/bin
  mkdir -p "$work_bin"
  start_bank
  note "starting a company in $company"
  cp "$(coordinator_of "$mainstay")" "$work_bin/coordinator"
  ln -s "$(dirname "$(coordinator_of "$mainstay")")/mainstay-jq" "$work_bin/mainstay-jq"
  export XDG_CONFIG_HOME=$work/config XDG_DATA_HOME=$work/data
  up=yes
  "$mainstay" up --dir "$company" --detach --coordinator "$work_bin/coordinator" \
    --set "connector.allow=127.0.0.1:$bank_port" >/dev/null
  "$mainstay" deploy --dir "$company" deploy/processes/*.yaml >/dev/null
  heading "$what"
  "show_$what"
  if [ "${#unexpected[@]}" -gt 0 ]; then
    heading "${red}Not as it must be$plain"
    for reason in "${unexpected[@]}"; do printf '  %s\n' "$reason"; done
    exit 1
  fi
  heading "As it must be"
}

coordinator_of() {
  local folder
  folder=$(dirname "$1")
  if [ -x "$folder/coordinator" ]; then
    echo "$folder/coordinator"
  else
    echo "$folder/../libexec/mainstay/coordinator"
  fi
}
