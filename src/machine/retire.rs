//! Retirement: what has completed takes effect in program order. Output is released, what waited for its turn goes on.
//!
//! A cursor in each promoted frame passes over its entries in order; the entry at it is *oldest* if the frame's own entry
//! is. The work of the oldest entry prints straight through; the output of all others is held in their entries, moves up
//! to their frame's `log` when they are passed there, and out when the frame's own entry becomes the oldest.
//!
//! All of this happens under one lock for each submission, which is taken where frames are promoted and folded, when a ring is full, and, while any
//! output is held or somebody waits for his turn (`attention`), when an entry completes.

use std::sync::atomic::Ordering;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::machine::Machine;
use super::memory::Heap;
use super::output::Log;
use super::run::Run;
use super::scoreboard::Board;
use super::station::{Entry, Status};
use super::submission::Submission;
use super::trap::Failure;
use super::worker::Job;
use crate::platform::step;
use crate::platform::sync::fence;

/// What the lock guards, besides what `scoreboard` says.
pub(super) struct Retirement {
    /// The root entry; null before something is linked to it, and after the submission's end.
    pub(super) root: *mut Entry,
    /// The innermost frame that the oldest work was found in lastly, which stays on the way to it until it is taken out of the tree; null: the
    /// root is where to look from.
    deepest: *mut Board,
    /// Runs that wait until they are the oldest work, by their entries: there may be many. Their order is the same in each run of a simulation.
    waiting: IndexMap<*mut Entry, *mut Run, FxBuildHasher>,
    /// How many had failed when it was looked lastly which of them are squashed.
    failures: u64,
}

/// How a frame has drained.
pub(super) struct Drained {
    /// The failure of the oldest entry that failed, and its instruction.
    pub(super) failed: Option<(Box<Failure>, *const u64)>,
    /// The frame does not go on: something in it failed, or it is squashed itself. Its pending registers have got no values.
    pub(super) is_lost: bool,
}

impl Default for Retirement {
    fn default() -> Retirement {
        Retirement {
            root: std::ptr::null_mut(),
            deepest: std::ptr::null_mut(),
            waiting: IndexMap::default(),
            failures: 0,
        }
    }
}

// SAFETY: a waiting run belongs to the list; the root entry lives as long as it is there.
unsafe impl Send for Retirement {}

impl Machine {
    /// Moves a log out, if its turn has come, else to `to`.
    fn emit(&self, of: &Submission, log: &mut Log, oldest: bool, to: &mut Log) {
        if log.is_empty() {
            return;
        }
        if oldest {
            self.write_out(of, log);
        } else {
            to.append(log);
        }
    }

    /// Writes held output.
    pub(super) fn write_out(&self, of: &Submission, log: &mut Log) {
        if log.is_empty() {
            return;
        }
        of.held().fetch_sub(log.len() as u64, Ordering::Relaxed);
        if let Err(stop) = of.print(|world| log.write_to(world)) {
            self.stop(of, stop);
        }
    }

    /// Forgets held output that nobody shall see.
    pub(super) fn drop_log(&self, of: &Submission, log: &mut Log) {
        of.held().fetch_sub(log.len() as u64, Ordering::Relaxed);
        log.clear();
    }

    /// Passes the cursor of a frame over entries that have completed, up to one that failed; whether it passed all.
    ///
    /// # Safety
    /// Under the lock; the board is linked to its entry.
    unsafe fn pass(&self, board: *mut Board) -> bool {
        // SAFETY: the lock's holder may read the ring, and what entries hold that have completed.
        unsafe {
            let of = &*(*board).root;
            let oldest = (*(*board).entry).oldest.load(Ordering::Acquire);
            let log: *mut Log = &raw mut (*board).log;
            if oldest {
                self.write_out(of, &mut *log);
            }
            let tail = (*board).tail.load(Ordering::Acquire);
            while (*board).cursor != tail {
                let entry = (*board).entry_of((*board).cursor);
                if let Some(before) = &mut (*entry).before {
                    self.emit(of, before, oldest, &mut *log);
                }
                (*entry).before = None;
                if !Entry::is_closed(entry) {
                    return false;
                }
                if let Some(text) = &mut (*entry).log {
                    self.emit(of, text, oldest, &mut *log);
                }
                (*entry).log = None;
                if (*entry).status != Status::Good {
                    return false;
                }
                if let Some(recorder) = &self.recorder {
                    recorder.retired(entry);
                }
                (*board).cursor = (*board).cursor.wrapping_add(1);
            }
            true
        }
    }

