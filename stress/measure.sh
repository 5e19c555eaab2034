#!/bin/bash
# Measures the figures of docs/PERFORMANCE.md, one run after the other, on an otherwise idle machine. All runs take
# five hours.
#
#   OUT=results stress/measure.sh [RUN…]
#
# compare    cost per listener beside icecast2 and the floor, up to 15,000 listeners 45 min
# crowd      as many listeners as the limit of open files allows; then all leave      7 min
# storms     5,000 join in a second, and 2,000 a second for five, with 5,000 there    5 min
# bitrate    320 kbit/s, with more and more listeners, until the server is too slow   6 min
# stalled    stalled listeners: when they are closed, memory until then; link down   18 min
# unfair     a quarter stalled, some slow: the effect on the others                   2 min
# steered    200 requests per second and 500 event clients, beside 5,000 listeners    2 min
# reload     a changed configuration under 2,000 listeners                            1 min
# soak       an hour of joins and leaves                                             62 min
# mixed      1,000 listeners, API, events, reloads, wrong logins, a disk that hangs  46 min
# live       50 relayed mounts and 20 live inputs: what each kind costs, alone and   13 min
#            all at once for ten minutes
# sources    200 sources that come and go, half of them bad, beside 2,000 listeners   3 min
# drift      a live input whose sender's clock is 100 ppm fast, for an hour          61 min
# pipelines  the audio side with 1, 4 and 16 pipelines beside the bare calls         10 min
# hls        2,000 players of HLS, and as many listeners of the same station          4 min
# hls_edge   10,000 players of HLS at an nginx in front of the station                7 min
# hls_cost   a station with and without HLS, side by side; how late its segments are  7 min
# pages      1,000 open pages and 20 consoles, beside 5,000 listeners: what each      6 min
#            costs the reactor
#
# QUICK=1    small numbers, to check that all runs work: a few minutes, and the figures mean nothing
# ROUNDS     rounds of `compare`                                   3
# OUT        folder for the results                                a new directory
# LONGWAVE, MUSIC, PORT, SERVER_CORE, CLIENT_CORE, NICE: see servers.sh
#
# Every run has a time limit, and the other runs continue if one fails. At the end summary.txt has the tables of all
# runs.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
ALL="compare crowd storms bitrate stalled unfair steered reload soak mixed live sources drift pipelines
    hls hls_edge hls_cost pages"

if [ -n "${QUICK:-}" ]; then
    part() { echo "$2"; }
else
    part() { echo "$1"; }
fi

# The absolute path, because the servers run in other folders.
[ -z "${OUT:-}" ] || OUT=$(realpath -m "$OUT")

