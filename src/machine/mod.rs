//! The machine: runs verified programs, in order.
//!
//! A program is prepared once ([`code::Code`]) and run by [`engine::run`]. `unsafe` stands in `memory`, `value`, `frame`,
//! `code`, `host_call`, `view`, `fiber` and `execute`; each use names the invariant that it relies on.

pub mod code;
pub mod engine;
mod execute;
mod fiber;
mod frame;
pub mod host_call;
pub mod interrupt;
mod memory;
pub mod trap;
pub mod value;
pub mod view;

pub use memory::Budget;