    /// Lets everything retire that can: goes down along the oldest work, from where it was lastly, since a tree may be deep. The runs that
    /// need not wait any more are the caller's, to be handed on once the lock is free: whoever takes one up may want it.
    ///
    /// # Safety
    /// `guard` is the lock's.
    unsafe fn walk(&self, of: &Submission, guard: &mut Retirement) -> Vec<*mut Run> {
        if guard.root.is_null() {
            return Vec::new();
        }
        let mut ready = Vec::new();
        // SAFETY: under the lock boards are linked and unlinked, so those that are found are live.
        unsafe {
            let mut board = if guard.deepest.is_null() { (*guard.root).child } else { guard.deepest };
            while !board.is_null() {
                guard.deepest = board;
                if self.pass(board) {
                    break;
                }
                let entry = (*board).entry_of((*board).cursor);
                if Entry::is_closed(entry) {
                    break;
                }
                (*entry).oldest.store(true, Ordering::Release);
                ready.extend(guard.waiting.swap_remove(&entry));
                board = (*entry).child;
            }
            let failures = of.failures();
            let is_over = of.stopping.load(Ordering::Acquire) || self.closing.load(Ordering::Relaxed);
            if failures != guard.failures || is_over {
                guard.failures = failures;
                ready.extend(guard.waiting.extract_if(.., |&entry, _| self.is_squashed(entry)).map(|(_, run)| run));
            }
            if !ready.is_empty() {
                of.waiting().fetch_sub(ready.len() as u64, Ordering::Relaxed);
            }
            ready
        }
    }

    /// The job that goes on with the oldest work of a submission is one for this frame, or for this entry; null: for none.
    #[cold]
    pub(super) fn oldest(&self, of: &Submission) -> (*mut Board, *mut Entry) {
        self.retire(of);
        let none = (std::ptr::null_mut(), std::ptr::null_mut());
        let guard = of.retirement();
        let board = guard.deepest;
        if board.is_null() {
            return none;
        }
        // SAFETY: under the lock boards are linked and unlinked, so the innermost is live.
        unsafe {
            if (*board).cursor == (*board).tail.load(Ordering::Acquire) {
                return (board, none.1);
            }
            let entry = (*board).entry_of((*board).cursor);
            if Entry::is_closed(entry) { (board, none.1) } else { (none.0, entry) }
        }
    }

    /// See [`Machine::walk`].
    #[cold]
    pub(super) fn retire(&self, of: &Submission) {
        step();
        let mut guard = of.retirement();
        // SAFETY: its lock is held.
        let ready = unsafe { self.walk(of, &mut guard) };
        drop(guard);
        step();
        ready.into_iter().for_each(|run| self.inject(Job::Run(run)));
    }

