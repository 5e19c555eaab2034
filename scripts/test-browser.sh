#!/bin/bash
# test-browser.sh FOLDER: runs the program in FOLDER, and plays it in real browsers (tests/browser).
set -euo pipefail
cd "$(dirname "$0")/.."
built=$(realpath "$1")

skip() {
    echo "$1: skipped" >&2
    [ -z "${CI:-}" ]
    exit
}
CHROMIUM=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
    skip "there is no Chromium"
FIREFOX=$(command -v firefox-esr || command -v firefox) || skip "there is no Firefox"
export CHROMIUM FIREFOX

# What npm installs is kept between runs, in the folder of the build.
work=target/browser
mkdir -p $work
rm -f $work/*.mjs
cp tests/browser/* tests/pictures/logo.png $work
cd $work
if ! cmp -s package-lock.json node_modules/.installed; then
    npm ci --no-audit --no-fund || skip "npm could not install what the tests need"
    cp package-lock.json node_modules/.installed
fi
# One after the other: what plays in time needs the processor.
LONGWAVE=$built/longwave exec node --test --test-concurrency=1 --test-reporter=spec
