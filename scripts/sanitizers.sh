#!/bin/bash
# Looks for data races and for errors of memory:
#
#   scripts/sanitizers.sh [address] [thread] [crowd] [valgrind]
#
# - address, thread: the tests of the ring and the server under AddressSanitizer and ThreadSanitizer. The standard
#   library is built without a sanitizer, hence the flag about the ABI. So ThreadSanitizer does not see the ordering
#   by the standard library's locks and fences. scripts/tsan-suppressions.txt lists the false races, with reasons.
#   Codecs are left out, because they are C and the server does not use them.
# - crowd: a host in C and one in Rust, in which ten threads call everything at random, under ThreadSanitizer, for
#   ten minutes each. Here the standard library is built with the sanitizer, and nothing is suppressed. Codecs in C are
#   built without it. Needs clang.
# - valgrind: the tests in C and C++, on an otherwise idle machine: everything takes twenty times as long. (own.c and
#   whole.cpp mix an hour, and guest.c has a malloc of its own; they are left out.)
#
# Without a word it does all of them. All but the last need a nightly toolchain, and the crowds the sources of its
# standard library: `rustup toolchain install nightly --component rust-src`.
set -euo pipefail
cd "$(dirname "$0")/.."

target=$(rustc -vV | sed -n 's/^host: //p')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# $1: the sanitizer; then arguments for `cargo test`.
run() {
    local sanitizer=$1
    shift
    printf '\n== %s: %s\n' "$sanitizer" "$*"
    TSAN_OPTIONS="suppressions=$PWD/scripts/tsan-suppressions.txt" \
        RUSTFLAGS="-Zsanitizer=$sanitizer -Cunsafe-allow-abi-mismatch=sanitizer" \
        cargo +nightly test --locked --no-default-features --target "$target" --target-dir "target/$sanitizer" "$@"
}

# Puts the library of this folder where programs find it by its soname.
library() {
    ln -s "$PWD/$1/liblongwave_c.so" "$work/liblongwave.so.0"
    ln -s liblongwave.so.0 "$work/liblongwave.so"
}
generate() { python3 "ffi/tests/c/$1.py" ffi/include/longwave.h >"$work/$1.c"; }
includes="-Iffi/include -Iffi/tests/c"
links="-pthread -L$work -Wl,-rpath,$work -llongwave -lm"

# $1: the command for cargo; then its arguments.
with_std() {
    RUSTFLAGS=-Zsanitizer=thread cargo +nightly "$1" -Zbuild-std --locked --target "$target" \
        --target-dir target/crowd "${@:2}"
}

crowd() {
    printf '\n== crowd, in C\n'
    with_std build --package longwave-ffi
    library "target/crowd/$target/debug"
    generate crowd
    # With the runtime that the library was built for: clang's own may be older.
    local runtime
    runtime=$(rustc +nightly --print sysroot)/lib/rustlib/$target/lib/librustc-nightly_rt.tsan.a
    clang -std=gnu11 -O1 -g -fsanitize=thread $includes -c "$work/crowd.c" -o "$work/crowd.o"
    clang -rdynamic "$work/crowd.o" -Wl,--whole-archive "$runtime" -Wl,--no-whole-archive $links \
        -ldl -lrt -o "$work/crowd"
    timeout 900 "$work/crowd" "$work" 600

    printf '\n== crowd, in Rust\n'
    LONGWAVE_LONG=1 with_std test --no-default-features --features mp3,aac --test protocol -- --nocapture crowd::
}

# $1: whether leaks are looked for (full, no); then the program and its arguments.
under_valgrind() {
    printf '\n== valgrind: %s\n' "${*##*/}"
    valgrind --quiet --leak-check="$1" --error-exitcode=9 --fair-sched=try \
        --suppressions=ffi/tests/c/valgrind-suppressions.txt "${@:2}"
}

memory() {
    cargo build --locked --workspace --lib
    library target/debug
    local program
    generate misuse
    generate crowd
    for program in "$work/misuse" "$work/crowd" ffi/tests/c/asks ffi/tests/c/cycles ffi/tests/c/requests; do
        cc -std=gnu11 -O1 -g $includes "$program.c" $links -o "$work/${program##*/}"
    done
    c++ -std=c++17 -O1 -g $includes ffi/tests/c/moves.cpp $links -o "$work/moves"
    under_valgrind full "$work/requests"
    under_valgrind full "$work/moves"
    under_valgrind full "$work/cycles" "$work" 2
    under_valgrind full "$work/asks" "$work"
    # Its encoder hangs until the end, and so a thread is left behind.
    under_valgrind no "$work/misuse" "$work"
    under_valgrind full "$work/crowd" "$work" 20
}

[ $# -gt 0 ] || set -- address thread crowd valgrind
for what; do
    case $what in
        address | thread)
            run "$what" --lib -- ring:: server:: icy::
            run "$what" --test server -- listeners:: fairness:: stalls::
            ;;
        crowd) crowd ;;
        valgrind) memory ;;
        *) echo "sanitizers.sh: $what is none of address, thread, crowd, valgrind" >&2; exit 2 ;;
    esac
    rm -f "$work"/liblongwave.so*
done
