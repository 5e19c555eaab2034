#!/bin/bash
# Checks the files of web/: their types (tsc, by JSDoc), what is usually a slip (eslint), how they are written
# (prettier). `check-web.sh fix` writes them as prettier would.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() {
    echo "$1: skipped" >&2
    [ -z "${CI:-}" ]
    exit
}
command -v npm >/dev/null || skip "there is no npm"

# What npm installs is kept between runs.
work=target/web
mkdir -p $work
rm -rf $work/web
cp -r web tests/web/* $work
cd $work
if ! cmp -s package-lock.json node_modules/.installed; then
    npm ci --no-audit --no-fund || skip "npm could not install what checks the page"
    cp package-lock.json node_modules/.installed
fi
if [ "${1:-}" = fix ]; then
    npx prettier --write web
    cp -r web ../..
else
    npm run --silent check
fi