# With more than one run, each has a process of its own.
if [ $# -ne 1 ]; then
    export OUT=${OUT:-$(mktemp -d "${TMPDIR:-/tmp}/longwave-measure.XXXXXX")}
    mkdir -p "$OUT"
    failed=
    for run in ${*:-$ALL}; do
        echo "== $run, $(date +%T)" >&2
        "$0" "$run" || failed="$failed $run"
    done
    {
        uname -srm
        grep -m 1 'model name' /proc/cpuinfo || true
        echo "$(nproc) cores, $(ulimit -Hn) open files at most"
        for run in ${*:-$ALL}; do
            for table in "$OUT/$run"/*.txt; do
                [ ! -s "$table" ] || { printf '\n== %s\n' "${table#"$OUT"/}"; cat "$table"; }
            done
        done
    } >"$OUT/summary.txt"
    cat "$OUT/summary.txt"
    echo "results are in $OUT" >&2
    [ -z "$failed" ] || { echo "failed:$failed" >&2; exit 1; }
    exit 0
fi

run=$1
export OUT=${OUT:-$(mktemp -d "${TMPDIR:-/tmp}/longwave-measure.XXXXXX")}/${run#link_down:}
# shellcheck source=servers.sh
. "$here/servers.sh"
build

# $1: name of the result, $2: time limit in seconds; then options of `listeners`. The server is running.
listeners() {
    local name=$1 most=$2 status=0
    shift 2
    (on_client_core timeout "$most" "$STRESS" listeners --url "$SERVER_URL" --label "$name" --server-pid "$SERVER_PID" \
        "${SERVING[@]}" --json "$OUT/$name.json" --svg "$OUT/$name.svg" "$@") >"$OUT/$name.txt" || status=$?
    # Longwave logs the figures of its reactor when it stops.
    stop_server
    if [[ $name != icecast* ]]; then
        sed -n 's/.* INFO  \([0-9]* listeners at most; .*\)/  \1/p' "$OUT/longwave.log" | tail -n 1 >>"$OUT/$name.txt"
    fi
    cat "$OUT/$name.txt" >&2
    return "$status"
}

# $1: name of the result; then options of `stall`. The server is running.
stall() {
    local name=$1
    shift
    (on_client_core "$STRESS" stall --url "$SERVER_URL" --label "$name" --json "$OUT/$name.json" "$@") >"$OUT/$name.txt"
    stop_server
    cat "$OUT/$name.txt" >&2
}

has_icecast() { command -v icecast2 >/dev/null; }

run_compare() {
    local rounds seconds
    rounds=${ROUNDS:-$(part 3 1)} seconds=$(part 30 4)
    OUT=$OUT/all COUNTS=$(part "1000 5000" 50) ROUNDS=$rounds SECONDS_=$seconds "$here/compare.sh"
    OUT=$OUT/many COUNTS=$(part "10000 15000" 100) ROUNDS=$rounds SECONDS_=$seconds RAMP=1000 \
        SERVERS="longwave floor spread" "$here/compare.sh"
    cp "$OUT/all/compare.txt" "$OUT/all.txt"
    cp "$OUT/many/compare.txt" "$OUT/many.txt"
}

run_crowd() {
    # The tool needs some descriptors beside the listeners.
    local count seconds
    count=$(part $(($(ulimit -n) - 500)) 200) seconds=$(part 300 5)
    start_longwave
    listeners crowd $((seconds + 120)) --count "$count" --ramp 1000 --seconds "$seconds" --after 10
}

run_storms() {
    local there storm rate
    there=$(part 5000 50) storm=$(part 5000 50) rate=$(part 2000 20)
    local after=$(part 20 3) joins=()
    for second in 0 1 2 3 4; do
        joins+=(--join-storm "$rate@$((after + second))")
    done
    for server in longwave $(has_icecast && echo icecast); do
        "start_$server"
        listeners "$server-at-once" 180 --count "$there" --ramp 500 --seconds $((after + 10)) --join-storm "$storm@$after"
        "start_$server"
        listeners "$server-steady" 180 --count "$there" --ramp 500 --seconds $((after + 15)) "${joins[@]}"
    done
}

run_bitrate() {
    BITRATE=320
    for count in $(part "5000 10000 15000 $(($(ulimit -n) - 500))" 50); do
        start_longwave
        listeners "320-$count" 150 --count "$count" --ramp 1000 --seconds "$(part 30 5)"
    done
}

run_stalled() {
    local count patience
    count=$(part 1000 10) patience=$(part 400 60)
    for server in longwave $(has_icecast && echo icecast); do
        "start_$server"
        stall "$server-never-reads" --count "$count" --patience "$patience"
        "start_$server"
        stall "$server-a-byte-in-10-s" --count "$(part 100 5)" --trickle 10 --patience "$patience"
    done
    if [ "$(id -u)" -eq 0 ] && unshare -n true 2>/dev/null; then
        OUT=${OUT%/*} unshare -n "$here/measure.sh" link_down:stalled
    else
        say "no network namespace can be had: link down is left out"
    fi
}

# Runs in a network namespace of its own. Its loopback goes down while all listeners still receive.
run_link_down() {
    ip link set lo up
    start_longwave
    (sleep 3; ip link set lo down) &
    stall longwave-link-down --count "$(part 100 5)" --patience 120
}

run_unfair() {
    start_longwave
    listeners unfair 180 --count "$(part 5000 40)" --ramp 1000 --seconds "$(part 60 5)" --stalled-percent 25 --slow-percent 5
}

# Processes that run beside a measurement and end with it.
beside=()
end_beside() {
    local pid
    for pid in "${beside[@]}"; do
        kill "$pid" 2>/dev/null || true
    done
}
trap 'end_beside; stop_server' EXIT

run_steered() {
    local count seconds events token line kinds=() file
    count=$(part 5000 50) seconds=$(part 60 5) events=$(part 500 10)
    start_longwave
    file=$(cd "$MUSIC" && ls | head -n 1)
    token=$(sed -n 's/.* take the token in //p' "$OUT/longwave.log")
    # Requests of a website, a queue manager and a console. A line that is here three times is sent three times as
    # often.
    while read -r line; do
        kinds+=(--request "$line")
    done <<REQUESTS
GET /api/v1/pipelines
GET /api/v1/pipelines/main/up-next?count=10
GET /api/v1/server
GET /api/v1/mounts
GET /health
GET /status-json.xsl
GET /nowplaying$LONGWAVE_MOUNT
GET /nowplaying$LONGWAVE_MOUNT
GET /api/v1/pipelines/main/history
POST /api/v1/pipelines/main/queue {"files": ["$file", {"file": "$file", "title": "Träck"}]}
GET /api/v1/pipelines/main/queue
DELETE /api/v1/pipelines/main/queue
PUT /api/v1/pipelines/main/metadata {"title": "Steered – ü"}
GET /api/v1/listeners?mount=$LONGWAVE_MOUNT
GET /api/v1/pipelines/main
GET /api/v1/health
GET /nowplaying$LONGWAVE_MOUNT
GET /api/v1/pipelines/main/playlist
GET /api/v1/metadata?file=$file
GET /api/v1/pipelines/main/outputs
REQUESTS
    # From the first join to the last measured second.
    (on_client_core "$STRESS" steer --url "http://127.0.0.1:$PORT" --label api --token-file "$token" --rate 200 \
        "${kinds[@]}" --events "$events" --events-at /api/v1/events --events-at "/nowplaying$LONGWAVE_MOUNT" \
        --seconds $((count / 500 + 5 + seconds)) --json "$OUT/api.json") >"$OUT/api.txt" 2>&1 &
    beside=($!)
    listeners steered 180 --count "$count" --ramp 500 --seconds "$seconds" --gap-limit 2000
    wait "${beside[@]}" || true
    cat "$OUT/api.txt" >&2
}

run_reload() {
    local count seconds
    count=$(part 2000 50) seconds=$(part 30 12)
    make_music
    station() { # $1: bitrate of the output that stays; $2: path of the other mount
        printf '[server]\nlisten = ["127.0.0.1:%s"]\n[[pipeline]]\nplaylist = "%s"\nloop = true\n' "$PORT" "$MUSIC"
        printf '[[pipeline.output]]\nformat = "mp3"\nmount = "%s"\nbitrate = %s\n' "$LONGWAVE_MOUNT" "$1" "$2" 64
    }
    station 128 /goes.mp3 >"$OUT/station.toml"
    (
        # In the middle of the measurement.
        sleep $((count / 500 + 5 + seconds / 2))
        station 96 /comes.mp3 >"$OUT/station.toml"
        "${LONGWAVE%% *}" ctl --server "http://127.0.0.1:$PORT" reload
        # Reads the number of skips before the server stops.
        sleep $((seconds / 2 - 2))
        token=$(sed -n 's/.* take the token in //p' "$OUT/longwave.log")
        curl -s --max-time 5 -H "Authorization: Bearer $(cat "$token")" "http://127.0.0.1:$PORT/api/v1/mounts" >"$OUT/mounts.json"
        grep -o '"mount":"[^"]*"\|"listeners":[0-9]*\|"skips":[0-9]*' "$OUT/mounts.json" | paste -sd ' '
    ) >"$OUT/changed.txt" 2>&1 &
    beside=($!)
    # The path of the folder may have blanks, and a command line is split at blanks.
    cd "$OUT"
    LONGWAVE="${LONGWAVE%% *} serve station.toml"
    start_longwave
    listeners reload 120 --count "$count" --ramp 500 --seconds "$seconds" --gap-limit 2000
    wait "${beside[@]}" || true
    cat "$OUT/changed.txt" >&2
}

run_soak() {
    HOURS=$(part 1 0.002) COUNT=$(part 5000 50) CHURN=$(part 50 10) "$here/soak.sh"
}

# Everything at once, for 41 minutes: listeners come and go, some never read; a website, a console and event clients
# use the API; the configuration is changed and read again; strangers guess passwords; a disk with music hangs.
# $1: when. What the server holds.
resident() { printf '%s: %s kB resident\n' "$1" "$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$SERVER_PID/status")"; }

# $1: name of the result, $2: seconds. An operator's programs, and clients of events.
api() {
    (on_client_core "$STRESS" steer --url "http://127.0.0.1:$PORT" --label "$1" --token-file "$OUT/token" --rate 20 \
        --request 'GET /api/v1/pipelines' --request "GET /nowplaying$LONGWAVE_MOUNT" --request 'GET /health' \
        --request 'POST /api/v1/pipelines/main/queue {"files": ["1.flac"]}' --request 'POST /api/v1/pipelines/main/skip' \
        --request "GET /api/v1/listeners?mount=$LONGWAVE_MOUNT" --request 'GET /api/v1/metadata?file=2.flac' \
        --request 'POST /api/v1/pipelines/main/queue {"files": ["disk-1.flac"]}' --request 'GET /api/v1/metadata?file=disk-2.flac' \
        --request 'DELETE /api/v1/pipelines/main/queue' --request 'GET /api/v1/openapi.json' --request 'GET /api/v1/mounts' \
        --events 50 --events-at /api/v1/events --events-at "/nowplaying$LONGWAVE_MOUNT" \
        --seconds "$2" --json "$OUT/$1.json") >"$OUT/$1.txt" 2>&1
}

run_mixed() {
    local seconds count file
    seconds=$(part 2460 40) count=$(part 1000 50)
    make_music
    mkdir -p "$OUT/disk"
    for file in "$MUSIC"/*; do
        cp "$file" "$OUT/disk/disk-$(basename "$file")"
    done
    cc -shared -fPIC -o "$OUT/sick_disk.so" "$root/testing/sick_disk.c" -ldl
    "${LONGWAVE%% *}" user --file "$OUT/users" token mixed --role admin >"$OUT/token"
    printf '%s\n' 'right password' | "${LONGWAVE%% *}" user --file "$OUT/users" add alice --role viewer
    station() { # $1: bitrate of the second output
        printf '[server]\nlisten = ["127.0.0.1:%s"]\nwrite_timeout = "30s"\n' "$PORT"
        printf 'users_file = "users"\nmedia_roots = ["%s", "disk"]\n' "$MUSIC"
        printf '[[pipeline]]\nplaylist = ["%s", "disk"]\nloop = true\nstate_file = "state"\n' "$MUSIC"
        printf '[[pipeline.output]]\nformat = "mp3"\nmount = "%s"\n' "$LONGWAVE_MOUNT"
        printf '[[pipeline.output]]\nformat = "mp3"\nmount = "/second.mp3"\nbitrate = %s\n' "$1"
    }
    station 64 >"$OUT/station.toml"
    cd "$OUT"
    # env runs in the shell that becomes the server.
    LONGWAVE="env LD_PRELOAD=$OUT/sick_disk.so SICK_DISK=$OUT/disk SICK_CONTROL=$OUT/sick ${LONGWAVE%% *} serve station.toml"
    start_longwave
    sleep "$(part 40 1)"
    resident "after the start" >"$OUT/mixed-before.txt"
    # What it holds without listeners is measured when it is in use.
    api use "$(part 120 5)"
    sleep "$(part 40 1)"
    resident "in use, without listeners" >>"$OUT/mixed-before.txt"
    (
        bitrate=64
        for turn in $(seq $((seconds / 20))); do
            sleep 20
            case $((turn % 6)) in
                1) echo hang >"$OUT/sick" ;;
                2) rm -f "$OUT/sick" ;;
                *) bitrate=$((160 - bitrate)) && station "$bitrate" >"$OUT/station.toml" && kill -HUP "$SERVER_PID" ;;
            esac
            curl -s -o "$OUT/answer" --max-time 5 -u "alice:wrong $turn" "http://127.0.0.1:$PORT/api/v1/server" || true
            curl -s -o "$OUT/answer" --max-time 5 -u 'alice:right password' "http://127.0.0.1:$PORT/api/v1/server" || true
        done
    ) &
    beside=($!)
    for _ in $(seq $((seconds / 2))); do
        sleep 2
        printf '%s %s %s\n' "$(date +%T)" "$([ -e "$OUT/sick" ] && echo sick || echo well)" \
            "$(curl -s --max-time 5 "http://127.0.0.1:$PORT/health")" >>"$OUT/health.txt"
    done &
    beside+=($!)
    api api $((seconds + count / 500 + 5)) &
    beside+=($!)
    listeners mixed $((seconds + 160)) --count "$count" --ramp 500 --seconds "$seconds" --churn 9 --reset 1 \
        --stalled-percent 1 --slow-percent 1 --after "$(part 60 15)" --progress --csv "$OUT/mixed.csv"
    wait "${beside[@]}" || true
    cat "$OUT/mixed-before.txt" "$OUT/api.txt" >&2
}

# A station with live inputs and relayed mounts, in $OUT, where all of its files are. Sets `login` and
# `TOKEN`. $1: relayed mounts, $2: live inputs. The paths are /relayed1… and /live1…, or /live alone.
start_live_station() {
    local numbers=('')
    [ "$2" = 1 ] || mapfile -t numbers < <(seq "$2")
    make_music
    cd "$OUT"
    login='dj:loud enough'
    "${LONGWAVE%% *}" user --file users token stress --role admin >token
    echo "${login#*:}" | "${LONGWAVE%% *}" user --file users add "${login%%:*}" --role source
    TOKEN=$OUT/token
    {
        printf '[server]\nlisten = ["127.0.0.1:%s"]\nusers_file = "users"\nmedia_roots = ["%s"]\n' "$PORT" "$MUSIC"
        printf 'max_sources = %s\n' $(($1 + $2))
        for number in $(seq "$1"); do
            printf '[[mount]]\nmount = "/relayed%s"\n' "$number"
        done
        printf '[[pipeline]]\nplaylist = "%s"\nloop = true\n' "$MUSIC"
        for number in "${numbers[@]}"; do
            printf '[[pipeline.live]]\npath = "/live%s"\n' "$number"
        done
        printf '[[pipeline.output]]\nformat = "mp3"\nmount = "%s"\n' "$LONGWAVE_MOUNT"
    } >station.toml
    # What sources send: noise, which costs a decoder more than silence.
    ffmpeg -v error -y -f lavfi -i "anoisesrc=color=pink:amplitude=0.2:duration=60:sample_rate=44100" -ac 2 \
        -b:a 128k sent.mp3
    LONGWAVE="${LONGWAVE%% *} serve station.toml"
    start_longwave
}

# $1: path, $2: how many; then options of `source`. It runs beside, and `end_beside` ends it.
sources() {
    local path=$1 count=$2
    shift 2
    (on_client_core "$STRESS" source --url "http://$login@127.0.0.1:$PORT$path" --count "$count" \
        --file "$OUT/sent.mp3" "$@") >>"$OUT/sources.log" 2>&1 &
    beside+=($!)
}

# What runs beside must still run: a measurement without it would mean nothing.
must_be_beside() {
    local pid
    for pid in "${beside[@]}"; do
        kill -0 "$pid" 2>/dev/null || { say "what runs beside has ended: see the logs in $OUT"; exit 1; }
    done
}

run_live() {
    local relayed live round seconds together
    relayed=$(part 50 5) live=$(part 20 3) seconds=$(part 15 2) together=$(part 600 4)
    start_live_station "$relayed" "$live"
    usage() { # $1: what is measured, $2: seconds
        "$STRESS" usage --server-pid "$SERVER_PID" --label "$1" --seconds "$2" | tee -a "$OUT/live.txt" >&2
        must_be_beside
    }
    sources_end() {
        end_beside
        wait "${beside[@]}" || true
        beside=()
    }
    for round in $(seq "$(part 3 1)"); do
        usage "without, $round" "$seconds"
        sources /relayed "$relayed"
        # A buffer is full after five seconds.
        sleep "$(part 8 3)"
        usage "$relayed relayed mounts, $round" "$seconds"
        sources_end
        sources /live "$live"
        sleep "$(part 8 3)"
        usage "$live live inputs, $round" "$seconds"
        sources_end
        sleep 2
    done
    sources /relayed "$relayed"
    sources /live "$live"
    sleep "$(part 8 3)"
    usage "$relayed relayed mounts and $live live inputs" "$together"
    curl -s --max-time 5 -H "Authorization: Bearer $(cat "$TOKEN")" "http://127.0.0.1:$PORT/api/v1/sources" \
        >"$OUT/sources.json"
    sources_end
    sleep 2
    usage "after they have left" "$seconds"
    stop_server
    grep -v ' INFO ' "$OUT/longwave.log" >>"$OUT/live.txt" || true
    grep -o '"drops":[0-9]*,"gaps":[0-9]*' "$OUT/sources.json" | sort | uniq -c >>"$OUT/live.txt"
}

run_sources() {
    local count listeners seconds came
    count=$(part 200 20) listeners=$(part 2000 50) seconds=$(part 60 5)
    start_live_station $((count - count / 10)) $((count / 10))
    "$STRESS" usage --server-pid "$SERVER_PID" --label before --seconds 2 >"$OUT/usage.txt"
    (
        # When all listeners have joined.
        sleep $((listeners / 500 + 5))
        on_client_core "$STRESS" crowd --url "http://$login@127.0.0.1:$PORT" --count "$count" --file "$OUT/sent.mp3" \
            --seconds "$seconds"
    ) >"$OUT/crowd.txt" 2>&1 &
    beside=($!)
    (
        # When the sources and the listeners are gone, and memory for logins.
        sleep $((listeners / 500 + 5 + seconds + $(part 50 25)))
        "$STRESS" usage --server-pid "$SERVER_PID" --label after --seconds 2
        curl -s --max-time 5 -H "Authorization: Bearer $(cat "$TOKEN")" "http://127.0.0.1:$PORT/api/v1/sources"
        echo
    ) >>"$OUT/usage.txt" 2>&1 &
    beside+=($!)
    listeners sources $((seconds + 160)) --count "$listeners" --ramp 500 --seconds $((seconds + 15)) --gap-limit 2000 \
        --after "$(part 60 30)"
    wait "${beside[@]}" || true
    came=$(grep -c 'the source dj is \(connected\|back\)' "$OUT/longwave.log" || true)
    echo "  the log has $came sources that came" >>"$OUT/crowd.txt"
    cat "$OUT/crowd.txt" "$OUT/usage.txt" >&2
}

run_drift() {
    local seconds
    seconds=$(part 3600 8)
    start_live_station 0 1
    sources /live 1 --clock-ppm 100
    sleep "$(part 8 6)"
    must_be_beside
    "$STRESS" level --url "http://127.0.0.1:$PORT/live" --token-file "$TOKEN" --label '100 ppm fast' \
        --every "$(part 5 1)" --seconds "$seconds" --csv "$OUT/drift.csv" --svg "$OUT/drift.svg" >"$OUT/drift.txt"
    must_be_beside
    end_beside
    stop_server
    cat "$OUT/drift.txt" >&2
}

run_pipelines() {
    for pipelines in 1 4 16; do
        (cd "$root" && LONGWAVE_PIPELINES=$pipelines LONGWAVE_ROUNDS=$(part 12 1) cargo bench --locked --bench cost) \
            >"$OUT/pipelines-$pipelines.txt"
        cat "$OUT/pipelines-$pipelines.txt" >&2
    done
}

# A station with HLS in $OUT. $1: `count`, $2: without HLS if it is `without`.
hls_station() {
    printf '[server]\nlisten = ["127.0.0.1:%s"]\ntrusted_proxies = ["127.0.0.1"]\n' "$PORT"
    printf '[[pipeline]]\nplaylist = "%s"\nloop = true\n' "$MUSIC"
    printf '[[pipeline.output]]\nformat = "aac"\nmount = "%s"\nbitrate = 128\n' /radio.aac
    printf '[[pipeline.output]]\nformat = "aac"\nmount = "%s"\nbitrate = 64\n' /low.aac
    [ "${2:-}" = without ] || printf '[[pipeline.hls]]\npath = "/radio"\ncount = %s\n' "$1"
}

# $1: `count`. Starts it, and waits until players find three segments.
start_hls_station() {
    make_music
    hls_station "$1" >"$OUT/station.toml"
    cd "$OUT"
    LONGWAVE="${LONGWAVE%% *} serve station.toml" LONGWAVE_MOUNT=/radio.aac
    start_longwave
    TOKEN=$(sed -n 's/.* take the token in //p' "$OUT/longwave.log")
    sleep "$(part 14 11)"
}

# What HLS has answered so far: "requests missed".
hls_counters() {
    curl -s --max-time 5 -H "Authorization: Bearer $(cat "$TOKEN")" "http://127.0.0.1:$PORT/api/v1/pipelines/main/hls" |
        sed 's/.*"requests":\([0-9]*\),"missed":\([0-9]*\).*/\1 \2/'
}

run_hls() {
    local count seconds
    count=$(part 2000 50) seconds=$(part 60 6)
    start_hls_station true
    "$STRESS" usage --server-pid "$SERVER_PID" --label 'without players' --seconds "$(part 20 2)" >"$OUT/hls.txt"
    (on_client_core "$STRESS" players --url "http://127.0.0.1:$PORT/radio/hls.m3u8" --count "$count" --ramp 500 \
        --seconds "$seconds" --server-pid "$SERVER_PID" --serving-thread reactor --label 'HLS' \
        --json "$OUT/players.json") >>"$OUT/hls.txt"
    cat "$OUT/hls.txt" >&2
    # Sessions end when they have been silent for three segments.
    sleep "$(part 15 1)"
    listeners listeners 180 --count "$count" --ramp 500 --seconds "$seconds" --gap-limit 2000
}

# nginx by examples/nginx-edge.conf, on the core of the server, at EDGE_PORT.
start_edge() {
    local dir=$OUT/nginx
    EDGE_PORT=${EDGE_PORT:-$((PORT + 1))}
    mkdir -p "$dir"
    {
        echo "daemon off; worker_processes 1; worker_rlimit_nofile $(ulimit -n); pid $dir/pid; error_log $dir/log;"
        [ "$(id -u)" -ne 0 ] || echo "user root;"
        echo "events { worker_connections $(($(ulimit -n) - 100)); }"
        echo "http { access_log off;"
        for kind in client_body proxy fastcgi uwsgi scgi; do
            echo "${kind}_temp_path $dir/$kind;"
        done
        sed -e "s/listen 80;/listen 127.0.0.1:$EDGE_PORT backlog=4096;/" -e "s/127.0.0.1:8000/127.0.0.1:$PORT/" \
            -e "s|/var/cache/nginx|$dir|" "$root/examples/nginx-edge.conf"
        echo "}"
    } >"$dir/nginx.conf"
    (on_server_core nginx -p "$dir" -e "$dir/log" -c "$dir/nginx.conf") >"$OUT/nginx.log" 2>&1 &
    beside+=($!)
    for _ in $(seq 100); do
        must_be_beside
        ! curl -sf -o "$OUT/answer" --max-time 1 "http://127.0.0.1:$EDGE_PORT/radio/hls.m3u8" || return 0
        sleep 0.1
    done
    say "nginx does not answer: see $dir/log"
    return 1
}

run_hls_edge() {
    local count seconds before after
    count=$(part 10000 100) seconds=$(part 300 6)
    start_hls_station false
    start_edge
    "$STRESS" usage --server-pid "$SERVER_PID" --label 'the station without players' --seconds "$(part 60 3)" \
        >"$OUT/edge.txt"
    (on_client_core "$STRESS" players --url "http://127.0.0.1:$EDGE_PORT/radio/hls.m3u8" --count "$count" \
        --ramp "$(part 500 100)" --seconds "$((seconds + 5))" --settle "$(part 10 1)" --label 'players at nginx' \
        --json "$OUT/players.json") >"$OUT/players.txt" &
    beside+=($!)
    local players=$!
    sleep "$(part 32 3)"
    before=$(hls_counters)
    "$STRESS" usage --server-pid "$SERVER_PID" --label 'the station behind nginx' --seconds "$seconds" >>"$OUT/edge.txt" &
    "$STRESS" usage --server-pid "$(pgrep -P "$(cat "$OUT/nginx/pid")" | head -n 1)" --label nginx --seconds "$seconds" \
        >"$OUT/nginx.txt"
    after=$(hls_counters)
    wait "$players" || true
    echo "$before $after" | awk -v seconds="$seconds" '{
        printf "  %.2f requests a second at the station, for two variants; %d for what was not there\n",
            ($3 - $1) / seconds, $4 - $2 }' >>"$OUT/edge.txt"
    end_beside
    stop_server
    cat "$OUT/edge.txt" "$OUT/nginx.txt" "$OUT/players.txt" >&2
}

