#!/bin/bash
# Everything that CI runs. `make test` calls it when all tools are there.
set -euo pipefail

step() {
    printf '\n== %s\n' "$*"
    "$@"
}

# Runs the tests with nextest if it is installed (tests that wait run side by side), otherwise with `cargo test` and
# one summary at the end.
tests() {
    if cargo nextest --version >/dev/null 2>&1; then
        cargo nextest run --locked --profile "${NEXTEST_PROFILE:-default}" "$@"
    else
        cargo test --locked --no-fail-fast "$@" -- --test-threads=8 2>&1 | awk '
            { print }
            /^test result:/ { passed += $4; failed += $6; ignored += $8 }
            END { printf "\ntest result: %d passed; %d failed; %d ignored\n", passed, failed, ignored }'
    fi
}

work=$(mktemp -d)
aside=()
trap 'kill -- "${aside[@]/#/-}" 2>/dev/null || true; rm -rf "$work"' EXIT

# aside NAME COMMAND...: runs a command that mostly waits, while others compute. It has a process group of its
# own, so that all that it has started ends with it.
aside() {
    local name=$1
    shift
    set -m
    ("$@" </dev/null >"$work/$name.log" 2>&1 && touch "$work/$name.passed") &
    set +m
    aside+=($!)
}

# finish NAME: waits for the command and shows its output.
finish() {
    printf '\n== %s\n' "$1"
    while kill -0 "${aside[0]}" 2>/dev/null; do sleep 0.2; done
    aside=("${aside[@]:1}")
    cat "$work/$1.log"
    [ -e "$work/$1.passed" ]
}

# The same random cases in each run; with LONGWAVE_LONG=1, and wherever tests run by themselves, new ones.
[ -n "${LONGWAVE_LONG:-}" ] || export PROPTEST_RNG_SEED=198 LONGWAVE_SEED=198

step cargo fmt --all --check
step cargo clippy --locked --workspace --all-targets -- -D warnings
RUSTDOCFLAGS="-D warnings" step cargo doc --locked --workspace --no-deps
step bash scripts/deny.sh
step bash scripts/check-web.sh
step cargo build --locked --workspace --lib --bins --tests --examples

# Tests the C ABI the way that other languages use it: built as for tests, installed, and used only from there. It
# works on a copy, because the feature combinations below rebuild the same files.
mkdir "$work/built"
cp target/debug/{longwave,liblongwave_c.so,liblongwave_c.a} "$work/built"
bash scripts/licences.sh >"$work/built/THIRD-PARTY-LICENCES"
aside test-abi bash scripts/test-abi.sh "$work/built"
aside test-deb bash scripts/test-deb.sh "$work/built"
aside test-openapi bash scripts/test-openapi.sh "$work/built" 30
aside test-metrics bash scripts/test-metrics.sh "$work/built" 15

step cargo test --locked --workspace --doc
# Each combination of features is tested; the library alone is checked without `program`.
for features in program program,mp3 program,aac; do
    step cargo clippy --locked --all-targets --no-default-features --features $features -- -D warnings
    step tests --no-default-features --features $features --lib --bins --test program
done
step cargo clippy --locked --lib --no-default-features --features mp3 -- -D warnings
step bash scripts/test-package.sh
finish test-abi
finish test-deb
finish test-openapi
finish test-metrics
# By itself: a browser that has no processor does not play in time.
step bash scripts/test-browser.sh "$work/built"
# Last, so that its summary is the last line. (tests/examples.rs runs the examples.)
step tests --workspace --lib --bins --tests
