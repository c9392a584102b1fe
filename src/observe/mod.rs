//! What can be seen of a run: its statistics, whether its schedule, and what it read and wrote, kept the order, its dependency graph, and how parallel it
//! is.
//!
//! Everything here reads what a run gave back ([`crate::machine::engine::RunResult`]); nothing here takes part in one.

pub mod check;
pub mod dag;
pub mod graph;
pub mod stats;
pub mod trace;
