//! `tgvm repl`: as a script, and at a terminal by the order in which things appear.

mod script;
#[cfg(unix)]
mod terminal;
