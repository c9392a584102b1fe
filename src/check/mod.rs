//! Tree to typed tree.

pub mod typed;
