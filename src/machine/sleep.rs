//! How workers that find nothing to do sleep, and what wakes them.
//!
//! A sleeper announces itself, looks once more whether there is something to do, and parks; who has made work looks whether
//! somebody has announced himself. Between the two looks stands a fence on either side where the wake must not be missed:
//! see "Sleeping and waking" in `docs/protocols.md`.
//!
//! Invariant: a worker whose bit is down and that is parked has a wake underway to it.

use std::sync::atomic::Ordering;

use crate::platform::sync::{AtomicU64, fence, spin_loop};
use crate::platform::{Platform, step};

/// Workers that sleep, by bit.
pub(super) struct Sleepers(AtomicU64);

impl Sleepers {
    /// Everybody is awake.
    pub(super) fn new() -> Sleepers {
        Sleepers(AtomicU64::new(0))
    }

    /// Whether there are any, at some moment.
    #[inline]
    pub(super) fn any(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }

    /// How many of the first `workers` sleep, at some moment.
    pub(super) fn count(&self, workers: usize) -> usize {
        (self.0.load(Ordering::Relaxed) & (u64::MAX >> (64 - workers))).count_ones() as usize
    }

    /// Whether the worker sleeps, at some moment.
    pub(super) fn has(&self, worker: usize) -> bool {
        self.0.load(Ordering::Relaxed) & 1 << worker != 0
    }

    /// Whether the first `workers` all sleep, and nobody has woken one of them.
    pub(super) fn are_all(&self, workers: usize) -> bool {
        let all = u64::MAX >> (64 - workers);
        self.0.load(Ordering::SeqCst) & all == all
    }

    /// Sleeps as worker `index` until somebody wakes it, unless `needed` says that there is something to do. Whoever makes work
    /// that `needed` does not see, sees the worker.
    pub(super) fn sleep(&self, platform: &dyn Platform, index: usize, needed: impl FnOnce() -> bool) {
        self.0.fetch_or(1 << index, Ordering::SeqCst);
        step();
        fence(Ordering::SeqCst);
        if needed() {
            spin_loop();
        } else {
            platform.park(index, None);
        }
        self.0.fetch_and(!(1 << index), Ordering::SeqCst);
    }

    /// Wakes one of those that sleep.
    #[cold]
    pub(super) fn wake_one(&self, platform: &dyn Platform) {
        let mut sleepers = self.0.load(Ordering::Relaxed);
        while sleepers != 0 {
            step();
            let one = sleepers & sleepers.wrapping_neg();
            match self.0.compare_exchange_weak(sleepers, sleepers & !one, Ordering::SeqCst, Ordering::Relaxed) {
                Ok(_) => return platform.unpark(one.trailing_zeros() as usize),
                Err(now) => sleepers = now,
            }
        }
    }
}
