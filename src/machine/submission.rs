//! A submission: one call of a function of some program that a machine has taken on, and all that belongs to it and to nobody
//! else: its code, where its output goes, its memory, its retirement, how it is stopped, and who is told that it has ended.
//!
//! A worker that takes it up gives it a root entry for as long as it runs: until then, and after that, it takes little room. The root
//! is the only entry without a frame around it. All entries, frames and runs below lead to the submission.
//!
//! Invariants: the machine holds one count of a submission until it has ended, and each worker one of that whose work it does; so what
//! an entry says of its submission is good as long as the entry has not completed, and a worker's also after that.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::task::Waker;

use super::code::Code;
use super::engine::Outcome;
use super::host_call::World;
use super::interrupt::Stop;
use super::memory::Budget;
use super::retire::Retirement;
use super::station::{Entry, Kind, Status};
use super::transfer::{Args, Kept, Lent, Returned};
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
    pub(crate) args: Args,
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

/// What a submission has in hand.
enum Content {
    /// What it is passed, until it begins.
    Args(Args),
    /// What lives for as long as it runs: what it reads, or writes through a view.
    Lent(Lent),
    /// What it gave, until somebody takes that.
    Gave(Returned),
    Taken,
    /// It ended with a failure, or was squashed.
    Failed(Option<Box<Failure>>),
}

struct Inside {
    content: Content,
    stop: Option<Box<Stop>>,
    watchers: Vec<Waker>,
}

/// See the head of this file.
pub(crate) struct Submission {
    pub(super) code: Arc<Code>,
    pub(super) function: u32,
    /// Nobody waits for it who is no background work.
    in_background: AtomicBool,
    pub(super) budget: Arc<Budget>,
    keeper: Arc<Budget>,
    pub(super) max_depth: u64,
    world: Mutex<Box<dyn World>>,
    pub(super) retirement: Mutex<Retirement>,
    inside: Mutex<Inside>,
    /// Bytes of output that is held.
    pub(super) held: AtomicU64,
    /// Runs that wait for their turn.
    pub(super) waiting: AtomicU64,
    /// Entries that failed so far, and 1 if it is stopped.
    pub(super) failures: AtomicU64,
    pub(super) stopping: AtomicBool,
    state: AtomicU32,
}

