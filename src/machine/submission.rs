//! A submission: one call of a function of some program that a machine has taken on, and all that belongs to it and to nobody
//! else: its code, where its output goes, its memory, its retirement, how it is stopped, and who is told that it has ended.
//!
//! A worker that takes it up gives it a root entry for as long as it runs: until then, and after that, it takes little room. The root
//! is the only entry without a frame around it. All entries, frames and runs below lead to the submission.
//!
//! Invariants: the machine holds one count of a submission until it has ended, and each worker one of that whose work it does, unless nobody else
//! has begun to; so what an entry says of its submission is good as long as the entry has not completed, and a worker's also after that.

use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, PoisonError};
use std::task::Waker;

use super::code::Code;
use super::engine::Outcome;
use super::host_call::{Nowhere, World};
use super::interrupt::Stop;
use super::memory::{Budget, Heap};
use super::retire::Retirement;
use super::station::{Entry, Kind, Status};
use super::transfer::{Args, Kept, Lent, Returned};
use super::trap::{Failure, Fault, said};
use crate::bytecode::trap::TrapCode;
use crate::platform::sync::{AtomicBool, AtomicU8, AtomicU64, Mutex, MutexGuard, Set, checked_seq_cst};

/// Why nothing is written where a panic took what would have done so.
pub(crate) fn unwritten(payload: &(dyn Any + Send)) -> String {
    match said(payload) {
        "" => "what takes it panicked".to_owned(),
        said => format!("what takes it panicked: {said}"),
    }
}

thread_local! {
    static IN_WORLD: Cell<bool> = const { Cell::new(false) };
}

/// Whether the calling thread is in a world, where it may have locked what belongs to the machine.
pub(super) fn is_in_world() -> bool {
    IN_WORLD.get()
}

fn try_world<R>(
    world: &mut Option<Box<dyn World>>,
    body: impl FnOnce(&mut dyn World) -> Result<R, Fault>,
) -> std::thread::Result<Result<R, Fault>> {
    let before = IN_WORLD.replace(true);
    let result = catch_unwind(AssertUnwindSafe(|| match world {
        Some(world) => body(&mut **world),
        None => body(&mut Nowhere),
    }));
    IN_WORLD.set(before);
    result
}

/// Lets go of a world. What it does then is its own affair, and no worker's.
fn leave(world: &mut Option<Box<dyn World>>) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(world.take())));
}

/// Whose turn it is when there are not workers enough for everybody.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Priority {
    /// As soon as there is a worker for it.
    #[default]
    Normal,
    /// When no normal work waits.
    Background,
}

/// The memory of a submission.
pub(crate) enum Memory {
    /// So many bytes at most, of a budget of the only worker that works for it.
    Own(u64),
    /// Of a budget, which arguments may be part of.
    Of(Arc<Budget>),
    /// Of the first budget, but what it gives back belongs to the second.
    Kept(Box<[Arc<Budget>; 2]>),
}

impl Memory {
    /// Its budget, which is made if there is none yet.
    pub(crate) fn budget(&mut self) -> &Arc<Budget> {
        if let Memory::Own(limit) = *self {
            *self = Memory::Of(Budget::new(limit));
        }
        match self {
            Memory::Of(budget) => budget,
            Memory::Kept(budgets) => &budgets[0],
            Memory::Own(_) => unreachable!("it has been made"),
        }
    }
}

/// What is asked of a machine, with some code. Who takes it down leaves nothing of it: it is large, and moved once.
pub(crate) struct Order {
    /// Index of the function.
    pub(crate) function: u32,
    /// A value of its type for each parameter.
    pub(crate) args: Args,
    /// Where its output goes; if that is nowhere, and there is nothing else, none.
    pub(crate) world: Option<Box<dyn World>>,
    pub(crate) memory: Memory,
    pub(crate) priority: Priority,
}

/// It has not ended, and nobody asked to be told when it does.
const RUNNING: u8 = 0;
/// Somebody did.
const WATCHED: u8 = 1;
const ENDED: u8 = 2;

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

