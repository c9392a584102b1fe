//! Text to tree.

mod builder;
pub mod codes;
pub mod diagnostic;
mod explain;
pub mod highlight;
mod lexer;
mod literal;
mod parser;
pub mod pieces;
mod recover;
pub mod span;
mod token;
pub mod tree;

pub use parser::parse;

/// How deep brackets, blocks and prefix operators may nest.
pub const MAX_NESTING: usize = 256;
