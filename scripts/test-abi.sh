#!/bin/bash
# test-abi.sh FOLDER [LISP-SECONDS]: installs the program and the library from FOLDER (target/debug) into a
# scratch prefix, builds every example against it, runs it and checks its stream. Then it runs the tests in C,
# C++ and Lisp, and the programs of the guide, those in Rust too. The day in Lisp takes 10 seconds; the full
# length is 60. The hour in Lisp takes half a minute, and the crowd in C five seconds; with LONGWAVE_LONG=1 an
# hour and ten minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
built=$1 day=${2:-10}

work=$(mktemp -d)
running=
trap 'kill $running 2>/dev/null || true; rm -rf "$work"' EXIT
prefix=$work/prefix
mkdir "$work/bin" "$work/music" "$work/scratch"

say() { printf '   %s\n' "$*"; }
# says COMMAND…: says what the command prints, if it succeeds.
says() {
    local printed
    printed=$("$@") || { printf '%s\n' "$printed" >&2; fail "$* has failed"; }
    say "$printed"
}
fail() { printf 'test-abi: %s\n' "$*" >&2; exit 1; }

[ -e "$built/THIRD-PARTY-LICENCES" ] || sh scripts/licences.sh >"$built/THIRD-PARTY-LICENCES"
make --silent install-files PREFIX="$prefix" BUILT="$built"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
# The licences that a build needs beside it are there, and no debug information is.
for text in LICENSE-MIT LICENSE-APACHE NOTICE API.md; do
    [ -s "$prefix/share/doc/longwave/$text" ] || fail "$text is not installed"
done
for text in "The Fraunhofer FDK AAC Codec Library for Android" "Mozilla Public License Version 2.0"; do
    grep -q "$text" "$prefix/share/doc/longwave/THIRD-PARTY-LICENCES" || fail "no licence says $text"
done
for file in lib/liblongwave.so lib/liblongwave.a bin/longwave; do
    ! readelf -S "$prefix/$file" 2>/dev/null | grep '\.debug_info' || fail "$file is not stripped"
done
# It is beside them, and tools find it there by themselves.
for file in "lib/liblongwave.so.$version" bin/longwave; do
    folder=$prefix/${file%/*} name=${file##*/}
    debug=$folder/.debug/$name.debug
    where=0x$(nm "$debug" | awk '/ [tT] .*8longwave.*8pipeline.*5start/ { found = $1 } END { print found }')
    line=$(cd "$folder" && addr2line -e "$name" "$where")
    case $line in *.rs:[1-9]*) ;; *) fail "$name and $where lead to $line, not to a line of its source" ;; esac
    say "$name has $(($(stat -Lc %s "$prefix/$file") / 1000000)) MB, $(($(stat -c %s "$debug") / 1000000)) MB of debug information beside it"
done
make --silent install-files PREFIX="$work/other" BUILT="$built"
make --silent uninstall PREFIX="$work/other"
left=$(find "$work/other" -type f -o -type l)
[ -z "$left" ] || fail "uninstalled, and still there: $left"
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig CMAKE_PREFIX_PATH=$prefix LD_LIBRARY_PATH=$prefix/lib LISTEN=127.0.0.1:0
export PYTHONPATH=$prefix/share/longwave/python XDG_CACHE_HOME=$work/cache
export CL_SOURCE_REGISTRY="$prefix/share/common-lisp/source//:"

# Only documented functions are exported.
nm -D --defined-only "$prefix/lib/liblongwave.so" | awk '{ print $NF }' | sort >"$work/exported"
sed 's|//.*||' "$prefix/include/longwave.h" | grep -o '\blw_[a-z0-9_]*(' | tr -d '(' | sort -u >"$work/declared"
diff "$work/declared" "$work/exported" >&2 || fail "what is exported is not what longwave.h declares"
say "$(wc -l <"$work/exported") functions are exported, all of them lw_*"
"$prefix/bin/longwave" --version >/dev/null

for n in 0 1 2 3 4 5; do
    ffmpeg -loglevel error -f lavfi -i "sine=frequency=$((220 + n * 55)):duration=90" -ac 2 "$work/music/song$n.wav"