#[derive(Default)]
struct Inside {
    stop: Option<Box<Stop>>,
    watchers: Vec<Waker>,
}

/// What a submission needs that has a world, waits, prints, fails or is waited for. It is there before and after it, as new; so those that do
/// nothing of that leave it alone.
#[derive(Default)]
pub(super) struct Cold {
    /// If there is none, what is printed is lost, and there is nothing else.
    world: Mutex<Option<Box<dyn World>>>,
    retirement: Mutex<Retirement>,
    inside: Mutex<Inside>,
    /// Bytes of output that is held.
    held: AtomicU64,
    /// Runs that wait for their turn.
    waiting: AtomicU64,
    failures_by_level: OnceLock<Box<FailuresByLevel>>,
}

impl Cold {
    /// It is as new again.
    pub(super) fn renew(&mut self) {
        leave(self.world.get_mut().unwrap_or_else(PoisonError::into_inner));
        *self = Cold::default();
    }
}

/// When something failed lastly, by its level in the tree of frames: a Fenwick tree of maxima.
pub(super) struct FailuresByLevel {
    /// The numbers of the last failures, each the largest of some buckets up to its own; 0: none.
    last: [AtomicU64; BUCKETS],
    /// How many there were.
    count: AtomicU64,
    /// Held while a failure is noted and counted.
    noting: Mutex<()>,
}

/// Levels below this have a bucket each, those above so many a doubling.
const EXACT: u32 = 64;
const BUCKETS: usize = 1024;

/// The bucket of a level, and whether there are smaller levels in it.
fn bucket(level: u32) -> (usize, bool) {
    if level < EXACT {
        return (level as usize, false);
    }
    let shift = level.ilog2() - EXACT.ilog2() + 1;
    let within = level >> shift;
    ((shift * EXACT / 2 + within) as usize, within << shift != level)
}

impl Default for FailuresByLevel {
    fn default() -> Self {
        let last = std::array::from_fn(|_| AtomicU64::new(0));
        FailuresByLevel { last, count: AtomicU64::new(0), noting: Mutex::default() }
    }
}

impl FailuresByLevel {
    /// Counts a failure in a frame of that level: who sees the count sees the level.
    fn note(&self, level: u32) {
        let _noting = lock(&self.noting);
        let number = self.count.load(Ordering::Relaxed) + 1;
        let mut at = bucket(level).0 + 1;
        while at <= BUCKETS {
            self.last[at - 1].store(number, Ordering::Relaxed);
            at += at & at.wrapping_neg();
        }
        self.count.store(number, Ordering::SeqCst);
    }

    /// The number of the last failure in a frame of a smaller level, or a bit larger one.
    pub(super) fn last_below(&self, level: u32) -> u64 {
        let (bucket, is_inside) = bucket(level);
        let (mut at, mut last) = (bucket + usize::from(is_inside), 0);
        while at > 0 {
            last = last.max(self.last[at - 1].load(Ordering::Relaxed));
            at &= at - 1;
        }
        last
    }
}

/// See the head of this file.
///
/// Who submits something small, and who runs that, need two lines of a processor's cache, which have to be fetched from one to the other: the
/// first with what its record needs, the second with its content.
#[repr(C)]
pub(crate) struct Submission {
    /// That of its page, or, if it `owns_code`, its own: from an `Arc`.
    code: *const Code,
    cold: *const Cold,
    /// Belongs to who has its job until it has begun and to who ends it; in between workers read it.
    memory: UnsafeCell<Memory>,
    pub(super) function: u32,
    state: AtomicU8,
    owns_code: bool,
    /// Nobody waits for it who is no background work.
    in_background: AtomicBool,
    /// Whether what is cold is as new no more.
    is_cold_used: AtomicBool,
    /// Whether retirement knows the root.
    pub(super) is_linked: AtomicBool,
    pub(super) stopping: AtomicBool,
    /// An entry has failed or decided, or it is stopped.
    pub(super) has_failed: AtomicBool,
    /// As `memory`, but nobody reads it in between; after the end it is under the lock of `inside`.
    content: UnsafeCell<Content>,
}

