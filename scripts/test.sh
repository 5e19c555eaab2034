#!/bin/bash
# Everything that CI runs, quickest first. `make test` calls it when all tools are there.
set -euo pipefail

step() {
    printf '\n== %s\n' "$*"
    "$@"
}

# `cargo test` for machines without nextest, with one summary at the end.
cargo_test() {
    cargo test --locked --workspace --lib --bins --tests --no-fail-fast -- --test-threads=8 2>&1 | awk '
        { print }
        /^test result:/ { passed += $4; failed += $6; ignored += $8 }
        END { printf "\ntest result: %d passed; %d failed; %d ignored\n", passed, failed, ignored }'
}

step cargo fmt --all --check
# Each combination of features is a program of its own.
step cargo clippy --locked --workspace --all-targets -- -D warnings
for features in "" mp3 aac; do
    step cargo clippy --locked --all-targets --no-default-features --features "$features" -- -D warnings
done
RUSTDOCFLAGS="-D warnings" step cargo doc --locked --workspace --no-deps
step cargo test --locked --workspace --doc
for features in "" mp3 aac; do
    step cargo test --locked --no-default-features --features "$features" --lib --bins
done
# Last, so that its summary is the last line.
if cargo nextest --version >/dev/null 2>&1; then
    step cargo nextest run --locked --workspace --profile "${NEXTEST_PROFILE:-default}"
else
    step cargo_test
fi
