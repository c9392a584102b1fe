//! The machine: runs verified programs.

pub mod host_call;
pub mod interrupt;
pub mod memory;
pub mod trap;
pub mod value;
