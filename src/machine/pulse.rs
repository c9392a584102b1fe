//! What a run is at, for whoever watches it from another thread: which workers are awake, and what has been taken down so far.

use std::fmt::{self, Debug, Formatter};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::record::Event;
use super::recorder::Recorder;

/// A handle of a run that is under way. Clones are handles of the same run.
#[derive(Clone, Default)]
pub struct Pulse(Arc<Signs>);

#[derive(Default)]
struct Signs {
    awake: AtomicU64,
    recorder: Mutex<Option<Arc<Recorder>>>,
}

impl Pulse {
    /// Bit by bit: worker `n` was not asleep for want of work at the last beat, some milliseconds ago at most; 0 if nothing runs.
    pub fn awake(&self) -> u64 {
        self.0.awake.load(Ordering::Relaxed)
    }

    /// Of a run that is recorded, what has happened so far from the event with that [order](Event::order) on, `most` of it: none is
    /// missing between two of them; nothing follows what is kept of a long run. Empty once the run has ended, whose record has all.
    pub fn events(&self, from: u64, most: usize) -> Vec<Event> {
        let recorder = self.recorder().clone();
        recorder.map_or_else(Vec::new, |recorder| recorder.since(from, most))
    }

    pub(super) fn note(&self, awake: u64) {
        self.0.awake.store(awake, Ordering::Relaxed);
    }

    /// From now on this takes down what happens; nobody does.
    pub(super) fn record(&self, recorder: Option<Arc<Recorder>>) {
        *self.recorder() = recorder;
    }

    fn recorder(&self) -> MutexGuard<'_, Option<Arc<Recorder>>> {
        self.0.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Debug for Pulse {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pulse").field("awake", &self.awake()).finish_non_exhaustive()
    }
}
