#!/bin/bash
# test-metrics.sh FOLDER [SECONDS]: runs the program in FOLDER, and has promtool check its metrics, the rules
# and their tests. Then a real Prometheus reads the metrics for some seconds (60), and is asked for what must
# be there.
set -euo pipefail
cd "$(dirname "$0")/.."
built=$(realpath "$1")
seconds=${2:-60}
monitoring=$PWD/docs/monitoring

if ! command -v prometheus >/dev/null || ! command -v promtool >/dev/null; then
    echo "prometheus and promtool are not installed (Debian: apt install prometheus): skipped" >&2
    [ -z "${CI:-}" ]
    exit
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/longwave-metrics.XXXXXX")
started=()
trap 'kill "${started[@]}" 2>/dev/null || true; wait; rm -rf "$work"' EXIT
cd "$work"

# until_true SECONDS COMMAND...: waits until the command succeeds.
until_true() {
    local left=$(($1 * 10))
    shift
    until "$@" >/dev/null 2>&1; do
        left=$((left - 1))
        if [ $left -le 0 ]; then
            echo "in vain: $*" >&2
            tail -n 30 log prometheus.log >&2 || true
            exit 1
        fi
        sleep 0.1
    done
}

# The rules: that they can be read, and that they fire when they should.
promtool check rules "$monitoring/alerts.yml"
(cd "$monitoring" && promtool test rules alerts.test.yml)

# A station, and two who listen.
mkdir music
for track in 1 2; do
    ffmpeg -v error -f lavfi -i "sine=frequency=$((track * 220)):duration=60" \
        -metadata "title=Träck $track" music/$track.flac
done
XDG_RUNTIME_DIR=$work "$built/longwave" play music --loop --listen 127.0.0.1:0 >urls 2>log &
started+=($!)
is_ready() { [ -s urls ] && grep -q "take the token in" log; }
until_true 30 is_ready
stream=$(sed -n '1s|.*\(http://[^ ]*\).*|\1|p' urls)
server=$(sed 's|\(http://[^/]*\)/.*|\1|' <<<"$stream")
mount=${stream#"$server"}
sed -n 's/.* take the token in //p' log | xargs cat >token
for _ in 1 2; do
    curl -s -m $((seconds + 60)) -o /dev/null "$stream" &
    started+=($!)
done

# Both formats, and nobody without a credential.
[ "$(curl -s -o /dev/null -w '%{http_code}' "$server/metrics")" = 401 ]
ask() { curl -sf -H "Authorization: Bearer $(cat token)" "$@" "$server/metrics"; }
ask | promtool check metrics
ask -H 'Accept: application/openmetrics-text; version=1.0.0' >open
[ "$(tail -n 1 open)" = "# EOF" ]

# A real Prometheus, with the rules.
cat >prometheus.yml <<END
global: {scrape_interval: 1s, evaluation_interval: 1s}
scrape_configs:
  - job_name: longwave
    authorization: {credentials_file: $work/token}
    static_configs: [{targets: ["${server#http://}"]}]
rule_files: ["$monitoring/alerts.yml"]
END
promtool check config prometheus.yml
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
prometheus --config.file=prometheus.yml --storage.tsdb.path=data \
    --web.listen-address="127.0.0.1:$port" 2>prometheus.log &
started+=($!)

# is_so EXPRESSION: whether Prometheus says that it has a value other than 0.
is_so() {
    curl -sf --data-urlencode "query=$1" "http://127.0.0.1:$port/api/v1/query" |
        python3 -c '
import json, sys
result = json.load(sys.stdin)["data"]["result"]
sys.exit(not any(float(series["value"][1]) for series in result))'
}
until_true 30 is_so 'up{job="longwave"} == 1'
sleep "$seconds"
for expression in \
    'min_over_time(up{job="longwave"}[1m]) == 1' \
    'longwave_build_info == 1' \
    "longwave_mount_listeners{mount=\"$mount\"} == 2" \
    "longwave_mount_joins_total{mount=\"$mount\"} == 2" \
    "rate(longwave_mount_sent_bytes_total{mount=\"$mount\"}[30s]) > 1000" \
    'rate(longwave_encoder_encoded_seconds_total[30s]) > 0.5' \
    'rate(longwave_encoder_worked_seconds_total[30s]) > 0' \
    'longwave_healthy{pipeline="main"} == 1' \
    'count(longwave_problem == 0) >= 9' \
    'longwave_pipeline_tracks_total >= 1' \
    'longwave_pipeline_loudness_lufs > -60' \
    'longwave_reactor_turn_seconds_count > 10' \
    'histogram_quantile(0.99, rate(longwave_reactor_turn_seconds_bucket[30s])) > 0' \
    'longwave_mixer_lateness_seconds_count > 10' \
    'process_resident_memory_bytes{job="longwave"} > 1e6' \
    'process_open_fds{job="longwave"} < process_max_fds' \
    'process_cpu_seconds_total{job="longwave"} > 0' \
    'absent(ALERTS{alertstate="firing", severity="critical"})'; do
    # The next answer may be what is missing.
    until_true 15 is_so "$expression"
    echo "so it is: $expression"
done
if grep -E 'panicked| ERROR ' log; then exit 1; fi
