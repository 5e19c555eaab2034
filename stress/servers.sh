# Starts the servers that are compared, on a port of 127.0.0.1. This file is sourced.
#
# Each start_* sets SERVER_PID, SERVER_URL and SERVING (options for `listeners`), and returns when the mount has a
# whole burst. stop_server ends the server.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
STRESS=${STRESS:-$root/target/release/longwave-stress}
# The command line of Longwave; LISTEN and MUSIC are replaced. The mount is LONGWAVE_MOUNT.
LONGWAVE=${LONGWAVE:-$root/target/release/longwave play MUSIC --loop --listen LISTEN --bitrate BITRATE}
LONGWAVE_MOUNT=${LONGWAVE_MOUNT:-/stream.mp3}
BITRATE=${BITRATE:-128}
PORT=${PORT:-18000}
OUT=${OUT:-$(mktemp -d "${TMPDIR:-/tmp}/longwave-stress.XXXXXX")}
mkdir -p "$OUT"

helpers=()
SERVER_PID=

# With NICE=-10 (as root) other work on the machine has less effect. If the scheduler groups tasks by session, the
# nice value belongs to the group. It then applies to all processes in this terminal.
if [ -n "${NICE:-}" ]; then
    renice -n "$NICE" $$ >/dev/null
    [ ! -e /proc/self/autogroup ] || echo "$NICE" >/proc/self/autogroup
fi

# The server has one core; everything else has the other cores.
if command -v taskset >/dev/null && [ "$(nproc)" -ge 2 ]; then
    on_server_core() { exec taskset -c "${SERVER_CORE:-0}" "$@"; }
    on_client_core() { exec taskset -c "${CLIENT_CORE:-1-$(($(nproc) - 1))}" "$@"; }
else
    on_server_core() { exec "$@"; }
    on_client_core() { exec "$@"; }
fi
ulimit -n "$(ulimit -Hn)"

say() { echo "$*" >&2; }

build() {
    [ -x "$STRESS" ] || (cd "$root" && cargo build --release -p longwave-stress)
}

somebody_listens() { (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null; }

if somebody_listens; then
    say "port $PORT is in use: choose another by PORT"
    exit 1
fi

# Waits until the server listens on PORT.
wait_for_port() {
    for _ in $(seq 100); do
        kill -0 "$SERVER_PID" 2>/dev/null || break
        ! somebody_listens || return 0
        sleep 0.1
    done
    say "$1 does not listen on port $PORT; see $OUT/$1.log"
    return 1
}

# Makes a few short tracks with titles, so that titles change: MUSIC, unless it exists.
make_music() {
    if [ -z "${MUSIC:-}" ]; then
        MUSIC=$OUT/music
        mkdir -p "$MUSIC"
        for track in 1 2 3; do
            ffmpeg -v error -y -f lavfi -i "anoisesrc=color=pink:amplitude=0.2:duration=20:sample_rate=44100" \
                -ac 2 -metadata artist=Stress -metadata "title=Track $track" -c:a flac "$MUSIC/$track.flac"
        done
    fi
}

longwave_is_there() { [ -x "${LONGWAVE%% *}" ] || command -v "${LONGWAVE%% *}" >/dev/null; }

start_longwave() {
    make_music
    local command=${LONGWAVE//LISTEN/127.0.0.1:$PORT}
    command=${command//BITRATE/$BITRATE}
    # shellcheck disable=SC2086 # it is a command line
    (on_server_core ${command//MUSIC/$MUSIC}) >"$OUT/longwave.log" 2>&1 &
    SERVER_PID=$!
    SERVER_URL=http://127.0.0.1:$PORT$LONGWAVE_MOUNT
    SERVING=(--icy --serving-thread reactor)
    wait_for_port longwave && sleep 6
}

start_icecast() {
    local owner=
    # icecast2 refuses to run as root.
    if [ "$(id -u)" -eq 0 ]; then
        owner="<changeowner><user>icecast2</user><group>$(id -gn icecast2)</group></changeowner>"
    fi
    local dir=$OUT/icecast
    mkdir -p "$dir"
    cat >"$dir/icecast.xml" <<XML
<icecast>
  <limits>
    <clients>30000</clients><sources>2</sources><queue-size>524288</queue-size>
    <client-timeout>30</client-timeout><header-timeout>15</header-timeout><source-timeout>10</source-timeout>
    <burst-on-connect>1</burst-on-connect><burst-size>65536</burst-size>
  </limits>
  <authentication>
    <source-password>measured</source-password>
    <admin-user>admin</admin-user><admin-password>measured</admin-password>
  </authentication>
  <hostname>127.0.0.1</hostname>
  <listen-socket><port>$PORT</port><bind-address>127.0.0.1</bind-address></listen-socket>
  <paths>
    <logdir>$dir</logdir>
    <webroot>/usr/share/icecast2/web</webroot><adminroot>/usr/share/icecast2/admin</adminroot>
  </paths>
  <logging><accesslog>access.log</accesslog><errorlog>error.log</errorlog><loglevel>2</loglevel></logging>
  <security><chroot>0</chroot>$owner</security>
</icecast>
XML
    if [ -n "$owner" ]; then
        # icecast2 must reach its folder, and write its logs there.
        chmod o+x "$OUT"
        chown -R icecast2 "$dir"
    fi
    (on_server_core icecast2 -c "$dir/icecast.xml") >"$OUT/icecast.log" 2>&1 &
    SERVER_PID=$!
    SERVER_URL=http://127.0.0.1:$PORT/stream.mp3
    SERVING=(--icy)
    wait_for_port icecast || return 1
    (on_client_core "$STRESS" source --url "http://source:measured@127.0.0.1:$PORT/stream.mp3" \
        --bitrate "$BITRATE" --title-every 20) >"$OUT/source.log" 2>&1 &
    helpers+=($!)
    sleep 6
}

# $1: the interval between sends to a listener, $2: the length of a slot (0: all at once), both in milliseconds.
start_floor() {
    (on_server_core "$STRESS" floor --listen "127.0.0.1:$PORT" --every "$1" --slot "$2" --bitrate "$BITRATE") \
        >"$OUT/floor.log" 2>&1 &
    SERVER_PID=$!
    SERVER_URL=http://127.0.0.1:$PORT/floor.mp3
    SERVING=()
    wait_for_port floor
}

stop_server() {
    local pid
    for pid in "${helpers[@]}" $SERVER_PID; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    helpers=()
    SERVER_PID=
}

trap stop_server EXIT
trap 'exit 130' INT TERM
