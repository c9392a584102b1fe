//! The poll word: how a run is asked from outside to do something at its next poll, and why it stops.

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use super::machine::Machine;
use super::station::Entry;

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
pub struct Interrupt(Arc<Poll>);

#[derive(Debug)]
struct Poll {
    word: AtomicU32,
    /// Of a worker: its machine, and the entry whose work it does. They decide what [`CHECK`] means, on the worker's own thread.
    machine: AtomicPtr<Machine>,
    entry: AtomicPtr<Entry>,
}

impl Default for Poll {
    fn default() -> Poll {
        Poll {
            word: AtomicU32::new(0),
            machine: AtomicPtr::new(ptr::null_mut()),
            entry: AtomicPtr::new(ptr::null_mut()),
        }
    }
}

const INTERRUPTED: u32 = 1;
const TIME: u32 = 2;
/// What ends a run.
pub(super) const STOPS: u32 = INTERRUPTED | TIME;
/// Asks to change threads.
pub(super) const MIGRATE: u32 = 4;
/// Some worker has nothing to do.
pub(super) const HUNGRY: u32 = 8;
/// Work was squashed: it may be what this worker does.
pub(super) const CHECK: u32 = 16;
/// Time has passed.
pub(super) const TICK: u32 = 32;
/// Normal work waits: background work gives way.
pub(super) const URGENT: u32 = 128;
/// The work's memory is nearly used up.
pub(super) const TIGHT: u32 = 256;
/// The oldest work has come to a frame that somebody has on his deque.
pub(super) const SOUGHT: u32 = 512;
/// Stays up, so that every poll is seen.
pub(super) const ALWAYS: u32 = 64;

impl Interrupt {
    /// One that is not raised.
    pub fn new() -> Interrupt {
        Interrupt::default()
    }

    /// Asks the run to stop with [`Stop::Interrupted`].
    pub fn interrupt(&self) {
        self.0.word.fetch_or(INTERRUPTED, Ordering::Relaxed);
    }

    /// Asks the run to stop with [`Stop::Time`].
    pub fn time_out(&self) {
        self.0.word.fetch_or(TIME, Ordering::Relaxed);
    }

    /// Lets the run leave the interpreter's loop and enter it again at once. Where the loop itself is compiled while it runs, a call of it
    /// goes on in the code that it began in.
    pub fn nudge(&self) {
        self.raise(TICK);
    }

    /// Asks the run to change threads at every poll.
    pub(super) fn migrate(&self) {
        self.0.word.fetch_or(MIGRATE, Ordering::Relaxed);
    }

    /// The word itself, for the interpreter's loop.
    pub(super) fn word(&self) -> &AtomicU32 {
        &self.0.word
    }

    /// Raises some of the bits above, for a worker.
    pub(super) fn raise(&self, bits: u32) {
        self.0.word.fetch_or(bits, Ordering::Relaxed);
    }

    /// Whether any of some bits is up.
    pub(super) fn has(&self, bits: u32) -> bool {
        self.0.word.load(Ordering::Relaxed) & bits != 0
    }

    /// Takes down what was raised, but for [`STOPS`], [`MIGRATE`] and [`ALWAYS`]; what it was.
    pub(super) fn lower(&self) -> u32 {
        self.0.word.fetch_and(STOPS | MIGRATE | ALWAYS, Ordering::Relaxed)
    }

    /// Makes it the word of a worker of that machine, which must not end before null lets it go.
    pub(super) fn belong_to(&self, machine: *const Machine) {
        self.0.machine.store(machine.cast_mut(), Ordering::Relaxed);
    }

    /// Its worker does the work of that entry, or none.
    #[inline]
    pub(super) fn working_on(&self, entry: *mut Entry) {
        self.0.entry.store(entry, Ordering::Relaxed);
    }

    /// Something begins that can be split: if somebody is hungry, the next poll shall know, whatever an earlier one had to offer.
    pub(super) fn feed(&self) {
        let machine = self.0.machine.load(Ordering::Relaxed);
        // SAFETY: `belong_to`.
        if !machine.is_null() && unsafe { (*machine).is_hungry() } {
            self.raise(HUNGRY);
        }
    }

    /// Memory is nearly used up: where work runs side by side, the next poll shall know.
    pub(super) fn crowd(&self) {
        if !self.0.machine.load(Ordering::Relaxed).is_null() {
            self.raise(TIGHT);
        }
    }

    /// Whether what its worker does will never be seen.
    fn is_squashed(&self) -> bool {
        let (machine, entry) = (self.0.machine.load(Ordering::Relaxed), self.0.entry.load(Ordering::Relaxed));
        // SAFETY: both are set by the worker that asks, which has not completed the entry; `belong_to` for the machine.
        !machine.is_null() && !entry.is_null() && unsafe { (*machine).is_squashed(entry) }
    }

    /// Whether the run shall stop.
    #[inline]
    pub fn check(&self) -> Result<(), Stop> {
        let word = self.0.word.load(Ordering::Relaxed);
        if word & (STOPS | CHECK) == 0 { Ok(()) } else { self.reason(word) }
    }

    #[cold]
    fn reason(&self, word: u32) -> Result<(), Stop> {
        match word {
            word if word & INTERRUPTED != 0 => Err(Stop::Interrupted),
            word if word & TIME != 0 => Err(Stop::Time),
            // What a squashed run ends with is seen by nobody.
            _ if self.is_squashed() => Err(Stop::Interrupted),
            _ => Ok(()),
        }
    }
}
