//! tgvm: a task language whose programs read sequentially and run on every core.
//!
//! The stages are `Source → Tree → Typed → Program → Verified`; each takes what the one before it returns.

pub mod bytecode;
pub mod check;
pub mod compile;
pub mod syntax;