#[cfg(all(target_pointer_width = "64", not(modelled)))]
const _: () = assert!(std::mem::offset_of!(Submission, content) == 48 && size_of::<Submission>() == 112);

impl Drop for Submission {
    fn drop(&mut self) {
        if self.owns_code {
            // A result that nobody has taken may be one of the code's constants.
            *self.content.get_mut() = Content::Taken;
            // SAFETY: `new` has made it of a count, which is not used again.
            drop(unsafe { Arc::from_raw(self.code) });
        }
    }
}

pub(super) fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

// SAFETY: what is not locked or atomic is used as its fields say.
unsafe impl Send for Submission {}
// SAFETY: as above.
unsafe impl Sync for Submission {}

impl Submission {
    /// One that nobody has taken on yet, on a page that has its code, or with a count of its own.
    ///
    /// # Safety
    /// `cold` is as new, and its own as long as it lives.
    #[inline(always)]
    pub(super) unsafe fn new(order: &mut Order, code: *const Code, owns_code: bool, cold: *const Cold) -> Submission {
        let has_world = order.world.is_some();
        if has_world {
            // SAFETY: the caller's.
            *lock(unsafe { &(*cold).world }) = order.world.take();
        }
        let (function, priority) = (order.function, order.priority);
        let memory = std::mem::replace(&mut order.memory, Memory::Own(0));
        Submission {
            code,
            cold,
            memory: UnsafeCell::new(memory),
            function,
            has_failed: AtomicBool::new(false),
            state: AtomicU8::new(RUNNING),
            owns_code,
            in_background: AtomicBool::new(priority == Priority::Background),
            is_cold_used: AtomicBool::new(has_world),
            is_linked: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            content: UnsafeCell::new(Content::Args(std::mem::take(&mut order.args))),
        }
    }

    /// Whether there is nothing in it to be dropped, and what is cold is as new.
    #[inline]
    pub(super) fn holds_nothing(&mut self) -> bool {
        let has_content = match self.content.get_mut() {
            Content::Taken => false,
            Content::Args(args) => args.scalars().is_none(),
            Content::Lent(_) | Content::Gave(_) | Content::Failed(_) => true,
        };
        !has_content
            && !self.owns_code
            && !self.is_cold_used.load(Ordering::Relaxed)
            && matches!(self.memory.get_mut(), Memory::Own(_))
    }

    /// What is cold, to be changed.
    fn cold(&self) -> &Cold {
        self.is_cold_used.store(true, Ordering::Relaxed);
        self.seen_cold()
    }

    /// What is cold, to be looked at.
    fn seen_cold(&self) -> &Cold {
        // SAFETY: who made it has said so.
        unsafe { &*self.cold }
    }

    /// What is cold, if that is as new no more.
    pub(super) fn used_cold(&mut self) -> Option<*mut Cold> {
        self.is_cold_used.load(Ordering::Relaxed).then_some(self.cold.cast_mut())
    }

