#!/bin/bash
# Measures Longwave, Debian's icecast2 and a bare loop of sends in turn, several rounds in one call, and prints
# medians and ratios. All servers get the same listeners, and serve the same bitrate with a burst of 64 KiB. The floor
# sends at the cadence that was measured for Longwave. `floor` sends to all listeners at once, which is cheapest.
# `spread` sends to a part of them every SLOT ms, so its load is as even as a server's.
#
#   COUNTS="1000 5000" ROUNDS=3 stress/compare.sh
#
# COUNTS    numbers of listeners, one run for each              1000 5000
# ROUNDS    of all servers                                      3
# SECONDS_  measured in each run                                30
# RAMP      joins per second                                    500
# SERVERS   the servers, in this order                          longwave icecast floor spread
# EVERY     cadence of the floor in ms, if Longwave did not run 250
# SLOT      length of a slot of `spread`, in ms                 40
# OUT       folder for the results                              a new directory
# LONGWAVE, MUSIC, BITRATE, PORT, SERVER_CORE, CLIENT_CORE, NICE: see servers.sh
set -euo pipefail
# shellcheck source=servers.sh
. "$(dirname "$0")/servers.sh"

COUNTS=${COUNTS:-1000 5000}
ROUNDS=${ROUNDS:-3}
SECONDS_=${SECONDS_:-30}
RAMP=${RAMP:-500}
SERVERS=${SERVERS:-longwave icecast floor spread}
EVERY=${EVERY:-250}
SLOT=${SLOT:-40}

build
results=()

# $1: label, $2: listeners, $3: round. The server is running.
measure() {
    local json=$OUT/$1-$2-$3.json
    (on_client_core "$STRESS" listeners --url "$SERVER_URL" --label "$1" --count "$2" --ramp "$RAMP" \
        --seconds "$SECONDS_" --server-pid "$SERVER_PID" "${SERVING[@]}" --json "$json") \
        >"$OUT/$1-$2-$3.txt"
    results+=("$json")
    say "$1 with $2 listeners, round $3: $(grep -E 'server CPU|serving threads' "$OUT/$1-$2-$3.txt" | tr -s ' ' | paste -sd';')"
}

# The mean interval between writes to one listener in the run $1 of Longwave, in milliseconds.
cadence_of() {
    sed -n 's/.*"segments_per_listener_s": \([0-9.]*\).*/\1/p' "$1" | awk '{ printf "%.1f", 1000 / $1 }'
}

for round in $(seq "$ROUNDS"); do
    for count in $COUNTS; do
        every=$EVERY
        for server in $SERVERS; do
            case $server in
                longwave)
                    longwave_is_there || { say "no ${LONGWAVE%% *}: Longwave is left out"; continue; }
                    start_longwave
                    measure longwave "$count" "$round"
                    every=$(cadence_of "$OUT/longwave-$count-$round.json")
                    ;;
                icecast)
                    command -v icecast2 >/dev/null || { say "no icecast2: left out"; continue; }
                    start_icecast
                    measure icecast2 "$count" "$round"
                    ;;
                floor)
                    start_floor "$every" 0
                    measure floor "$count" "$round"
                    ;;
                spread)
                    start_floor "$every" "$SLOT"
                    measure spread "$count" "$round"
                    ;;
                *) say "no such server: $server"; exit 2 ;;
            esac
            stop_server
        done
    done
done

"$STRESS" chart "${results[@]}" --svg "$OUT/compare.svg" | tee "$OUT/compare.txt"
say "results are in $OUT"
