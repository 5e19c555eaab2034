#!/bin/sh
# licences.sh: prints the licences of all crates that are compiled into the program and the library, FDK-AAC's among
# them, for those who get a build. Texts that are the same are printed once.
set -eu
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$cargo" tree --locked --package longwave --package longwave-ffi --edges normal --prefix none --format '{p}|{l}' |
    grep '|' | grep -v '(/' | sed 's/ (proc-macro)//; s/ (\*)$//; s/ v/-/' | sort -u >"$work/crates"
"$cargo" metadata --locked --format-version 1 | tr ',' '\n' |
    sed -n 's/.*"manifest_path":"\(.*\)\/Cargo.toml".*/\1/p' | sort -u >"$work/folders"

echo "Longwave contains these libraries, under these licences:"
echo
mkdir "$work/texts"
while IFS='|' read -r crate licence; do
    printf '%-40s %s\n' "$crate" "$licence"
    folder=$(grep "/$crate\$" "$work/folders") || { echo "licences.sh: where is $crate?" >&2; exit 1; }
    find "$folder" -maxdepth 2 -type f \( -iname 'licen[cs]e*' -o -iname 'copying*' -o -iname 'notice*' \) | sort |
        while read -r text; do
            sum=$(cksum <"$text" | tr ' ' -)
            [ -e "$work/texts/$sum" ] || cp "$text" "$work/texts/$sum"
            printf '%s ' "$crate" >>"$work/texts/$sum.of"
        done
done <"$work/crates"
for of in "$work"/texts/*.of; do
    printf '\n%s\n%s\n\n' "================================================================" "$(fold -sw 100 "$of")"
    cat "${of%.of}"
done