# From the moment when the last packet of a segment was made until the segment is listed, by the dates in the
# playlist. $1: seconds.
listing_delays() {
    local url=http://127.0.0.1:$PORT/radio/hls/radio.aac/live.m3u8 end=$((SECONDS + $1)) last='' now date length name
    while [ "$SECONDS" -lt "$end" ]; do
        now=$(date +%s%N)
        # shellcheck disable=SC2046 # three words
        set -- $(curl -s --max-time 2 "$url" | tail -n 3 | sed -e 's/^[^:]*DATE-TIME://' -e 's/^#EXTINF:\([0-9.]*\),/\1/')
        date=${1:-} length=${2:-} name=${3:-}
        if [ -n "$last" ] && [ -n "$name" ] && [ "$name" != "$last" ]; then
            awk -v now="$now" -v date="$(date -d "$date" +%s%N)" -v length_s="$length" \
                'BEGIN { printf "%.0f\n", (now - date) / 1e6 - length_s * 1e3 }'
        fi
        last=$name
        sleep 0.01
    done
}

run_hls_cost() {
    local rounds round seconds kind pids
    rounds=$(part 10 1) seconds=$(part 20 3)
    start_hls_station true
    listing_delays "$(part 60 12)" | sort -n | awk '{ all[NR] = $1 } END {
        printf "a segment is listed %d ms after its last packet (median of %d; %d to %d)\n",
            all[int((NR + 1) / 2)], NR, all[1], all[NR] }' >"$OUT/delay.txt"
    stop_server
    # Both at once, on one core, so that whatever disturbs one of them disturbs the other. Whichever works
    # first of the two finds cold caches, so they take turns at that.
    for round in $(seq "$rounds"); do
        declare -A pids=()
        for kind in $([ $((round % 2)) = 0 ] && echo without with || echo with without); do
            mkdir -p "$OUT/$kind"
            (
                [ "$kind" = with ] || PORT=$((PORT + 2))
                hls_station true "$kind" >"$OUT/$kind/station.toml"
                cd "$OUT/$kind"
                # shellcheck disable=SC2086 # it is a command line
                on_server_core ${LONGWAVE%% *} serve station.toml
            ) >"$OUT/$kind/longwave.log" 2>&1 &
            pids[$kind]=$!
        done
        beside=("${pids[@]}")
        sleep "$(part 10 3)"
        must_be_beside
        "$STRESS" usage --server-pid "${pids[with]}" --label "with, $round" --seconds "$seconds" >>"$OUT/with.txt" &
        "$STRESS" usage --server-pid "${pids[without]}" --label "without, $round" --seconds "$seconds" >>"$OUT/without.txt"
        wait $!
        must_be_beside
        end_beside
        wait "${pids[@]}" || true
    done
    beside=()
    {
        cat "$OUT/delay.txt"
        # The sums of their threads, which the scheduler counts exactly. A decoder has come and gone
        # meanwhile.
        awk 'FNR == 1 { file++ } FNR > 1 && $3 == "threads" && $1 != "decode" { sum[file] += $4 }
            / hundredths of a core/ { rounds[file]++ }
            END { printf "with HLS %.3f %% of a core, without %.3f %%: %+.1f %%\n", sum[1] / rounds[1],
                sum[2] / rounds[2], (sum[1] / sum[2] - 1) * 100 }' "$OUT/with.txt" "$OUT/without.txt"
    } >"$OUT/hls_cost.txt"
    cat "$OUT/hls_cost.txt" >&2
}

