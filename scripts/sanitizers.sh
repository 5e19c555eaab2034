#!/bin/bash
# The ring and the server under AddressSanitizer and ThreadSanitizer:
#
#   scripts/sanitizers.sh [address] [thread]
#
# Needs a nightly toolchain (`rustup toolchain install nightly`) and no more: the standard library is
# taken as it comes, without a sanitizer in it (hence the flag about the ABI). So ThreadSanitizer
# does not see what the library's locks and fences order; what it takes for a race because of that is
# named, with the reason, in scripts/tsan-suppressions.txt. Codecs are left out: they are C, and the
# server does not know them.
set -euo pipefail
cd "$(dirname "$0")/.."

target=$(rustc -vV | sed -n 's/^host: //p')
export TSAN_OPTIONS="suppressions=$PWD/scripts/tsan-suppressions.txt"

# $1: which sanitizer; then arguments of `cargo test`.
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
    run "$sanitizer" --test listeners --test fairness --test stalls
done
