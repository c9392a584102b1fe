//! The reference: a slow evaluator of the typed tree, written to be obviously right, and a generator of programs. The
//! properties compare what the machine does with what the evaluator says.

pub mod builtins;
pub mod evaluate;
pub mod generate;
pub mod place;
pub mod value;
