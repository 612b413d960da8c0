#!/usr/bin/env bash
# Runs the simulator over seeds that have not been run before, for so many minutes, and adds a line to docs/campaigns.csv.
#
#   tests/sim/campaign.sh BUILD_DIR MINUTES
set -u

sim=${1:?which build directory?}/tests/sim/sim
minutes=${2:?for how many minutes?}
root=$(cd "$(dirname "$0")/../.." && pwd)
record=$root/docs/campaigns.csv
chunk=100

[[ -e $record ]] || echo "date,commit,first seed,seeds,failed,minutes,what" >"$record"
first=$(awk -F, 'BEGIN { first = 1000000 } NR > 1 && $7 == "sim" && $3 + $4 > first { first = $3 + $4 } END { printf "%d", first }' "$record")
seed=$first failed=0 until=$((SECONDS + minutes * 60))
while ((SECONDS < until)); do
    output=$("$sim" --seeds "$seed" "$chunk" 2>&1) || {
        grep -A 3 '^seed\|TOO RARE\|Assertion\|replay:' <<<"$output"
        found=$(grep -c '^seed ' <<<"$output")
        failed=$((failed + (found > 0 ? found : 1)))
    }
    seed=$((seed + chunk))
done
echo "$(date -u +%Y-%m-%d),$(git -C "$root" rev-parse --short HEAD 2>/dev/null || echo none),$first,$((seed - first)),$failed,$minutes,sim" >>"$record"
echo "$((seed - first)) seeds from $first, $failed failed"
[[ $failed -eq 0 ]]
