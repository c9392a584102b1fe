//! Virtual threads: what the machine asks of the system that it runs on.
//!
//! A worker is one of `workers` bodies that run at the same time. Worker number `workers` is the caller itself, who beats the
//! heart.

pub mod conformance;
mod fetch;
pub mod os;
pub mod sim;
pub(crate) mod sync;
#[cfg(target_family = "wasm")]
pub mod web;

/// Where this is compiled for: threads, how they sleep, and time.
#[cfg(not(target_family = "wasm"))]
pub(crate) use os as system;
#[cfg(target_family = "wasm")]
pub(crate) use web as system;

use std::time::Duration;

/// What workers need besides memory.
pub trait Platform: Send + Sync {
    /// Sleeps until somebody unparks this worker, which may have been before, or the time is over. It may wake without
    /// either.
    fn park(&self, worker: usize, at_most: Option<Duration>);
    /// Wakes a worker, or lets its next sleep end at once.
    fn unpark(&self, worker: usize);
    /// Nanoseconds since some moment.
    fn now(&self) -> u64;
    /// How many threads run at a time: with more workers than that, one that looks for work keeps another from doing some.
    fn processors(&self) -> usize {
        usize::MAX
    }
    /// Called by each worker, and the caller, before anything else on its thread.
    fn enter(&self, worker: usize) {
        let _ = worker;
    }
    /// Called by each lastly.
    fn leave(&self, worker: usize) {
        let _ = worker;
    }
}

pub(crate) use fetch::{fetch_to_read, fetch_to_write};
pub use sim::step;
