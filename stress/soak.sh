#!/bin/bash
# Listens to one server for hours, while listeners join and leave and titles change. The results show whether memory,
# open files, drift and gaps are the same at the end as at the start. Writes CSV, JSON and a picture.
#
#   HOURS=1 COUNT=5000 CHURN=50 stress/soak.sh
#
# HOURS     length in hours                                     1
# COUNT     listeners                                           5000
# CHURN     leave and join per second; a tenth of them by reset 50
# SERVER    longwave or icecast                                 longwave
# OUT       folder for the results                              a new directory
# LONGWAVE, MUSIC, BITRATE, PORT, SERVER_CORE, CLIENT_CORE, NICE: see servers.sh
set -euo pipefail
# shellcheck source=servers.sh
. "$(dirname "$0")/servers.sh"

HOURS=${HOURS:-1}
COUNT=${COUNT:-5000}
CHURN=${CHURN:-50}
SERVER=${SERVER:-longwave}

build
case $SERVER in
    longwave) longwave_is_there || { say "no ${LONGWAVE%% *}"; exit 1; }; start_longwave ;;
    icecast) start_icecast ;;
    *) say "no such server: $SERVER"; exit 2 ;;
esac

seconds=$(awk "BEGIN { print $HOURS * 3600 }")
resets=$(awk "BEGIN { print $CHURN / 10 }")
leaves=$(awk "BEGIN { print $CHURN - $CHURN / 10 }")
(on_client_core "$STRESS" listeners --url "$SERVER_URL" --label "$SERVER" --count "$COUNT" --ramp 500 \
    --seconds "$seconds" --churn "$leaves" --reset "$resets" --server-pid "$SERVER_PID" "${SERVING[@]}" \
    --after 10 --progress --csv "$OUT/soak.csv" --svg "$OUT/soak.svg" --json "$OUT/soak.json") |
    tee "$OUT/soak.txt"
say "results are in $OUT"