pub(super) fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Submission {
    /// One that nobody has taken on yet.
    pub(crate) fn new(order: Order) -> Arc<Submission> {
        let Order { code, function, args, world, budget, keeper, max_depth, priority } = order;
        Arc::new(Submission {
            code,
            function,
            in_background: AtomicBool::new(priority == Priority::Background),
            budget,
            keeper,
            max_depth,
            world: Mutex::new(world),
            retirement: Mutex::default(),
            inside: Mutex::new(Inside { content: Content::Args(args), stop: None, watchers: Vec::new() }),
            held: AtomicU64::new(0),
            waiting: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            state: AtomicU32::new(RUNNING),
        })
    }

    /// Begins, with that entry as its root.
    ///
    /// # Errors
    /// The memory limit, if something that it writes must be copied first. It has begun all the same, but there is nothing to run.
    ///
    /// # Panics
    /// If the arguments are not what the function takes.
    ///
    /// # Safety
    /// The caller has the submission's job, and the entry, to which nobody else refers before [`Submission::end`].
    pub(super) unsafe fn begin(&self, root: *mut Entry) -> Result<(), Stop> {
        let info = &self.code.functions[self.function as usize];
        let program = self.code.program();
        let params = &program.functions[self.function as usize].params;
        let mut inside = lock(&self.inside);
        let Content::Args(args) = std::mem::replace(&mut inside.content, Content::Lent(Lent::new())) else {
            unreachable!("it begins once");
        };
        assert_eq!(args.len(), params.len(), "one argument for each parameter");
        // SAFETY: the caller's.
        unsafe {
            Entry::reset(root, 0, std::ptr::null_mut(), Kind::Call, info.boundary);
            (*root).root = self;
            (*root).code = self.code.entry(self.function);
            (*root).oldest.set(true);
            for register in 0..info.results {
                *(*root).args.add(register) = 0;
            }
            let lent = Kept::pass(&program.types, params, args, (*root).args.add(info.results))?;
            inside.content = Content::Lent(lent);
            Entry::arm(root);
        }
        drop(inside);
        lock(&self.retirement).root = root;
        Ok(())
    }

    /// Its root has completed, and is the caller's again. Nobody is told yet.
    ///
    /// # Safety
    /// As for `begin`, of which it is the root; the caller has run it.
    pub(super) unsafe fn end(&self, root: *mut Entry) {
        lock(&self.retirement).root = std::ptr::null_mut();
        let mut inside = lock(&self.inside);
        let Content::Lent(lent) = std::mem::replace(&mut inside.content, Content::Taken) else {
            unreachable!("it has begun, and ends once");
        };
        // SAFETY: the caller's.
        unsafe {
            inside.content = match (*root).status {
                Status::Good => {
                    Content::Gave(Returned::collect(&self.code, self.function, (*root).args, lent, &self.keeper))
                }
                Status::Failed | Status::Squashed => Content::Failed((*root).failure.take()),
            };
        }
    }

    /// Uses the world, alone.
    pub(crate) fn with_world<R>(&self, body: impl FnOnce(&mut dyn World) -> R) -> R {
        body(&mut **lock(&self.world))
    }

    /// Whose turn it is: see [`Submission::lift`].
    #[inline]
    pub(crate) fn priority(&self) -> Priority {
        if self.in_background.load(Ordering::SeqCst) { Priority::Background } else { Priority::Normal }
    }

    /// Normal work waits for it, so that it is normal from now on; whether it was not. Jobs may lie where those of background work do:
    /// see `Machine::lift`.
    pub(crate) fn lift(&self) -> bool {
        self.in_background.swap(false, Ordering::SeqCst)
    }

    /// Whether an entry that completes has to see to retirement.
    #[inline]
    pub(super) fn wants_attention(&self) -> bool {
        checked_seq_cst();
        self.held.load(Ordering::Relaxed) != 0 || self.waiting.load(Ordering::SeqCst) != 0
    }

    /// Stops it, if it has not been stopped before; whether it has not.
    pub(super) fn note_stop(&self, stop: Stop) -> bool {
        let mut inside = lock(&self.inside);
        if inside.stop.is_some() {
            return false;
        }
        inside.stop = Some(Box::new(stop));
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
        let args = std::mem::replace(&mut lock(&self.inside).content, Content::Failed(None));
        drop(args);
        self.announce();
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.state.load(Ordering::Acquire) == ENDED
    }

    /// Lets that waker know when it has ended; `false` if it has.
    pub(crate) fn watch(&self, waker: &Waker) -> bool {
        let mut inside = lock(&self.inside);
        let before = self.state.compare_exchange(RUNNING, WATCHED, Ordering::AcqRel, Ordering::Acquire);
        if before == Err(ENDED) {
            return false;
        }
        if !inside.watchers.iter().any(|other| other.will_wake(waker)) {
            inside.watchers.push(waker.clone());
        }
        true
    }

    /// It has ended.
    pub(super) fn announce(&self) {
        if self.state.swap(ENDED, Ordering::AcqRel) == WATCHED {
            // Whoever watches has the lock until it is on the list.
            let watchers = std::mem::take(&mut lock(&self.inside).watchers);
            watchers.into_iter().for_each(Waker::wake);
        }
    }

    /// How it ended.
    ///
    /// # Panics
    /// If it has not.
    pub(crate) fn outcome(&self) -> Outcome {
        assert!(self.has_ended(), "it is asked how it ended before it did");
        let inside = lock(&self.inside);
        match (&inside.stop, &inside.content) {
            (Some(stop), _) => Outcome::Stop(Stop::clone(stop)),
            (None, Content::Failed(Some(failure))) => Outcome::of(Failure::clone(failure)),
            // The machine was told to end.
            (None, Content::Failed(None)) => Outcome::Stop(Stop::Interrupted),
            (None, _) => Outcome::Done,
        }
    }

    /// What it gives, if it ended well and nobody has taken that before.
    pub(crate) fn take(&self) -> Option<Returned> {
        let mut inside = lock(&self.inside);
        match std::mem::replace(&mut inside.content, Content::Taken) {
            Content::Gave(returned) => Some(returned),
            other => {
                inside.content = other;
                None
            }
        }
    }
}
