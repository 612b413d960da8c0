#!/usr/bin/env bash
# Runs the model over seeds that have not been run before, for so many minutes: attacks on its properties, and the simulator's stores beside it.
# Adds a line for each to docs/campaigns.csv.
#
#   tests/oracle/campaign.sh BUILD_DIR MINUTES
set -u

build=${1:?which build directory?}
minutes=${2:?for how many minutes?}
root=$(cd "$(dirname "$0")/../.." && pwd)
record=$root/docs/campaigns.csv
oracle=$root/tests/oracle

first() { # what
    awk -F, -v what="$1" 'BEGIN { first = 200000 } $7 == what && $3 + $4 > first { first = $3 + $4 } END { printf "%d", first }' "$record"
}
note() { # what, first seed, seeds, failed
    echo "$(date -u +%Y-%m-%d),$(git -C "$root" rev-parse --short HEAD 2>/dev/null || echo none),$2,$3,$4,$minutes,$1" >>"$record"
    echo "$1: $3 seeds from $2, $4 failed"
}
failing() { # reads "N seeds, M failing" or "N of M seeds agree": how many failed; where nothing was said, one
    awk '/ seeds, [0-9]+ failing/ { failed = $3; said = 1 } / seeds agree/ { failed = $3 - $1; said = 1 } END { print said ? failed : 1 }'
}

model_first=$(first model) sim_first=$(first model-sim)
model=$model_first sim=$sim_first model_failed=0 sim_failed=0 until=$((SECONDS + minutes * 60))
while ((SECONDS < until)); do
    output=$(/usr/bin/python3 -B "$oracle/test_model.py" 100 "$model" 2>&1) || echo "$output"
    model_failed=$((model_failed + $(failing <<<"$output"))) model=$((model + 100))
    output=$(/usr/bin/python3 -B "$oracle/compare.py" "$build/tests/oracle/views_lines" "$sim" 20 2 sim="$build/tests/sim/sim" 2>&1) || echo "$output"
    sim_failed=$((sim_failed + $(failing <<<"$output"))) sim=$((sim + 20))
done
note model "$model_first" $((model - model_first)) "$model_failed"
note model-sim "$sim_first" $((sim - sim_first)) "$sim_failed"
[[ $((model_failed + sim_failed)) -eq 0 ]]
