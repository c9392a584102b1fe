//! A submission: one call of a function of some program that a machine has taken on, and all that belongs to it and to nobody
//! else: its code, where its output goes, its memory, its retirement, how it is stopped, and who is told that it has ended.
//!
//! Its root entry is the only one without a frame around it. All entries, frames and runs below lead to it.
//!
//! Invariants: the machine holds one count of a submission until it has ended, and each worker one of that whose work it does; so what
//! an entry says of its submission is good as long as the entry has not completed, and a worker's also after that. What the
//! submission was passed, and gives, is touched by who makes it, by who runs the root entry, and after its end by who
//! takes it.

use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::task::Waker;

use super::code::Code;
use super::engine::Outcome;
use super::host_call::World;
use super::interrupt::{Interrupt, Stop};
use super::memory::{Budget, Heap, buffer};
use super::retire::Retirement;
use super::station::{Entry, Kind, Status};
use super::transfer::{Kept, Returned};
use super::trap::Failure;
use crate::platform::sync::{AtomicBool, AtomicU32, AtomicU64, Mutex, MutexGuard, Set, checked_seq_cst};

/// Whose turn it is when there are not workers enough for everybody.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Priority {
    /// As soon as there is a worker for it.
    #[default]
    Normal,
    /// When no normal work waits.
    Background,
}

/// What is asked of a machine.
pub(crate) struct Order {
    pub(crate) code: Arc<Code>,
    /// Index of the function.
    pub(crate) function: u32,
    /// A value of its type for each parameter.
    pub(crate) args: Vec<Kept>,
    /// Where its output goes.
    pub(crate) world: Box<dyn World>,
    pub(crate) budget: Arc<Budget>,
    /// Whose memory the values belong to that it gives back.
    pub(crate) keeper: Arc<Budget>,
    pub(crate) max_depth: u64,
    pub(crate) priority: Priority,
}

/// It has not ended, and nobody asked to be told when it does.
const RUNNING: u32 = 0;
/// Somebody did.
const WATCHED: u32 = 1;
const ENDED: u32 = 2;

/// See the head of this file.
pub(crate) struct Submission {
    pub(super) code: Arc<Code>,
    pub(super) function: u32,
    pub(super) budget: Arc<Budget>,
    keeper: Arc<Budget>,
    pub(super) max_depth: u64,
    pub(super) priority: Priority,
    world: Mutex<Box<dyn World>>,
    pub(super) root: UnsafeCell<Entry>,
    /// What lives for as long as it runs, by parameter: what it reads, or writes through a view.
    kept: UnsafeCell<Vec<Option<Kept>>>,
    pub(super) retirement: Mutex<Retirement>,
    /// Bytes of output that is held.
    pub(super) held: AtomicU64,
    /// Runs that wait for their turn.
    pub(super) waiting: AtomicU64,
    /// Entries that failed so far, and 1 if it is stopped.
    pub(super) failures: AtomicU64,
    pub(super) stopping: AtomicBool,
    stop: Mutex<Option<Stop>>,
    state: AtomicU32,
    taken: AtomicBool,
    watchers: Mutex<Vec<Waker>>,
}

// SAFETY: the root entry and what is kept are used as the head of this file says; all else is made for sharing.
unsafe impl Send for Submission {}
// SAFETY: as above.
unsafe impl Sync for Submission {}

