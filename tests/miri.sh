#!/usr/bin/env bash
# Runs the small programs of tests/miri.rs under Miri, which finds undefined behaviour in the machine's unsafe files.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! cargo +nightly miri --version >/dev/null 2>&1; then
    rustup component add miri rust-src --toolchain nightly 2>/dev/null ||
        rustup toolchain install nightly --profile minimal --component miri --component rust-src || {
        echo "tests/miri.sh: no nightly toolchain with the components miri and rust-src can be had" >&2
        exit 1
    }
fi

MIRI_PROGRAMS=$(mktemp -d)
export MIRI_PROGRAMS
trap 'rm -rf "$MIRI_PROGRAMS"' EXIT
cargo test --test miri

# Addresses lie in registers as numbers, so their provenance is exposed. The clock is read.
flags="-Zmiri-permissive-provenance -Zmiri-disable-isolation ${MIRIFLAGS:-}"
# A promoted frame is one struct, of which the issuer borrows all while who retires reads the part that the lock guards. They never
# touch the same field at once, but the rules of aliasing see the whole: out of order, all is checked but those.
shared="$flags -Zmiri-disable-stacked-borrows"
MIRIFLAGS=$flags cargo +nightly miri test --test miri -- --list >/dev/null
# Miri has one thread of its own, so half of the programs run beside the other half.
MIRIFLAGS=$shared cargo +nightly miri test --test miri -- tasks &
first=$!
MIRIFLAGS=$flags cargo +nightly miri test --test miri -- --skip tasks
wait "$first"