# $1: name of the result, $2: seconds; then options of `steer`, for clients of the page or the console.
looking() {
    local name=$1 seconds=$2
    shift 2
    (on_client_core "$STRESS" steer --url "http://127.0.0.1:$PORT" --label "$name" --seconds "$seconds" --strict \
        --json "$OUT/$name.json" "$@") >"$OUT/$name.txt" 2>&1
}

# The reactor is measured without anybody, with the listeners, with the pages as well, with the consoles as well, and
# again with the listeners alone. Titles change every twenty seconds, which is an event for each page. Two pages a
# second are opened anew: each stays for eight minutes.
run_pages() {
    local count pages consoles seconds arrival path asked=() failed=
    count=$(part 5000 50) pages=$(part 1000 20) consoles=$(part 20 4) seconds=$(part 60 6)
    # Pages come at a hundred a second, and who was refused comes again after five seconds.
    arrival=$((pages / 100 + 10))
    make_music
    "${LONGWAVE%% *}" user --file "$OUT/users" token console --role admin >"$OUT/token"
    {
        printf '[server]\nlisten = ["127.0.0.1:%s"]\nusers_file = "users"\n' "$PORT"
        # They come from eight addresses.
        printf 'max_event_clients = 1200\nmax_event_clients_per_address = 200\n'
        printf '[[pipeline]]\nplaylist = "%s"\nloop = true\n' "$MUSIC"
        printf '[[pipeline.output]]\nformat = "mp3"\nmount = "%s"\n' "$LONGWAVE_MOUNT"
    } >"$OUT/station.toml"
    for path in / /page/page.css /page/page.js "/nowplaying$LONGWAVE_MOUNT"; do
        asked+=(--request "GET $path")
    done
    cd "$OUT"
    LONGWAVE="${LONGWAVE%% *} serve station.toml"
    start_longwave
    reactor() { "$STRESS" usage --server-pid "$SERVER_PID" --label "$1" --seconds "$seconds" >>"$OUT/usage.txt"; }
    reactor "nobody"
    (
        # When all listeners have joined.
        sleep $((count / 500 + 6))
        reactor "$count listeners"
        looking pages $((arrival + 2 * seconds + 6)) --events "$pages" --events-ramp 100 \
            --events-at "/nowplaying$LONGWAVE_MOUNT?format=events" "${asked[@]}" --rate 8 &
        open=$!
        sleep "$arrival"
        reactor "and $pages pages"
        # Each console follows what happens, and the levels, ten times a second.
        looking consoles $((seconds + 4)) --token-file "$OUT/token" --events $((2 * consoles)) \
            --events-at /api/v1/events --events-at /api/v1/pipelines/main/levels \
            --request 'GET /api/v1/pipelines/main' --request 'GET /api/v1/pipelines/main/queue' --rate "$consoles" &
        working=$!
        sleep 3
        reactor "and $consoles consoles"
        wait "$open"
        wait "$working"
        reactor "$count listeners again"
    ) &
    beside=($!)
    listeners listeners $((6 * seconds + 90)) --count "$count" --ramp 500 --seconds $((arrival + 4 * seconds + 20)) \
        --gap-limit 2000 --strict || failed=1
    wait "${beside[@]}" || failed=1
    what_a_page_costs "$count" "$pages" "$consoles" "$(part 1 0)" <"$OUT/usage.txt" >"$OUT/cost.txt" || failed=1
    cat "$OUT/usage.txt" "$OUT/pages.txt" "$OUT/consoles.txt" "$OUT/cost.txt" >&2
    [ -z "$failed" ] || { say "pages: something was WRONG; see above"; return 1; }
}

