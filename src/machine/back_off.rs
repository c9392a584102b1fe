//! When frames of a function may be promoted again, after a promotion that brought nothing.

use std::sync::atomic::{AtomicU64, Ordering};

/// Of one function. Times are nanoseconds of a machine's clock.
#[derive(Debug, Default)]
pub(super) struct BackOff {
    until: AtomicU64,
    wait: AtomicU64,
}

/// Nanoseconds of the first back-off, and of the longest.
const SHORTEST: u64 = 10_000;
const LONGEST: u64 = 100_000_000;

impl BackOff {
    /// Whether frames of the function may be promoted.
    pub(super) fn is_over(&self, now: impl FnOnce() -> u64) -> bool {
        let until = self.until.load(Ordering::Relaxed);
        // A program may be run by machines whose clocks differ: what is further away than the longest is another's time.
        until == 0 || until.wrapping_sub(now()).wrapping_sub(1) >= LONGEST
    }

    /// A promotion brought nothing: the next one has to wait, twice as long each time.
    pub(super) fn lengthen(&self, now: u64) {
        let wait = (self.wait.load(Ordering::Relaxed) * 2).clamp(SHORTEST, LONGEST);
        self.wait.store(wait, Ordering::Relaxed);
        self.until.store(now + wait, Ordering::Relaxed);
    }

    /// Frames may be promoted at once.
    pub(super) fn lift(&self) {
        if self.until.load(Ordering::Relaxed) != 0 {
            self.until.store(0, Ordering::Relaxed);
            self.wait.store(0, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_back_off_doubles_and_ends() {
        let back_off = BackOff::default();
        assert!(back_off.is_over(|| 0));
        back_off.lengthen(1000);
        assert!(!back_off.is_over(|| 1000 + SHORTEST - 1) && back_off.is_over(|| 1000 + SHORTEST));
        back_off.lengthen(1000);
        assert!(!back_off.is_over(|| 1000 + 2 * SHORTEST - 1) && back_off.is_over(|| 1000 + 2 * SHORTEST));
        back_off.lift();
        assert!(back_off.is_over(|| 1000));
    }

    #[test]
    fn a_clock_that_began_later_is_not_held_up() {
        let back_off = BackOff::default();
        back_off.lengthen(3_600_000_000_000);
        assert!(back_off.is_over(|| 5));
    }
}
