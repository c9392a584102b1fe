//! What a program is to the machine: types, built-ins' signatures, instructions.

pub mod access;
pub mod builtins;
pub mod effects;
pub mod ops;
pub mod program;
pub mod trap;
pub mod types;
pub mod verify;
