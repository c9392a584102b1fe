#!/usr/bin/env bash
# How many indirect jumps the loop that executes in order has, in the release binary. LLVM may merge the dispatches of the
# families of opcodes into one at will (see `families!` in src/machine/execute.rs), and the kernels are slower by up to a third then.
set -euo pipefail
cd "$(dirname "$0")/.."

least=16
cargo build --release
binary=${CARGO_TARGET_DIR:-target}/release/tgvm
# Of the loop's four forms, the one with most is that in order: the others look at every instruction first.
most=0
for symbol in $(nm "$binary" | sed -n 's/.* \(_ZN4tgvm7machine7execute3run17h[0-9a-f]*E\)$/\1/p'); do
    # `jmp *` of x86-64, `br` of aarch64
    jumps=$(objdump -d --no-show-raw-insn --disassemble="$symbol" "$binary" | grep -cE '\s(jmp +\*|br\s+x)' || true)
    echo "$symbol: $jumps indirect jumps"
    if ((jumps > most)); then most=$jumps; fi
done
if ((most < least)); then
    echo "the dispatch is merged: $most indirect jumps, at least $least are expected" >&2
    exit 1
fi
echo "the loop in order has $most"
