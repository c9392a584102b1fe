//! Text to tree.

pub mod diagnostic;
pub mod span;
pub mod tree;

/// How deep brackets, blocks and prefix operators may nest.
pub const MAX_NESTING: usize = 256;
