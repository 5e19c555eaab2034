#!/bin/bash
# deb.sh BUILT FOLDER: makes Debian packages of what is in BUILT (target/release), in FOLDER, for machines like this one.
# packaging/debian/control lists them. DEB_COMPRESSION has options for dpkg-deb, for those who are in a hurry.
set -euo pipefail
umask 022
cd "$(dirname "$0")/.."
here=$PWD
mkdir -p "$2"
built=$(realpath "$1") out=$(realpath "$2")

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
arch=$(dpkg --print-architecture)
lib=usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { printf 'deb: %s\n' "$*" >&2; exit 1; }

make --silent install-files DESTDIR="$work/all" PREFIX=/usr LIBDIR="/$lib" BUILT="$built"
cd "$work"

# give PACKAGE FILE…: moves installed files into a package.
give() {
    local package=$1 file
    shift
    for file; do
        mkdir -p "$package/$(dirname "$file")"
        mv "all/$file" "$package/$file"
    done
}

give longwave usr/bin/longwave usr/share/doc/longwave
give liblongwave0 "$lib/liblongwave.so.0" "$lib/liblongwave.so.$version"
give liblongwave-dev usr/include/longwave.{h,hpp} "$lib"/{liblongwave.so,liblongwave.a,pkgconfig,cmake}
give cl-longwave usr/share/common-lisp
mkdir -p python3-longwave/usr/lib/python3 {longwave,liblongwave0}-dbgsym/usr/lib/debug/{usr/bin,$lib}
mv all/usr/share/longwave/python python3-longwave/usr/lib/python3/dist-packages
mv all/usr/bin/.debug/* longwave-dbgsym/usr/lib/debug/usr/bin
mv "all/$lib/.debug/"* liblongwave0-dbgsym/usr/lib/debug/$lib
find . -name '*-dbgsym' -prune -exec find {} -type d -empty -delete \;
left=$(find all ! -type d)
[ -z "$left" ] || fail "in no package: $left"

# The service, which has a user of its own here, and a configuration.
mkdir -p longwave/usr/lib/systemd/system longwave/etc/longwave
sed '1,2d; s|/usr/local/bin/|/usr/bin/|; s|^DynamicUser=yes|User=longwave|' longwave/usr/share/doc/longwave/longwave.service \
    >longwave/usr/lib/systemd/system/longwave.service
rm longwave/usr/share/doc/longwave/longwave.service
sed 's|examples/station.toml|/etc/longwave/station.toml|; s|docs/|/usr/share/doc/longwave/|
    s|^playlist = .*|playlist = ["/srv/music"]|; s|"users"         |"/var/lib/longwave/users"|' "$here/examples/station.toml" \
    >longwave/etc/longwave/station.toml
chmod 644 longwave/usr/lib/systemd/system/longwave.service longwave/etc/longwave/station.toml

# What a package needs of others is in its own control file: dpkg-shlibdeps finds it by the libraries that it is linked with.
mkdir debian
sed "s/\${version}/$version/g" "$here/packaging/debian/control" >debian/stanzas
printf 'Source: longwave\n\nPackage: longwave\nArchitecture: any\n' >debian/control
for package in $(sed -n 's/^Package: //p' debian/stanzas); do
    root=$work/$package
    mkdir -p "$root/DEBIAN"
    needed=$(find "$root" \( -path '*/usr/bin/*' -o -name '*.so.*' \) -type f ! -name '*.debug')
    shlibs=
    [ -z "$needed" ] || shlibs=$(dpkg-shlibdeps -O $needed | sed 's/^shlibs:Depends=//')
    awk -v RS= -v package="$package" '$2 == package' debian/stanzas |
        sed "s/\${shlibs}/$shlibs/; s/^Architecture: any/Architecture: $arch/
            /^Architecture/a Version: $version\nMaintainer: Longwave's authors <longwave@localhost>\nPriority: optional" >"$root/DEBIAN/control"
    # The licences: of the text in a package there is one copy, in those that others depend on.
    doc=$root/usr/share/doc/$package
    case $package in
    longwave | liblongwave0 | cl-longwave | python3-longwave)
        mkdir -p "$doc"
        { cat "$here/NOTICE"; printf '\n\n'; cat "$here/LICENSE-MIT"; printf '\n\nApache-2.0: /usr/share/common-licenses/Apache-2.0\n'; } >"$doc/copyright" ;;
    *)
        mkdir -p "${doc%/*}"
        ln -s "$(sed -n 's/^Depends: \([^ ,]*\).*/\1/p' "$root/DEBIAN/control")" "$doc" ;;
    esac
    [ $package != liblongwave0 ] || {
        cp "$built/THIRD-PARTY-LICENCES" "$doc"
        echo "liblongwave 0 liblongwave0 (>= $version)" >"$root/DEBIAN/shlibs"
        echo "activate-noawait ldconfig" >"$root/DEBIAN/triggers"
    }
    for script in postinst prerm postrm; do
        [ ! -e "$here/packaging/debian/$package.$script" ] ||
            install -m 755 "$here/packaging/debian/$package.$script" "$root/DEBIAN/$script"
    done
    [ ! -d "$root/etc" ] || (cd "$root" && find etc -type f -printf '/%p\n' >DEBIAN/conffiles)
    (cd "$root" && find . -path ./DEBIAN -prune -o -type f -printf '%P\n' | grep -v '^etc/' | sort | xargs -r md5sum >DEBIAN/md5sums)
    dpkg-deb --root-owner-group ${DEB_COMPRESSION:-} --build "$root" "$out" >/dev/null
done
