#!/bin/bash
# Everything that CI runs, quickest first. `make test` calls it when all tools are there.
set -euo pipefail

step() {
    printf '\n== %s\n' "$*"
    "$@"
}

# Runs tests with nextest if it is installed (tests that wait run side by side), else with `cargo test` and one summary at
# the end.
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

step cargo fmt --all --check
step cargo clippy --locked --workspace --all-targets -- -D warnings
RUSTDOCFLAGS="-D warnings" step cargo doc --locked --workspace --no-deps
step cargo test --locked --workspace --doc
# Each combination of features is tested; the library alone is checked without `program`.
for features in program program,mp3 program,aac; do
    step cargo clippy --locked --all-targets --no-default-features --features $features -- -D warnings
    step tests --no-default-features --features $features --lib --bins --test program
done
step cargo clippy --locked --lib --no-default-features --features mp3 -- -D warnings
# tests/examples.rs runs them.
step cargo build --locked --examples
# The C ABI as other languages use it: built as for tests, installed, and used from there only.
step cargo build --locked --workspace --lib --bins
step bash scripts/test-abi.sh target/debug
step bash scripts/test-openapi.sh target/debug 30
# Last, so that its summary is the last line.
step tests --workspace --lib --bins --tests
