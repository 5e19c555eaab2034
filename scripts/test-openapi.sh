#!/bin/bash
# test-openapi.sh FOLDER [SECONDS [SEED]]: runs the program in FOLDER, and sends requests to its API with
# schemathesis. Some requests follow the OpenAPI document, others violate it. No answer may be a server error, or one
# that the document does not describe. The same seed gives the same requests, as many as the time allows.
set -euo pipefail
cd "$(dirname "$0")/.."
built=$(realpath "$1")
seconds=${2:-60}
seed=${3:-1}

# The tools are kept between runs, in the folder of the build.
tools=target/schemathesis-4.32.5
if [ ! -x $tools/bin/schemathesis ]; then
    python3 -m venv --clear $tools && $tools/bin/pip install --quiet --disable-pip-version-check schemathesis==4.32.5 || {
        rm -rf $tools
        echo "schemathesis could not be installed (from PyPI, into a venv of Python 3): skipped" >&2
        [ -z "${CI:-}" ]
        exit
    }
fi
tools=$(realpath $tools)
scripts=$(realpath scripts)

work=$(mktemp -d "${TMPDIR:-/tmp}/longwave-openapi.XXXXXX")
station=
trap 'kill $station 2>/dev/null || true; wait; rm -rf "$work"' EXIT
cd "$work"
mkdir music
for track in 1 2 3; do
    ffmpeg -v error -f lavfi -i "sine=frequency=$((track * 220)):duration=60" -metadata "title=Träck $track" music/$track.flac
done
XDG_RUNTIME_DIR=$work "$built/longwave" play music --loop --listen 127.0.0.1:0 >urls 2>log &
station=$!
is_ready() { [ -s urls ] && grep -q "take the token in" log; }
for _ in $(seq 100); do
    ! is_ready || break
    sleep 0.1
done
is_ready || { cat log >&2; exit 1; }
server=$(sed -n '1s|.*\(http://[^/]*\)/.*|\1|p' urls)
token=$(cat "$(sed -n 's/.* take the token in //p' log)")

# Wrong credentials soon get 429 instead of 401, as they should; tests/api/logins.rs tests that.
SCHEMATHESIS_HOOKS=schemathesis_hooks PYTHONPATH=$scripts PYTHONDONTWRITEBYTECODE=1 \
    "$tools/bin/schemathesis" --config-file "$scripts/schemathesis.toml" run "$server/api/v1/openapi.json" \
    --header "Authorization: Bearer $token" --seed "$seed" --generation-database none --max-time "$seconds" \
    --continue-on-failure --request-timeout 5 --exclude-checks ignored_auth \
    --suppress-health-check all --warnings off
kill -0 $station # still running
if grep -E 'panicked| ERROR ' log; then exit 1; fi