    /// What its lock of retirement guards.
    pub(super) fn retirement(&self) -> MutexGuard<'_, Retirement> {
        lock(&self.cold().retirement)
    }

    /// Bytes of output that is held, to be counted.
    pub(super) fn held(&self) -> &AtomicU64 {
        &self.cold().held
    }

    /// The same, to be looked at.
    #[inline]
    pub(super) fn seen_held(&self) -> &AtomicU64 {
        &self.seen_cold().held
    }

    /// Runs that wait for their turn, to be counted.
    pub(super) fn waiting(&self) -> &AtomicU64 {
        &self.cold().waiting
    }

    /// An entry failed, in a frame of that level if it is in one.
    pub(super) fn note_failure(&self, level: Option<u32>) {
        if let Some(level) = level {
            self.cold().failures_by_level.get_or_init(Box::default).note(level);
        }
        self.has_failed.store(true, Ordering::SeqCst);
    }

    /// How many entries of frames have failed: their levels are noted.
    pub(super) fn failures(&self) -> u64 {
        let by_level = self.has_failed.load(Ordering::Acquire).then(|| self.seen_cold().failures_by_level.get());
        by_level.flatten().map_or(0, |by_level| by_level.count.load(Ordering::Acquire))
    }

    /// The last failure above that level, counted from 1; 0: there is none.
    pub(super) fn last_failure_above(&self, level: u32) -> u64 {
        self.seen_cold().failures_by_level.get().map_or(0, |by_level| by_level.last_below(level))
    }

    /// Whether there are any, at some moment.
    pub(super) fn has_waiting(&self) -> bool {
        self.seen_cold().waiting.load(Ordering::SeqCst) > 0
    }

    /// Lets a worker's heap go on with its memory; what has not begun and has none gets it now.
    ///
    /// # Safety
    /// The caller has a job of it, the only one if it has none.
    pub(super) unsafe fn lend_memory(&self, heap: &mut Heap) {
        // SAFETY: the caller's.
        unsafe {
            match &*self.memory.get() {
                Memory::Own(limit) => heap.begin(*limit),
                Memory::Of(budget) => heap.switch(budget),
                Memory::Kept(budgets) => heap.switch(&budgets[0]),
            }
        }
    }

    /// Others may get jobs of it from now on: what was the memory of its worker alone is its own.
    ///
    /// # Safety
    /// The caller has the only job of it, and `heap` was lent its memory.
    pub(super) unsafe fn share_memory(&self, heap: &Heap) {
        // SAFETY: the caller's.
        unsafe {
            if let Memory::Own(_) = &*self.memory.get() {
                *self.memory.get() = Memory::Of(heap.budget().clone());
            }
        }
    }

    /// What it is passed, if nothing keeps its worker from running it at once in that much memory: it has not failed, and has been passed
    /// scalars only.
    ///
    /// # Safety
    /// The caller has its job, and it has not begun.
    #[inline]
    pub(super) unsafe fn scalars(&self, memory: usize) -> Option<&[u64]> {
        // SAFETY: the caller's.
        let (own, content) = unsafe { (&*self.memory.get(), &*self.content.get()) };
        match (own, content) {
            (&Memory::Own(limit), Content::Args(args)) if limit >= memory as u64 => {
                let is_plain = !self.has_failed.load(Ordering::Acquire) && !self.is_cold_used.load(Ordering::Relaxed);
                args.scalars().filter(|_| is_plain)
            }
            _ => None,
        }
    }

    /// It has been run at once, and gives these scalars.
    ///
    /// # Safety
    /// As for `scalars`, which gave some.
    #[inline]
    pub(super) unsafe fn give(&self, result: &[u64]) {
        // SAFETY: the caller's.
        unsafe { *self.content.get() = Content::Gave(Returned::of_scalars(result)) };
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
    /// `of` is from a ticket. The caller has the submission's job, and the entry, to which nobody else refers before [`Submission::end`].
    pub(super) unsafe fn begin(of: *const Submission, root: *mut Entry) -> Result<(), Stop> {
        // SAFETY: the caller's.
        unsafe {
            let (code, function) = ((*of).code(), (*of).function);
            let info = &code.functions[function as usize];
            let program = code.program();
            let params = &program.functions[function as usize].params;
            let content = (*of).content.get();
            let Content::Args(args) = &mut *content else { unreachable!("it begins once") };
            assert_eq!(args.count(), params.len(), "one argument for each parameter");
            Entry::reset(root, 0, std::ptr::null_mut(), Kind::Call, info.boundary);
            (*root).root = of;
            (*root).code = code.entry(function);
            (*root).oldest.set(true);
            for register in 0..info.results {
                *(*root).args.add(register) = 0;
            }
            let lent = Kept::pass(&program.types, params, args, (*root).args.add(info.results));
            let (lent, result) = lent.map_or_else(|stop| (Lent::new(), Err(stop)), |lent| (lent, Ok(())));
            *content = Content::Lent(lent);
            if result.is_ok() {
                Entry::arm(root);
            }
            result
        }
    }

    /// Its root has completed, and is the caller's again. Nobody is told yet. What it gave is kept if it `is_asked` for.
    ///
    /// # Safety
    /// As for `begin`, of which it is the root; the caller has run it, and its heap has the memory.
    pub(super) unsafe fn end(&self, root: *mut Entry, heap: &Heap, is_asked: bool) {
        if self.is_linked.load(Ordering::Relaxed) {
            // Who has linked something is done, and the caller knows it.
            self.retirement().root = std::ptr::null_mut();
        }
        // SAFETY: the caller's.
        unsafe {
            let content = self.content.get();
            let Content::Lent(lent) = &mut *content else { unreachable!("it has begun, and ends once") };
            let lent = std::mem::take(lent);
            let memory = std::mem::replace(&mut *self.memory.get(), Memory::Own(0));
            let owns = |&(_, owns): &(u16, bool)| owns;
            *content = match (*root).status {
                Status::Good
                    if !is_asked && !self.code().functions[self.function as usize].returned.iter().any(owns) =>
                {
                    Content::Taken
                }
                Status::Good => {
                    let keeper = match &memory {
                        Memory::Of(budget) => budget,
                        Memory::Kept(budgets) => &budgets[1],
                        Memory::Own(_) => heap.budget(),
                    };
                    Content::Gave(Returned::collect(self.code(), self.function, (*root).args, lent, keeper))
                }
                Status::Failed | Status::Squashed => Content::Failed((*root).failure.take()),
            };
        }
    }

    /// Uses the world, alone. A panic is a trap.
    ///
    /// # Errors
    /// Those of `body`.
    pub(crate) fn with_world<R>(&self, body: impl FnOnce(&mut dyn World) -> Result<R, Fault>) -> Result<R, Fault> {
        match try_world(&mut lock(&self.seen_cold().world), body) {
            Ok(Err(Fault::Wait | Fault::Await | Fault::Decided)) => {
                Err(Fault::trap(TrapCode::HostFailed, "a world does not tell the machine to wait"))
            }
            Ok(result) => result,
            Err(payload) => Err(Fault::panicked(&*payload)),
        }
    }

    /// The same to write something, perhaps long after it was printed. If that panics, nothing is written any more.
    ///
    /// # Errors
    /// A stop, whatever happened.
    pub(super) fn print(&self, body: impl FnOnce(&mut dyn World) -> Result<(), Fault>) -> Result<(), Stop> {
        let failed = |why: String| Stop::OutputFailed(why);
        let mut world = lock(&self.seen_cold().world);
        match try_world(&mut world, body) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Fault::Stop(stop))) => Err(stop),
            Ok(Err(Fault::Trap(code, values))) if values.is_empty() => Err(failed(code.title().to_owned())),
            Ok(Err(Fault::Trap(code, values))) => Err(failed(format!("{}: {values}", code.title()))),
            Ok(Err(Fault::Exit(_) | Fault::Wait | Fault::Await | Fault::Decided)) => {
                Err(failed("it was refused".to_owned()))
            }
            Err(payload) => {
                leave(&mut world);
                Err(failed(unwritten(&*payload)))
            }
        }
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
        self.seen_held().load(Ordering::Relaxed) != 0 || self.has_waiting()
    }

    /// Stops it, if it has not been stopped before; whether it has not.
    pub(super) fn note_stop(&self, stop: Stop) -> bool {
        let mut inside = lock(&self.cold().inside);
        if inside.stop.is_some() {
            return false;
        }
        inside.stop = Some(Box::new(stop));
        self.stopping.store(true, Ordering::SeqCst);
        self.has_failed.store(true, Ordering::SeqCst);
        true
    }

    /// The program.
    #[inline]
    pub(crate) fn code(&self) -> &Code {
        // SAFETY: its page or itself has a count of it.
        unsafe { &*self.code }
    }

    /// A count of it.
    pub(super) fn share_code(&self) -> Arc<Code> {
        // SAFETY: as above.
        unsafe {
            Arc::increment_strong_count(self.code);
            Arc::from_raw(self.code)
        }
    }

    /// The function that it calls, by index.
    pub(crate) fn function(&self) -> u32 {
        self.function
    }

    /// No machine takes it on any more: it ends as if it had been squashed.
    ///
    /// # Safety
    /// It has not been taken on, and the caller would have done so.
    pub(super) unsafe fn refuse(&self) {
        // SAFETY: the caller's.
        drop(std::mem::replace(unsafe { &mut *self.content.get() }, Content::Failed(None)));
        self.announce(|| ());
    }

    /// Whether somebody has asked to be told when it has ended.
    pub(super) fn is_watched(&self) -> bool {
        self.state.load(Ordering::Relaxed) == WATCHED
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.state.load(Ordering::Acquire) == ENDED
    }

    /// Lets that waker know when it has ended; `false` if it has.
    pub(crate) fn watch(&self, waker: &Waker) -> bool {
        let mut inside = lock(&self.cold().inside);
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
    pub(super) fn announce(&self, before: impl FnOnce()) {
        if self.state.swap(ENDED, Ordering::AcqRel) == WATCHED {
            before();
            // Whoever watches has the lock until it is on the list.
            let watchers = std::mem::take(&mut lock(&self.cold().inside).watchers);
            for watcher in watchers {
                // Its panic is its owner's, and has been shown.
                let _ = catch_unwind(AssertUnwindSafe(|| watcher.wake()));
            }
        }
    }

    /// How it ended.
    ///
    /// # Panics
    /// If it has not.
    pub(crate) fn outcome(&self) -> Outcome {
        assert!(self.has_ended(), "it is asked how it ended before it did");
        let inside = lock(&self.seen_cold().inside);
        // SAFETY: it has ended, and the lock is held.
        match (&inside.stop, unsafe { &*self.content.get() }) {
            (Some(stop), _) => Outcome::Stop(Stop::clone(stop)),
            (None, Content::Failed(Some(failure))) => Outcome::of(Failure::clone(failure)),
            // The machine was told to end.
            (None, Content::Failed(None)) => Outcome::Stop(Stop::Interrupted),
            (None, _) => Outcome::Done,
        }
    }

    /// What it gives, if it ended well and nobody has taken that before.
    pub(crate) fn take(&self) -> Option<Returned> {
        if !self.has_ended() {
            return None;
        }
        let _inside = lock(&self.seen_cold().inside);
        // SAFETY: it has ended, and the lock is held.
        let content = unsafe { &mut *self.content.get() };
        match std::mem::replace(content, Content::Taken) {
            Content::Gave(returned) => Some(returned),
            other => {
                *content = other;
                None
            }
        }
    }
}

