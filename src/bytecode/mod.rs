//! What a program is to the machine: types, built-ins' signatures, instructions.

pub mod builtins;
pub mod effects;
pub mod types;
