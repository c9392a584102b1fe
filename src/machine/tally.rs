//! How many submissions have been taken on and have not ended. Each thread counts in its lane, so that threads that submit and workers do not
//! wait for each other's cache lines.
//!
//! Invariant: what has ended is counted after it was counted as taken on.

use std::sync::atomic::Ordering;

use super::ledger::{LANES, Padded, lane};
use crate::platform::sync::AtomicUsize;

/// See the head of this file.
#[derive(Default)]
pub(super) struct Tally {
    taken_on: [Padded<AtomicUsize>; LANES],
    ended: [Padded<AtomicUsize>; LANES],
}

impl Tally {
    /// One more.
    #[inline]
    pub(super) fn take_on(&self) {
        self.taken_on[lane()].0.fetch_add(1, Ordering::SeqCst);
    }

    /// One less.
    #[inline]
    pub(super) fn end(&self) {
        self.ended[lane()].0.fetch_add(1, Ordering::SeqCst);
    }

    /// How many there were when it was asked, or more: those are looked at first that have ended. 0 is what there was.
    pub(super) fn in_flight(&self) -> usize {
        let sum = |all: &[Padded<AtomicUsize>]| {
            all.iter().fold(0, |sum, of: &Padded<AtomicUsize>| sum + of.0.load(Ordering::SeqCst))
        };
        let ended: usize = sum(&self.ended);
        sum(&self.taken_on) - ended
    }
}