#[cfg(all(test, not(modelled)))]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_each_other() {
        let (mut last, mut first_of_last) = (0, 0);
        for level in (0..5000).chain((0..19).map(|shift| u32::MAX >> shift).rev()) {
            let (bucket, is_inside) = bucket(level);
            assert!(bucket < BUCKETS && bucket >= last, "{level}");
            if bucket > last {
                (last, first_of_last) = (bucket, level);
            }
            assert!(level >= 5000 || is_inside == (level > first_of_last), "{level}");
        }
    }

    #[test]
    fn failures_further_up_are_found() {
        let all = FailuresByLevel::default();
        let levels = [4000, 7, 90, 63, 64, 4000, 70_000, 12];
        for (number, &level) in (1..).zip(&levels) {
            all.note(level);
            assert_eq!(all.count.load(Ordering::Relaxed), number);
            for asked in [0, 1, 7, 8, 12, 13, 63, 64, 65, 90, 92, 3900, 4032, 70_000, 80_000, u32::MAX] {
                let above = |width: u32| {
                    let is_above = |&(_, &level): &(u64, &u32)| level < asked.saturating_add(width);
                    (1..).zip(&levels[..number as usize]).filter(is_above).map(|(number, _)| number).max().unwrap_or(0)
                };
                let found = all.last_below(asked);
                assert!(found >= above(0) && found <= above(asked / 32), "{asked} after {number}: {found}");
            }
        }
    }
}
