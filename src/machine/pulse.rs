//! What the workers of a run are at, at the last beat of its heart, for whoever watches it from another thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Which workers of a run are awake. Clones are handles of the same run.
#[derive(Clone, Debug, Default)]
pub struct Pulse(Arc<AtomicU64>);

impl Pulse {
    /// Bit by bit: worker `n` was not asleep for want of work at the last beat, some milliseconds ago at most; 0 if nothing runs.
    pub fn awake(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn note(&self, awake: u64) {
        self.0.store(awake, Ordering::Relaxed);
    }
}