    /// Suspends `run` until all older work has retired; gives it back if it has.
    pub(super) fn wait_for_turn(&self, of: &Submission, run: Box<Run>) -> Option<Box<Run>> {
        step();
        let mut guard = of.retirement();
        // Announced first, and then looked: whoever completes an entry after that sees that somebody waits.
        of.waiting().fetch_add(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        // SAFETY: its lock is held; the run's entry is live.
        let (ready, turn) = unsafe {
            let ready = self.walk(of, &mut guard);
            (ready, (*run.entry).oldest.load(Ordering::Acquire) || self.is_squashed(run.entry))
        };
        let run = if turn {
            of.waiting().fetch_sub(1, Ordering::Relaxed);
            Some(run)
        } else {
            guard.waiting.insert(run.entry, Box::into_raw(run));
            None
        };
        drop(guard);
        step();
        ready.into_iter().for_each(|run| self.inject(Job::Run(run)));
        run
    }

    /// Links a new board into the tree, with its first entry, which goes on with what the run did.
    ///
    /// # Safety
    /// The board has taken over a frame of the run of its entry, and nothing is in its ring.
    pub(super) unsafe fn link(&self, board: *mut Board, first: impl FnOnce(&mut Board) -> *mut Entry) -> *mut Entry {
        step();
        // SAFETY: the caller's.
        unsafe {
            let of = &*(*board).root;
            let mut guard = of.retirement();
            if (*board).is_full() {
                (*board).grow();
            }
            let parent = (*board).entry;
            if guard.root.is_null() {
                // Until something is linked there is no entry but the root.
                guard.root = parent;
                of.is_linked.store(true, Ordering::Relaxed);
            }
            let entry = first(&mut *board);
            let oldest = (*parent).oldest.load(Ordering::Acquire);
            if oldest {
                // Its turn may have come since it was printed; what follows is printed straight through.
                self.write_out(of, &mut (*board).log);
            }
            (*entry).oldest.store(oldest, Ordering::Release);
            (*parent).child = board;
            entry
        }
    }

    /// Takes the entries that have completed out of the ring of a frame, as far as they are the oldest; how many times
    /// that was not all there was to do is not said.
    ///
    /// # Safety
    /// The caller is the issuer.
    pub(super) unsafe fn recycle(&self, board: *mut Board, heap: &mut Heap) {
        step();
        // SAFETY: under the lock, by the issuer.
        unsafe {
            let of = &*(*board).root;
            let _guard = of.retirement();
            self.pass(board);
            while (*board).head != (*board).cursor {
                (*board).recycle_head(of.code(), heap);
            }
            (*board).drop_deferred(heap);
        }
    }

    /// Doubles the ring.
    ///
    /// # Safety
    /// As for `recycle`.
    pub(super) unsafe fn grow(&self, board: *mut Board) {
        // SAFETY: under the lock, by the issuer.
        unsafe {
            let _guard = (*(*board).root).retirement();
            (*board).grow();
        }
    }

    /// Takes a drained board out of the tree: what has retired goes to its run's log, what is younger than a failure is
    /// dropped.
    ///
    /// # Safety
    /// The caller is the issuer; all entries have completed.
    pub(super) unsafe fn unlink(&self, board: *mut Board, heap: &mut Heap) -> Drained {
        step();
        // SAFETY: the caller's.
        unsafe {
            let of = &*(*board).root;
            let mut guard = of.retirement();
            if guard.deepest == board {
                guard.deepest = (*(*board).entry).board;
            }
            let mut failed = None;
            if !self.pass(board) {
                let entry = (*board).entry_of((*board).cursor);
                if (*entry).status == Status::Failed {
                    failed = (*entry).failure.take().map(|failure| (failure, (*entry).site));
                }
                // What is younger leaves nothing behind.
                while (*board).cursor != (*board).tail_now() {
                    let entry = (*board).entry_of((*board).cursor);
                    for log in [(*entry).before.take(), (*entry).log.take()].into_iter().flatten() {
                        self.drop_log(of, &mut { *log });
                    }
                    (*entry).failure = None;
                    (*board).cursor = (*board).cursor.wrapping_add(1);
                }
                self.drop_log(of, &mut (*board).text);
            }
            let is_lost = failed.is_some() || (*board).fault.is_some() || self.is_squashed((*board).entry);
            if is_lost {
                // Nobody reads them; those in the window would not even be dropped.
                (*board).forget_all();
            }
            while (*board).head != (*board).cursor {
                (*board).recycle_head(of.code(), heap);
            }
            (*board).drop_deferred(heap);
            let run = (*board).run.as_mut().expect("a promoted frame has a run");
            let mut log = std::mem::take(&mut (*board).log);
            run.log.append(&mut log);
            let mut text = std::mem::take(&mut (*board).text);
            run.log.append(&mut text);
            (*(*board).entry).child = std::ptr::null_mut();
            if (*(*board).entry).oldest.load(Ordering::Acquire) {
                self.write_out(of, &mut run.log);
            }
            Drained { failed, is_lost }
        }
    }
}