done
(echo '#EXTM3U'; ls "$work"/music/*.wav | sort -r) >"$work/evening.m3u"

warnings="-Wall -Wextra -Werror -pedantic"
c() { cc -std=gnu11 $warnings -O1 -g "$@" $(pkg-config --cflags --libs longwave) -lm; }
cxx() { c++ $warnings -O1 -g "$@" $(pkg-config --cflags --libs longwave); }
c ffi/examples/station.c -o "$work/bin/station-c"
c ffi/examples/event_loop.c -o "$work/bin/event-loop-c"
cxx -std=c++17 ffi/examples/station.cpp -o "$work/bin/station-cpp"
# The same with the static library.
cc -std=gnu11 $warnings ffi/examples/station.c $(pkg-config --cflags longwave) "$prefix/lib/liblongwave.a" \
    $(pkg-config --libs --static longwave | sed 's/-llongwave//') -o "$work/bin/station-static"
! readelf -d "$work/bin/station-static" | grep -q liblongwave || fail "the static example is not"

# The same with CMake, whose programs need no LD_LIBRARY_PATH where they were built. It is a release of this number.
mkdir "$work/cmake"
cat >"$work/cmake/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.15)
project(station LANGUAGES C)
find_package(longwave \${wanted} REQUIRED)
add_executable(station-cmake $PWD/ffi/examples/station.c)
target_link_libraries(station-cmake PRIVATE longwave::longwave)
add_executable(station-cmake-static $PWD/ffi/examples/station.c)
target_link_libraries(station-cmake-static PRIVATE longwave::static)
END
configure() { cmake -S "$work/cmake" -B "$work/cmake/built" -DCMAKE_PREFIX_PATH="$prefix" "$@" >"$work/said" 2>&1; }
for wrong in 0.0 0.2 1.0 "$version.1"; do
    ! configure -Dwanted="$wrong" || fail "CMake takes release $version for $wrong"
done
configure -Dwanted="${version%.*}" && cmake --build "$work/cmake/built" >>"$work/said" 2>&1 ||
    { cat "$work/said" >&2; fail "the example does not build with CMake"; }
for program in station-cmake station-cmake-static; do
    ln -s "../cmake/built/$program" "$work/bin/$program"
done
readelf -d "$work/bin/station-cmake" | grep -q 'liblongwave\.so\.0' || fail "CMake's example is not linked with the library"
! readelf -d "$work/bin/station-cmake-static" | grep -q liblongwave || fail "CMake's static example is not"
(unset LD_LIBRARY_PATH && ! ldd "$work/bin/station-cmake" | grep 'not found') || fail "CMake's example does not find the library"

# post_mortem NAME: why the command that runs (or has run) says nothing: how it ended, or what its threads wait for.
post_mortem() {
    local status=0 thread
    if ! kill -0 $running 2>/dev/null; then
        wait $running || status=$?
        running=
        say "$1 has ended with status $status$([ $status -le 128 ] || echo " (signal $(kill -l $status))")"
        return
    fi
    say "$1 still runs. Its threads: name, state, where in the kernel, system call, pending and blocked signals"
    for thread in /proc/$running/task/*; do
        (cat "$thread"/{comm,wchan,syscall}; grep -E '^(State|SigPnd|SigBlk)' "$thread/status") 2>/dev/null | tr -s '\0\n\t' ' ' || true
        echo
    done
    ! command -v gdb >/dev/null || timeout 60 gdb -p $running -batch -ex 'thread apply all bt 25' 2>&1 | tail -400 || true
}

# on_air COMMAND…: starts the command, waits for the first line with an address, and checks every mount that it
# prints.
on_air() {
    # Emptied here: the command begins later, and until then the last one's line would be found.
    : >"$work/said"
    "$@" >>"$work/said" 2>&1 <"$work/input" 9>&- &
    running=$!
    for _ in $(seq 600); do
        grep -q '^ *[0-9.]* *on air' "$work/said" && break
        kill -0 $running 2>/dev/null || break
        sleep 0.1
    done
    sleep 0.5 # for the lines that follow
    local urls url codec
    urls=$(grep -o 'http://[^ ]*' "$work/said") || { cat "$work/said" >&2; post_mortem "$1" >&2; fail "$1 is not on the air"; }
    for url in $urls; do
        codec=$(timeout 20 ffprobe -v error -show_entries stream=codec_name,sample_rate,channels -of csv=p=0 "$url")
        case $url:$codec in
        *.mp3:mp3,44100,2* | *.aac:aac,44100,2*) say "$(basename "$1"): ${url#http://*/} is $codec" ;;
        *) fail "$1: $url is $codec" ;;
        esac
    done
}
# ends NAME: waits until the command ends by itself, in good time, and checks its status.
ends() {
    local status=0
    for _ in $(seq $((1200 + 10 * day))); do
        kill -0 $running 2>/dev/null || break
        sleep 0.1
    done
    ! kill -0 $running 2>/dev/null || { cat "$work/said" >&2; post_mortem "$1" >&2; fail "$1 does not end"; }
    wait $running || status=$?
    [ $status -eq 0 ] || { cat "$work/said" >&2; fail "$1 failed with status $status"; }
    running=
}