pub(super) fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Submission {
    /// One that nobody has taken on yet.
    ///
    /// # Errors
    /// The memory limit, if something that it writes must be copied first.
    ///
    /// # Panics
    /// If the arguments are not what the function takes.
    pub(crate) fn new(order: Order) -> Result<Arc<Submission>, Stop> {
        let Order { code, function, args, world, budget, keeper, max_depth, priority } = order;
        let this = Arc::new(Submission {
            code,
            function,
            budget,
            keeper,
            max_depth,
            priority,
            world: Mutex::new(world),
            root: UnsafeCell::new(Entry::new()),
            kept: UnsafeCell::default(),
            retirement: Mutex::default(),
            held: AtomicU64::new(0),
            waiting: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            stop: Mutex::default(),
            state: AtomicU32::new(RUNNING),
            taken: AtomicBool::new(false),
            watchers: Mutex::default(),
        });
        let root = this.root.get();
        let info = &this.code.functions[function as usize];
        // SAFETY: nobody else has it yet.
        unsafe {
            Entry::reset(root, 0, ptr::null_mut(), Kind::Call, info.boundary);
            (*root).root = Arc::as_ptr(&this);
            (*root).code = this.code.entry(function);
            (*root).oldest.set(true);
            for register in 0..info.results {
                *(*root).args.add(register) = 0;
            }
            let window = (*root).args.add(info.results);
            let params = &this.code.program().functions[function as usize].params;
            assert_eq!(args.len(), params.len(), "one argument for each parameter");
            *this.kept.get() = Kept::pass(&this.code.program().types, params, args, window)?;
            Entry::arm(root);
        }
        Ok(this)
    }

    /// Uses the world, alone.
    pub(crate) fn with_world<R>(&self, body: impl FnOnce(&mut dyn World) -> R) -> R {
        body(&mut **lock(&self.world))
    }

    /// Whether an entry that completes has to see to retirement.
    #[inline]
    pub(super) fn wants_attention(&self) -> bool {
        checked_seq_cst();
        self.held.load(Ordering::Relaxed) != 0 || self.waiting.load(Ordering::SeqCst) != 0
    }

    /// Stops it, if it has not been stopped before; whether it has not.
    pub(super) fn note_stop(&self, stop: Stop) -> bool {
        let mut first = lock(&self.stop);
        if first.is_some() {
            return false;
        }
        *first = Some(stop);
        self.stopping.store(true, Ordering::SeqCst);
        self.failures.fetch_add(1, Ordering::SeqCst);
        true
    }

    /// The program.
    pub(crate) fn code(&self) -> &Arc<Code> {
        &self.code
    }

    /// The function that it calls, by index.
    pub(crate) fn function(&self) -> u32 {
        self.function
    }

    /// No machine takes it on any more: it ends as if it had been squashed.
    pub(super) fn refuse(&self) {
        let mut heap = Heap::new(self.budget.clone(), Interrupt::new());
        // SAFETY: nobody runs the entry, whose owned arguments hold owners.
        unsafe {
            let root = self.root.get();
            for &at in &self.code.functions[self.function as usize].owned_params {
                heap.release(buffer(*(*root).args.add(usize::from(at))));
            }
            (*root).status = Status::Squashed;
        }
        self.announce();
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.state.load(Ordering::Acquire) == ENDED
    }

    /// Lets that waker know when it has ended; `false` if it has.
    pub(crate) fn watch(&self, waker: &Waker) -> bool {
        let mut watchers = lock(&self.watchers);
        let before = self.state.compare_exchange(RUNNING, WATCHED, Ordering::AcqRel, Ordering::Acquire);
        if before == Err(ENDED) {
            return false;
        }
        if !watchers.iter().any(|other| other.will_wake(waker)) {
            watchers.push(waker.clone());
        }
        true
    }

    /// It has ended.
    pub(super) fn announce(&self) {
        if self.state.swap(ENDED, Ordering::AcqRel) == WATCHED {
            // Whoever watches has the lock until it is on the list.
            let watchers = std::mem::take(&mut *lock(&self.watchers));
            watchers.into_iter().for_each(Waker::wake);
        }
    }

    /// How it ended.
    ///
    /// # Panics
    /// If it has not.
    pub(crate) fn outcome(&self) -> Outcome {
        assert!(self.has_ended(), "it is asked how it ended before it did");
        if let Some(stop) = lock(&self.stop).clone() {
            return Outcome::Stop(stop);
        }
        // SAFETY: nobody runs the entry any more.
        unsafe {
            let root = self.root.get();
            match (&(*root).failure, (*root).status) {
                (Some(failure), _) => Outcome::of(Failure::clone(failure)),
                (None, Status::Good) => Outcome::Done,
                // The machine was told to end.
                (None, _) => Outcome::Stop(Stop::Interrupted),
            }
        }
    }

    /// What it gives, if it ended well and nobody has taken that before.
    pub(crate) fn take(&self) -> Option<Returned> {
        if !self.has_ended() || self.taken.swap(true, Ordering::AcqRel) {
            return None;
        }
        // SAFETY: nobody runs the entry any more, and who comes here is the first.
        unsafe {
            let root = self.root.get();
            let kept = std::mem::take(&mut *self.kept.get());
            if (*root).status != Status::Good {
                return None;
            }
            Some(Returned::collect(&self.code, self.function, (*root).args, kept, &self.keeper))
        }
    }
}

impl Drop for Submission {
    fn drop(&mut self) {
        if self.has_ended() {
            drop(self.take());
        }
    }
}
