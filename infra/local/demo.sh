#!/usr/bin/env bash
# The demo: a cloud on this machine, the real template on it, and a CSV through the whole pipeline.
#   ROWS=200000   how many rows to score
#   KEEP=1        leave the cloud up afterwards
set -euo pipefail
cd "$(dirname "$0")/../.."

rows=${ROWS:-200000}
folder=.tailrace/demo
tailrace=.venv/bin/tailrace
mkdir -p "$folder"

bold='' plain=''
if [ -t 2 ]; then bold=$'\033[1m' plain=$'\033[0m'; fi
say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain" >&2; }

already_up=no
if $tailrace local status >/dev/null 2>&1; then already_up=yes; fi
finish() {
  status=$?
  if [ "$already_up" = no ] && { [ "${KEEP:-0}" = 0 ] || [ "$status" != 0 ]; }; then
    say "Taking the local cloud down"
    $tailrace local down >&2
  fi
  exit "$status"
}
trap finish EXIT

say "1. $rows rows of demand data, with an order_id that the model must not see"
.venv/bin/python -m tailrace_local.demo.demand --rows "$rows" --seed 7 --id-column order_id --output "$folder/demand.csv"
head -3 "$folder/demand.csv"

say "2. A cloud on this machine, and the template on it"
$tailrace local up
eval "$($tailrace local env)"

say "3. Submit, and wait for every row"
started=$SECONDS
$tailrace submit "$folder/demand.csv" --stack tailrace --keep order_id --chunk-rows 5000 --output "$folder/scored.csv"

say "4. The result: $folder/scored.csv, after $((SECONDS - started)) s"
head -5 "$folder/scored.csv"
printf '… %s lines\n' "$(wc -l <"$folder/scored.csv")"

if [ "${KEEP:-0}" = 0 ] && [ "$already_up" = no ]; then
  say "To go on: 'make demo KEEP=1' leaves the cloud up for files of your own."
else
  say "The cloud is up. To go on:"
  cat >&2 <<'TXT'
  eval "$(.venv/bin/tailrace local env)"                          # any AWS client now talks to it
  .venv/bin/tailrace jobs --stack tailrace
  .venv/bin/tailrace submit YOUR.csv --stack tailrace --keep id --output scored.csv
  .venv/bin/tailrace local status                                 # what runs; `logs` for what it said
  .venv/bin/tailrace local down
TXT
fi
