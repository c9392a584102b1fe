//! The machine inside another program: engines, handles, sessions.

#[path = "../common/mod.rs"]
mod common;
mod completer;
mod engine;
mod functions;
mod misuse;
mod parts;
mod scope;
mod session;
mod simulated;
mod soak;

use tgvm::embed::{Engine, Module};

/// A module of that text.
pub fn library(text: &str) -> Module {
    Module::library("test.tg", text).unwrap_or_else(|mistakes| panic!("{mistakes}\n{text}"))
}

/// An engine with so many workers.
pub fn engine(workers: usize) -> Engine {
    Engine::builder().workers(workers).build().expect("there are threads")
}
