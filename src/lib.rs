//! tgvm: a task language whose programs read sequentially and run on every core.
//!
//! The stages are `Source → Tree → Typed → Program → Verified`; each takes what the one before it returns.

#![deny(clippy::disallowed_methods, clippy::disallowed_macros)]

pub mod bytecode;
pub mod check;
pub mod cli;
pub mod compile;
pub mod embed;
pub mod host;
pub mod machine;
pub mod observe;
pub mod platform;
pub mod syntax;