: >"$work/input"
for example in station-c station-static station-cpp station-cmake station-cmake-static; do
    on_air "$work/bin/$example" "$work/music" 4
    ends $example
    grep -q '^now: song0' "$work/said" || { cat "$work/said" >&2; fail "$example did not tell of its track"; }
done
on_air python3 bindings/python/examples/station.py "$work/music" 4
ends python3
grep -q '^event: track-change' "$work/said" || fail "the example in Python had no event"
grep -q 'all is well' "$work/said" || fail "the example in Python is not well"
# The installed longwave.py must find its library by itself. The tests are copied, so that they do not import the
# longwave.py beside them.
cp bindings/python/tests.py "$work/bin"
env -u LD_LIBRARY_PATH python3 -c 'import longwave' || fail "longwave.py does not find the library that it was installed with"
timeout 120 python3 "$work/bin/tests.py" >"$work/said" 2>&1 || { cat "$work/said" >&2; fail "the tests in Python"; }
say "Python: $(grep '^Ran' "$work/said")"
# pip: a wheel with the library inside, made and installed without a network, and found without any variable.
if python3 -c 'import ensurepip' 2>/dev/null; then
    wheel() { env -u LD_LIBRARY_PATH -u PYTHONPATH -u PIP_FIND_LINKS PYTHONDONTWRITEBYTECODE=1 "$@" >"$work/said" 2>&1; }
    python3 -m venv "$work/venv"
    wheel env LONGWAVE_LIBRARY="$(realpath "$built/liblongwave_c.so")" "$work/venv/bin/pip" install --no-index --disable-pip-version-check ./bindings/python ||
        { cat "$work/said" >&2; fail "pip does not install bindings/python"; }
    wheel timeout 120 "$work/venv/bin/python" "$work/bin/tests.py" || { cat "$work/said" >&2; fail "the tests in Python with the wheel"; }
    say "Python, from a wheel: $(grep '^Ran' "$work/said")"
    wheel "$work/venv/bin/python" -c 'import longwave; print(longwave._lib._name)' && grep -q '/longwave\.libs/' "$work/said" ||
        fail "the wheel's module uses another library: $(cat "$work/said")"
    ! wheel env LONGWAVE_LIBRARY=/nowhere "$work/venv/bin/python" -c 'import longwave' && grep -q '/nowhere' "$work/said" ||
        fail "LONGWAVE_LIBRARY names nothing, and another library is taken"
    for text in THIRD-PARTY-LICENCES NOTICE; do
        [ -s "$work"/venv/lib/python3*/site-packages/longwave-*.dist-info/licenses/$text ] || fail "the wheel lacks $text"
    done
    wheel "$work/venv/bin/pip" uninstall --yes longwave
    left=$(find "$work/venv" -path '*longwave*' ! -type d)
    [ -z "$left" ] || fail "pip has uninstalled it, and still there: $left"
else
    [ -z "${CI:-}" ] || fail "python3-venv is not installed"
    say "Python, from a wheel: skipped, because python3-venv is not installed"
fi
rm "$work/input"; mkfifo "$work/input"
exec 9<>"$work/input"
on_air "$work/bin/event-loop-c" "$work/music"
printf 'skip\n' >&9
for _ in $(seq 100); do
    [ "$(grep -c '"kind":"track-change"' "$work/said")" -lt 2 ] || break
    sleep 0.1
done
exec 9>&-
ends event-loop-c
[ "$(grep -c '"kind":"track-change"' "$work/said")" -ge 2 ] || fail "the event loop did not hear of the skip"
grep -q '"kind":"pipeline-stop"' "$work/said" || fail "the event loop did not hear of the end"

# The tests in C and C++.
case ${LONGWAVE_LONG:-} in 1) crowded=600 hour="3600 115" ;; *) crowded=5 hour="14 10" ;; esac
sanitized="-pthread -fsanitize=address,undefined -fno-sanitize-recover=undefined"
for program in misuse crowd; do
    python3 ffi/tests/c/$program.py "$prefix/include/longwave.h" >"$work/$program.c"
    c $sanitized -Iffi/tests/c "$work/$program.c" -o "$work/bin/$program"
