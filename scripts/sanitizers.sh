#!/bin/bash
# Runs the tests of the ring and the server under AddressSanitizer and ThreadSanitizer:
#
#   scripts/sanitizers.sh [address] [thread]
#
# Needs a nightly toolchain (`rustup toolchain install nightly`). The standard library is built without a sanitizer,
# hence the flag about the ABI. So ThreadSanitizer does not see the ordering by the standard library's locks and
# fences. scripts/tsan-suppressions.txt lists the false races, with reasons. Codecs are left out, because they are C
# and the server does not use them.
set -euo pipefail
cd "$(dirname "$0")/.."

target=$(rustc -vV | sed -n 's/^host: //p')
export TSAN_OPTIONS="suppressions=$PWD/scripts/tsan-suppressions.txt"

# $1: the sanitizer; then arguments for `cargo test`.
run() {
    local sanitizer=$1
    shift
    printf '\n== %s: %s\n' "$sanitizer" "$*"
    RUSTFLAGS="-Zsanitizer=$sanitizer -Cunsafe-allow-abi-mismatch=sanitizer" \
        cargo +nightly test --locked --no-default-features --target "$target" --target-dir "target/$sanitizer" "$@"
}

[ $# -gt 0 ] || set -- address thread
for sanitizer; do
    case $sanitizer in
        address | thread) ;;
        *) echo "sanitizers.sh: $sanitizer is neither address nor thread" >&2; exit 2 ;;
    esac
    run "$sanitizer" --lib -- ring:: server:: icy::
    run "$sanitizer" --test server -- listeners:: fairness:: stalls::
done