# Of the five measurements of the reactor, in hundredths of a core, to microseconds of its time per second.
# $1: listeners, $2: pages, $3: consoles, $4: whether a page must not cost more than a listener.
what_a_page_costs() {
    awk -v listeners="$1" -v pages="$2" -v consoles="$3" -v judge="$4" '
        / hundredths of a core/ { measured++ }
        $1 == "reactor" { reactor[measured] = $4 }
        END {
            if (measured < 5) {
                print "WRONG: the reactor was not measured to the end"
                exit 1
            }
            listening = (reactor[2] + reactor[5]) / 2
            listener = (listening - reactor[1]) / listeners * 10000
            page = (reactor[3] - listening) / pages * 10000
            console = (reactor[4] - reactor[3]) / consoles * 10000
            printf "the reactor, in hundredths of a core: %.3f with nobody, %.3f and %.3f with %d listeners,\n",
                reactor[1], reactor[2], reactor[5], listeners
            printf "%.3f with %d pages as well, %.3f with %d consoles as well\n",
                reactor[3], pages, reactor[4], consoles
            printf "its time per second: %.2f µs for a listener, %.2f µs for a page, %.0f µs for a console\n",
                listener, page, console
            if (judge && page > listener) {
                print "WRONG: an open page costs the reactor more than a listener"
                exit 1
            }
        }'
}

case " $ALL link_down:stalled " in
    *" $run "*) "run_${run%:*}" ;;
    *) say "no such run: $run. There are: $ALL"; exit 2 ;;
esac
