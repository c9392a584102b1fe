//! What a program is to the machine: types, built-ins' signatures, instructions.

pub mod access;
pub mod builtins;
pub mod disassemble;
pub mod effects;
pub mod file;
pub mod ops;
pub mod program;
pub mod trap;
pub mod types;
pub mod verify;
