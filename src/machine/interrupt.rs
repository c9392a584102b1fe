//! The poll word: how a run is asked from outside to do something at its next poll, and why it stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Why a run ended before its program did, and that is not a trap.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stop {
    /// The memory limit.
    Memory,
    /// The limit of instructions.
    Steps,
    /// The time limit.
    Time,
    /// Ctrl-C, or whoever holds the [`Interrupt`].
    Interrupted,
    /// Nobody reads the output any more.
    OutputClosed,
    /// The output could not be written, and why.
    OutputFailed(String),
}

/// Asks a run to stop, from any thread. Clones are handles of the same run.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicU32>);

const INTERRUPTED: u32 = 1;
const TIME: u32 = 2;
pub(super) const MIGRATE: u32 = 4;

impl Interrupt {
    /// One that is not raised.
    pub fn new() -> Interrupt {
        Interrupt::default()
    }

    /// Asks the run to stop with [`Stop::Interrupted`].
    pub fn interrupt(&self) {
        self.0.fetch_or(INTERRUPTED, Ordering::Relaxed);
    }

    /// Asks the run to stop with [`Stop::Time`].
    pub fn time_out(&self) {
        self.0.fetch_or(TIME, Ordering::Relaxed);
    }

    /// Asks the run to change threads at every poll.
    pub(super) fn migrate(&self) {
        self.0.fetch_or(MIGRATE, Ordering::Relaxed);
    }

    /// The word itself, for the interpreter's loop.
    pub(super) fn word(&self) -> &AtomicU32 {
        &self.0
    }

    /// Whether the run shall stop.
    #[inline]
    pub fn check(&self) -> Result<(), Stop> {
        let word = self.0.load(Ordering::Relaxed);
        if word & (INTERRUPTED | TIME) == 0 { Ok(()) } else { Err(Self::reason(word)) }
    }

    #[cold]
    fn reason(word: u32) -> Stop {
        if word & INTERRUPTED != 0 { Stop::Interrupted } else { Stop::Time }
    }
}
