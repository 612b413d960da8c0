#!/usr/bin/env bash
# Wakes the bugs planted in the engine (CMake option HOI_PLANTED), one at a time, and sees that the simulator finds each.
#
#   tests/sim/planted.sh BUILD_DIR [SEEDS]      at most SEEDS seeds a bug (300)
set -u

sim=${1:?which build directory?}/tests/sim/sim
seeds=${2:-300}
bugs=(ack-before-persist accept-gap skip-body-hash skip-signature forget-missing-body entitlement-too-wide echo-receipts forget-refused compare-again ignore-window
    forget-close)
survived=0

if ! "$sim" --first 1 20; then
    echo "the simulator fails without any bug awake"
    exit 1
fi
for bug in "${bugs[@]}"; do
    if output=$(HOI_PLANTED=$bug timeout 300 "$sim" --first 1 "$seeds" 2>&1); then
        printf '%-24s SURVIVED %s seeds\n' "$bug" "$seeds"
        survived=$((survived + 1))
    else
        printf '%-24s found: %s\n' "$bug" "$(grep -m 1 -E '^seed|Assertion' <<<"$output" || echo "stopped by a signal or for time")"
    fi
done
echo "${#bugs[@]} bugs planted, $survived survived"
[[ $survived -eq 0 ]]
