//! The built-in functions that are not instructions, and the world that programs at a terminal see.
//!
//! Each file's `find` gives the functions of one area by name and parameter types; [`table`] orders them as
//! [`BUILTINS`] does. A function is safe code over `HostCall`: it polls where it walks data, asks for room before it takes
//! memory of its own, and traps with the values concerned.

#![allow(clippy::disallowed_methods, reason = "this is where input and output happen")]

mod array;
#[cfg(not(target_family = "wasm"))]
pub mod files;
mod format;
#[cfg(not(target_family = "wasm"))]
mod grants;
mod math;
mod output;
mod picture;
mod random;
mod sort;
#[cfg(not(target_family = "wasm"))]
mod terminal;
mod text;
mod world;

use std::sync::OnceLock;

use crate::bytecode::builtins::{BUILTINS, Pattern};
use crate::machine::host_call::HostTable;
use crate::machine::interrupt::Interrupt;
use crate::machine::trap::Fault;
#[cfg(not(target_family = "wasm"))]
pub use grants::Grants;
#[cfg(not(target_family = "wasm"))]
pub use terminal::StdWorld;

/// What a function of the host returns.
type Outcome = Result<(), Fault>;

/// How many elements are done between two polls.
const POLL_EVERY: usize = 4096;

/// The host's functions, by index into [`BUILTINS`].
pub fn table() -> &'static HostTable {
    static TABLE: OnceLock<HostTable> = OnceLock::new();
    TABLE.get_or_init(|| {
        std::array::from_fn(|index| {
            let builtin = &BUILTINS[index];
            let params: Vec<Pattern> = builtin.params.iter().map(|&(_, _, pattern)| pattern).collect();
            [math::find, text::find, array::find, random::find, format::find, output::find, world::find]
                .iter()
                .find_map(|find| find(builtin.name, &params))
        })
    })
}

/// Polls at every [`POLL_EVERY`]th step.
fn poll_at(interrupt: &Interrupt, step: usize) -> Outcome {
    if step % POLL_EVERY == POLL_EVERY - 1 { Ok(interrupt.check()?) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytecode::builtins::Lowering;

    #[test]
    fn the_table_has_every_builtin_of_the_host_and_no_other() {
        for (builtin, function) in BUILTINS.iter().zip(table()) {
            assert_eq!(function.is_some(), builtin.lowering == Lowering::Host, "{}", builtin.name);
        }
    }
}
