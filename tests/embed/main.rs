//! The machine inside another program: engines, handles, sessions.

mod brief;
#[path = "../common/mod.rs"]
mod common;
mod completer;
mod dynamic;
mod engine;
mod functions;
mod grants;
mod line;
mod misuse;
mod panics;
mod parts;
mod scope;
mod session;
mod simulated;
mod waiting;

pub use common::{TASKS, library};
use tgvm::embed::Engine;

/// An engine with so many workers.
pub fn engine(workers: usize) -> Engine {
    Engine::builder().workers(workers).build().expect("there are threads")
}

/// Those that wait are told before the last is counted off.
pub fn nothing_is_left(engine: &Engine) {
    while engine.in_flight() > 0 {
        std::thread::yield_now();
    }
}
