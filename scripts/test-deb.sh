#!/bin/bash
# test-deb.sh FOLDER: makes packages of what is in FOLDER (target/debug), and installs, upgrades, removes and purges them
# in a fresh Debian of this machine's release, which mmdebstrap makes in a folder.
set -euo pipefail
cd "$(dirname "$0")/.."
built=$1

if ! command -v dpkg >/dev/null || [ "$(id -u)" -ne 0 ]; then
    [ -z "${CI:-}" ] || { echo "test-deb: CI must be root on Debian" >&2; exit 1; }
    echo "   skipped: it needs Debian and root"
    exit 0
fi
work=$(mktemp -d) running=
trap 'kill $running 2>/dev/null || true; rm -rf "$work"' EXIT
root=$work/root

say() { printf '   %s\n' "$*"; }
fail() { printf 'test-deb: %s\n' "$*" >&2; exit 1; }
# quietly COMMAND…: shows what it says only if it fails.
quietly() { "$@" >"$work/said" 2>&1 </dev/null || { tail -50 "$work/said" >&2; fail "$*"; }; }
inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
# get NAME_VERSION…: installs packages from /debs, with all that they need of Debian's. What the administrator has changed stays.
get() {
    local files
    files=$(cd "$root" && for name; do ls debs/"$name"_*.deb; done | sed 's|^|/|')
    quietly inside apt-get install -y --no-install-recommends -o Dpkg::Options::=--force-confold $files
}

# systemd is there for its systemd-analyze.
. /etc/os-release
mmdebstrap --variant=apt --include=systemd --format=directory --skip=cleanup/apt,cleanup/apt/lists \
    --aptopt='Acquire::Languages "none"' --dpkgopt=force-unsafe-io "$VERSION_CODENAME" "$root" >"$work/made" 2>&1 &
making=$!

DEB_COMPRESSION="-Zgzip -z1" bash scripts/deb.sh "$built" "$work/debs"
# A newer release, with another configuration and another unit.
quietly dpkg-deb -R "$work"/debs/longwave_*.deb "$work/newer"
version=$(sed -n 's/^Version: //p' "$work/newer/DEBIAN/control")
sed -i "s/^Version: .*/Version: $version+newer/" "$work/newer/DEBIAN/control"
echo "# newer" >>"$work/newer/etc/longwave/station.toml"
mkdir "$work/newer.debs"
quietly dpkg-deb --root-owner-group -Zgzip -z1 --build "$work/newer" "$work/newer.debs"

wait $making || { tail -20 "$work/made" >&2; fail "there is no fresh Debian"; }
say "a fresh $PRETTY_NAME"
mkdir "$root/debs"
cp "$work"/debs/*.deb "$work"/newer.debs/*.deb "$root/debs"
# What is on the disk, without what apt and dpkg write down for themselves.
files() {
    local folders=(proc sys dev run debs var/lib/dpkg var/lib/apt var/cache var/log/apt var/log/dpkg.log)
    (cd "$root" && find . \( -false ${folders[*]/#/-o -path ./} \) -prune -o -print | sort)
}
files >"$work/before"

get {longwave,longwave-dbgsym,liblongwave0,python3-longwave}_"$version"
grep -q 'name your music in /etc/longwave/station.toml' "$work/said" || fail "nobody says what to do next"
unit=/usr/lib/systemd/system/longwave.service config=$root/etc/longwave/station.toml
quietly inside systemd-analyze verify --man=no "$unit"
[ ! -s "$work/said" ] || { cat "$work/said" >&2; fail "systemd-analyze has something to say about the unit"; }
[ ! -e "$root/etc/systemd/system/multi-user.target.wants/longwave.service" ] || fail "it starts by itself, without any music"
[ "$(inside stat -c %U:%G /var/lib/longwave /var/log/longwave | sort -u)" = longwave:longwave ] || fail "its folders are not its own"
inside python3 -c 'import longwave; print("   Python:", longwave.version())' || fail "the module in Python does not find its library"

# The unit's own commands, as the unit's user. Without music it says so.
as_unit=(chroot --userspec=longwave:longwave "$root" env -i HOME=/var/lib/longwave XDG_RUNTIME_DIR=/var/lib/longwave)
of_unit() { sed -n "s/^$1=//p" "$root$unit"; }
! "${as_unit[@]}" $(of_unit ExecStartPre) >"$work/said" 2>&1 || fail "no music, and the configuration is good"
grep -q '/srv/music: No such file' "$work/said" || { cat "$work/said" >&2; fail "no music, and it is not said"; }
mkdir "$root/srv/music"
quietly ffmpeg -loglevel error -f lavfi -i "sine=frequency=440:duration=30" "$root/srv/music/tone.wav"
quietly "${as_unit[@]}" $(of_unit ExecStartPre)
# As the administrator would change it.
sed -i 's|^#: listen = .*|listen = "127.0.0.1:0"|' "$config"
sum=$(md5sum <"$config")

# on_air: starts the station and listens to both streams.
on_air() {
    local url codec heard=0
    : >"$work/station"
    "${as_unit[@]}" $(of_unit ExecStart) >>"$work/station" 2>&1 </dev/null &
    running=$!
    for _ in $(seq 300); do
        [ "$(grep -c '^on air' "$work/station")" -lt 2 ] || break
        kill -0 $running 2>/dev/null || break
        sleep 0.1
    done
    for url in $(grep -o 'http://[^ ]*\.\(mp3\|aac\)$' "$work/station"); do
        codec=$(timeout 20 ffprobe -v error -show_entries stream=codec_name,channels -of csv=p=0 "$url")
        case $url:$codec in
        *.mp3:mp3,2 | *.aac:aac,2) heard=$((heard + 1)) ;;
        *) fail "$url is $codec" ;;
        esac
    done
    [ $heard -eq 2 ] || { cat "$work/station" >&2; fail "it is not on the air"; }
    say "$(inside longwave --version | head -n 1) is on the air as the user longwave, in MP3 and AAC"
    kill $running
    wait $running || { cat "$work/station" >&2; fail "it does not end well"; }
    running=
}
on_air

# An upgrade keeps what was changed, and takes what was not.
touch "$root/var/lib/longwave/state"
get longwave_"$version+newer"
[ "$(inside longwave --version | head -n 1)" ] || fail "there is no program after an upgrade"
[ "$(md5sum <"$config")" = "$sum" ] || fail "an upgrade has changed the administrator's configuration"
[ -e "$root/var/lib/longwave/state" ] || fail "an upgrade has lost the state"
on_air
quietly inside dpkg --purge longwave-dbgsym
quietly inside dpkg --remove longwave
[ "$(md5sum <"$config")" = "$sum" ] || fail "the configuration is gone with the program"
[ -e "$root/var/lib/longwave/state" ] || fail "the state is gone with the program"
[ ! -e "$root/usr/bin/longwave" ] || fail "the program is removed, and still there"
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -s "$unit" "$root/etc/systemd/system/multi-user.target.wants/"
quietly inside dpkg --purge longwave
quietly inside apt-get purge -y liblongwave0 python3-longwave
quietly inside apt-get autoremove -y --purge
rm -rf "$root/srv/music"
files >"$work/after"
left=$(comm -13 "$work/before" "$work/after" | grep -v '^./etc/[a-z]*-$' || true)
[ -z "$left" ] || fail "purged, and still there: $left"
! grep longwave "$root"/etc/{passwd,group,shadow} || fail "the user is still there"
say "installed, upgraded, removed and purged: nothing is left"
