//! tgvm: a task language whose programs read sequentially and run on every core.
//!
//! The stages are `Source → Tree → Typed → Program → Verified`; each takes what the one before it returns.

#![cfg_attr(target_family = "wasm", feature(stdarch_wasm_atomic_wait))]
#![deny(clippy::disallowed_methods, clippy::disallowed_macros)]

pub mod bytecode;
pub mod check;
#[cfg(not(target_family = "wasm"))]
pub mod cli;
pub mod compile;
pub mod embed;
pub mod host;
pub mod machine;
pub mod observe;
pub mod platform;
pub mod syntax;

/// What the README shows runs.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
