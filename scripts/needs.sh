#!/bin/sh
# needs.sh WHAT:PACKAGE… — makes sure that commands, libraries (-lNAME) and files (/PATH) are installed: with apt if
# there is apt, else by printing what to install, before anything is compiled.
set -eu

has() {
    case $1 in
    -l*) echo 'int main(void) { return 0; }' |
        cc -x c - -o /dev/null -L/opt/homebrew/lib -L/usr/local/lib "$1" 2>/dev/null ;;
    /*) [ -e "$1" ] ;;
    *) command -v "$1" >/dev/null ;;
    esac
}

missing= packages=
for need; do
    has "${need%%:*}" || { missing="$missing ${need%%:*}"; packages="$packages ${need#*:}"; }
done
if ! command -v cargo >/dev/null; then
    echo "Rust is missing: https://rustup.rs installs it." >&2
    exit 1
fi
[ -n "$missing" ] || exit 0

echo "missing:$missing" >&2
if command -v apt-get >/dev/null; then
    apt="env DEBIAN_FRONTEND=noninteractive apt-get"
    [ "$(id -u)" -eq 0 ] || apt="sudo $apt"
    install="$apt install -y --no-install-recommends$packages"
    echo "$install" >&2
    # The package lists may be missing or old. They are fetched only if the first attempt fails.
    $install >&2 || { $apt update >&2 && $install >&2; } || exit 1
    exit 0
fi
cat >&2 <<'END'
Install what is missing, for example:
    Fedora   dnf install gcc gcc-c++ lame-devel opus-devel
             and for the tests: ffmpeg mpg123 curl lame flac opus-tools vorbis-tools libshout ezstream
             pkgconf python3 cmake sbcl, and CFFI where ASDF finds it
    Arch     pacman -S gcc lame opus
             and for the tests: ffmpeg mpg123 curl flac opus-tools vorbis-tools libshout ezstream
    macOS    xcode-select --install; brew install lame opus
             and for the tests: ffmpeg mpg123 flac opus-tools vorbis-tools libshout ezstream
END
exit 1
