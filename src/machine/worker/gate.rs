//! The world as a run on a worker sees it: output is held back until it is its turn.

use std::sync::atomic::Ordering;

use crate::machine::host_call::{Stream, World};
use crate::machine::machine::Machine;
use crate::machine::output::Log;
use crate::machine::station::Entry;
use crate::machine::submission::Submission;
use crate::machine::trap::Fault;

/// The world as a run on this worker sees it: what it prints may have to wait.
pub(super) struct Gate {
    pub(super) machine: *const Machine,
    /// What the run is done for.
    pub(super) of: *const Submission,
    /// The entry of the run; null while a frame is issued.
    pub(super) entry: *mut Entry,
    pub(super) log: *mut Log,
    /// At so many bytes it is looked whether its turn has come.
    pub(super) look_at: usize,
    /// The most bytes of output that a submission had held when something was printed here.
    pub(super) peak_held: u64,
}

// SAFETY: it is used by its worker's thread alone.
unsafe impl Send for Gate {}

impl Gate {
    fn machine(&self) -> &Machine {
        // SAFETY: the machine outlives its workers.
        unsafe { &*self.machine }
    }

    fn of(&self) -> &Submission {
        // SAFETY: the worker holds it as long as it works for it.
        unsafe { &*self.of }
    }

    fn is_direct(&self) -> bool {
        // SAFETY: the run's entry is live while it runs.
        !self.entry.is_null() && unsafe { (*self.entry).oldest.load(Ordering::Acquire) }
    }

    pub(super) fn flush(&mut self) {
        // SAFETY: the log is that of the run or frame that this worker has in hand.
        let log = unsafe { &mut *self.log };
        if !log.is_empty() && self.is_direct() {
            self.machine().write_out(self.of(), log);
        }
    }
}

impl World for Gate {
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), Fault> {
        if self.is_direct() {
            self.flush();
            return Ok(self.of().print(|world| world.write(stream, bytes))?);
        }
        // SAFETY: as in `flush`.
        let log = unsafe { &mut *self.log };
        log.push(stream, bytes);
        let len = bytes.len() as u64;
        let held = self.of().held().fetch_add(len, Ordering::Relaxed) + len;
        self.peak_held = self.peak_held.max(held);
        if log.len() >= self.look_at && !self.entry.is_null() {
            self.look_at = log.len() * 2;
            self.machine().retire(self.of());
            self.flush();
        }
        Ok(())
    }
    fn args(&mut self) -> Result<Vec<String>, Fault> {
        self.of().with_world(|world| world.args())
    }
    fn read_line(&mut self, limit: u64) -> Result<Option<Vec<u8>>, Fault> {
        self.flush();
        self.of().with_world(|world| world.read_line(limit))
    }
    fn read_file(&mut self, path: &str, limit: u64) -> Result<Vec<u8>, Fault> {
        self.of().with_world(|world| world.read_file(path, limit))
    }
    fn file_exists(&mut self, path: &str) -> Result<bool, Fault> {
        self.of().with_world(|world| world.file_exists(path))
    }
    fn write_file(&mut self, path: &str, bytes: &[u8]) -> Result<(), Fault> {
        self.flush();
        self.of().with_world(|world| world.write_file(path, bytes))
    }
    fn append_file(&mut self, path: &str, bytes: &[u8]) -> Result<(), Fault> {
        self.flush();
        self.of().with_world(|world| world.append_file(path, bytes))
    }
    fn clock(&mut self) -> Result<f64, Fault> {
        // All that is older is done; what it printed appears before the clock is read.
        self.machine().retire(self.of());
        self.flush();
        self.of().with_world(|world| world.clock())
    }
}
