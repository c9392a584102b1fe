//! The machine inside another program: engines, handles, sessions.

mod brief;
#[path = "../common/mod.rs"]
mod common;
mod completer;
mod dynamic;
mod engine;
mod functions;
mod grants;
mod misuse;
mod parts;
mod scope;
mod session;
mod simulated;

pub use common::{TASKS, library};
use tgvm::embed::Engine;

/// An engine with so many workers.
pub fn engine(workers: usize) -> Engine {
    Engine::builder().workers(workers).build().expect("there are threads")
}
