#!/bin/bash
# Packs the crates that can be published, as `cargo publish` would, and compiles the library from what was packed.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { printf 'test-package: %s\n' "$*" >&2; exit 1; }
# quietly COMMAND…: shows what it says only if it fails.
quietly() { "$@" >"$work/said" 2>&1 || { tail -50 "$work/said" >&2; fail "$*"; }; }

crates=$(cargo metadata --locked --no-deps --format-version 1 | python3 -c '
import json, sys
for package in json.load(sys.stdin)["packages"]:
    if package["publish"] is None:
        print(package["name"])
        for key in ["description", "license", "readme"]:
            assert package[key] or key == "readme" and package["name"] != "longwave", (package["name"], key)')
[ "$(sort <<<"$crates" | xargs)" = "longwave longwave-demo" ] || fail "these can be published: $crates"
quietly cargo package --locked --allow-dirty --no-verify --target-dir "$work" $(printf ' --package %s' $crates)

for packed in "$work"/package/*.crate; do
    tar -xzf "$packed" -C "$work"
    folder=$work/$(basename "$packed" .crate)
    for text in Cargo.toml LICENSE-MIT LICENSE-APACHE; do
        [ -s "$folder/$text" ] || fail "$(basename "$packed") lacks $text"
    done
    # The sources grow with what they do, the document of the API among them. What else is in it should not,
    # and their tests need the repository.
    others=$(find "$folder" -type f ! -name '*.rs' ! -path '*/src/*' ! -path '*/web/*' -printf '%s\n' |
        awk '{ bytes += $1 } END { print bytes + 0 }')
    [ "$others" -lt 800000 ] ||
        fail "$(basename "$packed") has $others bytes beside its sources: does a build need them all?"
    tests=$(find "$folder/src" -name tests -o -name tests.rs -o -name '*_test.rs')
    [ -z "$tests" ] || fail "$(basename "$packed") has tests: $tests"
    size=$(stat -c %s "$packed")
    printf '   %s: %d files, %d kB\n' "$(basename "$packed")" "$(find "$folder" -type f | wc -l)" $((size / 1000))
done
folder=$(echo "$work"/longwave-[0-9]*[0-9])
for part in tests benches bindings scripts ffi stress packaging; do
    [ ! -e "$folder/$part" ] || fail "$part is in the crate longwave"
done
cd "$folder"
quietly env CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$OLDPWD/target}" cargo check --offline --bins --examples \
    --config "patch.crates-io.longwave-demo.path='$(echo "$work"/longwave-demo-[0-9]*[0-9])'"
