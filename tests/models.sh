#!/usr/bin/env bash
# Checks the machine's protocols in every order of their steps: see "The models" in docs/protocols.md.
#
#   tests/models.sh             all models
#   tests/models.sh hand_off    those whose name has that in it
set -euo pipefail
cd "$(dirname "$0")/.."

export RUSTFLAGS="--cfg modelled ${RUSTFLAGS:-}"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/models"
# Of the orders, those in which a worker is interrupted at most so many times where it could have gone on.
export LOOM_MAX_PREEMPTIONS="${LOOM_MAX_PREEMPTIONS:-2}"
cargo test --lib "machine::models::${1:-}"
