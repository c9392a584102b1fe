//! Out of order against in order: output, how it ends and what it traps with are the same in every configuration, byte for byte.
//!
//! `TGVM_CASES=100000 cargo test --test parallel generated` runs that many generated programs, from other seeds than the
//! suite's if `TGVM_SEED` is set.

#[path = "../reference/generate.rs"]
mod generate;
#[path = "../reference/tasks.rs"]
mod tasks;

mod cases;
mod forms;
mod generated;
mod hard;
mod harness;
mod memory;
mod samples;
