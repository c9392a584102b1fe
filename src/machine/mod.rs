//! The machine: runs verified programs, in order until a worker has nothing to do, then out of order.
//!
//! A program is prepared once ([`code::Code`]); [`engine::run`] runs it from beginning to end, and a `crew` takes on calls of its
//! functions for as long as it lives. Each use of `unsafe` names the invariant that it relies on, which stands at the head of a file.

pub(crate) mod answer;
mod back_off;
mod boxes;
pub mod code;
pub(crate) mod crew;
mod deque;
pub mod engine;
mod execute;
pub(crate) mod extern_call;
mod frame;
pub mod host_call;
pub mod interrupt;
mod issue;
mod lanes;
mod large;
mod layout;
pub(crate) mod ledger;
pub(crate) mod linked;
mod local;
#[expect(clippy::module_inception, reason = "it is what the workers share: the machine")]
mod machine;
mod memory;
#[cfg(all(test, modelled))]
mod models;
mod output;
mod plan;
pub mod pulse;
pub(crate) mod queue;
pub mod record;
mod recorder;
mod relief;
mod retire;
mod run;
mod scoreboard;
mod sleep;
mod split;
mod station;
pub mod submission;
mod trace;
pub mod transfer;
pub mod trap;
pub mod value;
pub mod view;
mod worker;

pub use machine::Issue;
pub use memory::Budget;
