#!/bin/bash
# test-browser.sh FOLDER: runs the program in FOLDER, and plays it in a real browser (tests/browser).
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
export CHROMIUM

# What npm installs is kept between runs, in the folder of the build.
work=target/browser
mkdir -p $work
cp tests/browser/* $work
cd $work
if ! cmp -s package-lock.json node_modules/.installed; then
    npm ci --no-audit --no-fund || skip "npm could not install what the tests need"
    cp package-lock.json node_modules/.installed
fi
LONGWAVE=$built/longwave exec node --test --test-reporter=spec