done
for program in asks cycles exits own records requests sources; do
    c $sanitized ffi/tests/c/$program.c -o "$work/bin/$program"
done
c -pthread ffi/tests/c/guest.c -o "$work/bin/guest"
cc -std=gnu11 -Wall -Wextra -Werror -O1 -g -pthread ffi/tests/c/unload.c $(pkg-config --cflags longwave) -lm -ldl -o "$work/bin/unload"
cxx -std=c++17 $sanitized ffi/tests/c/moves.cpp -o "$work/bin/moves"
for standard in 17 20; do
    cxx -std=c++$standard $sanitized ffi/tests/c/whole.cpp -o "$work/bin/whole-$standard"
done
export ASAN_OPTIONS=detect_leaks=1
says timeout 60 "$work/bin/moves"
says timeout 120 "$work/bin/whole-17" "$work/scratch"
says timeout 120 "$work/bin/whole-20" "$work/scratch"
says "$work/bin/misuse" "$work/scratch"
says timeout $((crowded + 300)) "$work/bin/crowd" "$work/scratch" $crowded
says "$work/bin/cycles" "$work/scratch" 100
says timeout 120 "$work/bin/guest" "$work/scratch"
says timeout 120 "$work/bin/asks" "$work/scratch"
says timeout 120 "$work/bin/own" "$work/scratch"
says timeout 120 "$work/bin/records" "$work/scratch/records"
says timeout 120 "$work/bin/requests"
says timeout 120 "$work/bin/sources" "$work/scratch"
says timeout 120 "$work/bin/exits" "$work/scratch"
says timeout 120 "$work/bin/unload" "$prefix/lib/liblongwave.so" "$work/scratch/a.wav" 20

# Common Lisp.
rm "$work/input"; : >"$work/input"
# ECL compiles CFFI by a C compiler, which takes most of its time.
for system in longwave cl-streamer; do
    printf '(require :asdf)\n(asdf:test-system "%s")\n' $system >"$work/test.lisp"
    for lisp in "sbcl --noinform --non-interactive --load" "ecl --norc --shell"; do
        timeout 400 $lisp "$work/test.lisp" >"$work/said" 2>&1 </dev/null && grep -q ' 0 failed' "$work/said" ||
            { grep '^FAILED' "$work/said" >&2 || tail -60 "$work/said" >&2; fail "the tests of $system in ${lisp%% *}"; }
        say "Lisp, $system in ${lisp%% *}: $(grep '^[0-9]* passed' "$work/said")"
    done
done
# The programs of the guide, as they stand.
mkdir -p "$work/guide/music"
cp "$work"/music/song[01].wav "$work/guide/music"
ffmpeg -loglevel error -f lavfi -i "sine=frequency=900:duration=2" "$work/guide/jingle.wav"
says python3 bindings/guide.py docs/EMBEDDING.md "$work/guide"
TMPDIR=$work/scratch on_air sbcl --script bindings/lisp/examples/station.lisp "$work/music" 8
ends "the station in Lisp"
grep -q 'a good day' "$work/said" || { cat "$work/said" >&2; fail "the station in Lisp"; }
for mode in hooks events; do
    rm -f "$work"/scratch/state.json*
    # With one arena all threads share the lock of the allocator, as any two may anyway: a collector that stops a thread in
    # there, and another that cannot be stopped before it has been there, would wait for each other.
    GLIBC_TUNABLES=glibc.malloc.arena_max=1 on_air sbcl --script bindings/lisp/day.lisp $mode "$day" "$work/music" "$work/evening.m3u" "$work/scratch"
    ends "the day by $mode"
    grep -q 'a good day' "$work/said" || { cat "$work/said" >&2; fail "the day by $mode"; }
    say "Lisp: $(tail -2 "$work/said" | tr -s '\n ' ' ')"
done
# The station in Lisp under its collector, by ear.
mkdir "$work/hour"
GLIBC_TUNABLES=glibc.malloc.arena_max=1 \
    python3 bindings/lisp/hour/listen.py $hour "$work/hour" >"$work/said" 2>&1 ||
    { cat "$work/said" >&2; fail "the hour in Lisp"; }
sed 's/^/   /' "$work/said"
