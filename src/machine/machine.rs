//! What the workers of a run share.

use std::cell::UnsafeCell;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::code::Code;
use super::deque::{Deque, Owner, Thief};
use super::engine::Outcome;
use super::frame::Segments;
use super::host_call::{HostTable, World};
use super::interrupt::{CHECK, HUNGRY, Interrupt, Stop, TICK};
use super::memory::Budget;
use super::recorder::Recorder;
use super::retire::Retirement;
use super::scoreboard::{Board, NO_SQUASH, before};
use super::sleep::{Injector, Sleepers};
use super::station::{Entry, Status};
use super::trap::Failure;
use super::worker::Job;
use crate::platform::Platform;
use crate::platform::sync::{AtomicBool, AtomicU32, AtomicU64, Mutex, MutexGuard, Set, checked_seq_cst};

/// When calls are issued out of order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Issue {
    /// When a worker has nothing to do.
    #[default]
    Lazy,
    /// Whenever they can be.
    Eager,
    /// Never.
    InOrder,
}

/// What others see of a worker.
#[repr(align(128))]
pub(super) struct Seat {
    pub(super) interrupt: Interrupt,
    pub(super) thief: <Deque<Job> as Owner<Job>>::Thief,
}

/// When frames of a function may be promoted again.
#[derive(Default)]
pub(super) struct BackOff {
    /// Nanoseconds.
    until: AtomicU64,
    wait: AtomicU64,
}

/// Nanoseconds of the first back-off, and of the longest.
const SHORTEST: u64 = 10_000;
const LONGEST: u64 = 100_000_000;

/// How long the heart rests between two beats, at first and at most.
const FIRST_NAP: Duration = Duration::from_micros(200);
const LAST_NAP: Duration = Duration::from_millis(10);

/// Held output past which work that prints waits for its turn.
pub(super) const HELD: u64 = 16 << 20;

pub(super) struct Machine {
    pub(super) code: Arc<Code>,
    pub(super) host: &'static HostTable,
    pub(super) budget: Arc<Budget>,
    pub(super) segments: Arc<Segments>,
    pub(super) issue: Issue,
    pub(super) window: u32,
    pub(super) count: bool,
    /// Every poll is a step of the simulator.
    pub(super) simulated: bool,
    pub(super) platform: Arc<dyn Platform>,
    pub(super) seats: Box<[Seat]>,
    world: Mutex<UnsafeCell<*mut (dyn World + 'static)>>,
    /// What stops the run from outside.
    pub(super) outside: Interrupt,
    pub(super) root: *mut Entry,
    injector: Injector<Job>,
    sleepers: Sleepers,
    pub(super) searching: AtomicU32,
    pub(super) done: AtomicBool,
    retirement: Mutex<Retirement>,
    /// Bytes of output that is held.
    pub(super) held: AtomicU64,
    /// Runs that wait for their turn.
    pub(super) waiting: AtomicU64,
    /// Entries that failed so far, and 1 if the run stops.
    failures: AtomicU64,
    stopping: AtomicBool,
    stop: Mutex<Option<Stop>>,
    pub(super) back_offs: Box<[BackOff]>,
    pub(super) promotions: AtomicU64,
    pub(super) recorder: Option<Arc<Recorder>>,
}

// SAFETY: the world is used under its lock, by one worker at a time, and is `Send`; `root` is freed after the workers have
// ended; all else is made for sharing.
unsafe impl Send for Machine {}
// SAFETY: as above.
unsafe impl Sync for Machine {}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a machine is made with.
pub(super) struct Parts {
    pub(super) code: Arc<Code>,
    pub(super) host: &'static HostTable,
    pub(super) budget: Arc<Budget>,
    pub(super) segments: Arc<Segments>,
    pub(super) issue: Issue,
    pub(super) window: u32,
    pub(super) count: bool,
    pub(super) simulated: bool,
    pub(super) platform: Arc<dyn Platform>,
    pub(super) outside: Interrupt,
    pub(super) recorder: Option<Arc<Recorder>>,
}

impl Machine {
    /// A machine for workers with these deques.
    ///
    /// # Safety
    /// The machine is dropped before `world` is used elsewhere.
    pub(super) unsafe fn new(parts: Parts, deques: &[Deque<Job>], world: &mut dyn World) -> Machine {
        let Parts { code, host, budget, segments, issue, window, count, simulated, platform, outside, recorder } =
            parts;
        let seats = deques.iter().map(|deque| Seat { interrupt: Interrupt::new(), thief: deque.thief() }).collect();
        let root = Box::into_raw(Entry::new());
        // SAFETY: fresh.
        unsafe {
            Entry::reset(root, 0, std::ptr::null_mut(), super::station::Kind::Call, 0);
            (*root).code = code.entry(code.program().main);
            (*root).oldest.set(true);
            Entry::arm(root);
        }
        let back_offs = code.functions.iter().map(|_| BackOff::default()).collect();
        let world: *mut (dyn World + '_) = world;
        Machine {
            code,
            host,
            budget,
            segments,
            issue,
            window,
            count,
            simulated,
            platform,
            seats,
            // SAFETY: only the lifetime changes, and the caller answers for it.
            world: Mutex::new(UnsafeCell::new(unsafe {
                std::mem::transmute::<*mut (dyn World + '_), *mut (dyn World + 'static)>(world)
            })),
            outside,
            root,
            injector: Injector::new(),
            sleepers: Sleepers::new(),
            searching: AtomicU32::new(0),
            done: AtomicBool::new(false),
            retirement: Mutex::default(),
            held: AtomicU64::new(0),
            waiting: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            stop: Mutex::default(),
            back_offs,
            promotions: AtomicU64::new(0),
            recorder,
        }
    }

    /// Uses the world, alone.
    pub(super) fn with_world<R>(&self, body: impl FnOnce(&mut dyn World) -> R) -> R {
        let guard = lock(&self.world);
        // SAFETY: the lock is held, and the world lives, by the promise of `new`.
        body(unsafe { &mut **guard.get() })
    }

    pub(super) fn retirement(&self) -> MutexGuard<'_, Retirement> {
        lock(&self.retirement)
    }

    /// Puts a job where any worker finds it.
    pub(super) fn inject(&self, job: Job) {
        self.injector.push(job);
        self.wake_one();
    }

    /// Takes the first such job.
    pub(super) fn take_injected(&self) -> Option<Job> {
        self.injector.take()
    }

    /// Whether a worker would find something to do.
    pub(super) fn has_work(&self) -> bool {
        self.injector.has_some() || self.seats.iter().any(|seat| !seat.thief.has_none())
    }

    /// Whether some worker has nothing to do.
    pub(super) fn is_hungry(&self) -> bool {
        self.searching.load(Ordering::Relaxed) > 0 || self.sleepers.any()
    }

    /// Lets worker `index` sleep until somebody wakes it, unless there is something to do.
    pub(super) fn sleep(&self, index: usize) {
        self.sleepers.sleep(&*self.platform, index, || self.has_work() || self.done.load(Ordering::SeqCst));
    }

    /// Wakes one of those that sleep.
    #[inline]
    pub(super) fn wake_one(&self) {
        self.sleepers.wake_one(&*self.platform);
    }

    /// Raises bits of every worker's poll word.
    pub(super) fn raise_all(&self, bits: u32) {
        self.seats.iter().for_each(|seat| seat.interrupt.raise(bits));
    }

    /// What has to be done now and then: `passed` nanoseconds have passed since the last time that a tick was due.
    pub(super) fn heartbeat(&self, tick: bool) {
        let stops = self.outside.stops();
        if stops != 0 {
            self.raise_all(stops);
        }
        if self.sleepers.any() {
            if self.has_work() {
                self.wake_one();
            }
            self.raise_all(HUNGRY);
        }
        if tick {
            self.raise_all(TICK);
        }
    }

    /// Beats the heart until the run is over: on the thread that is no worker's.
    pub(super) fn beat(&self) {
        self.platform.enter(self.seats.len());
        let mut nap = FIRST_NAP;
        let mut since = Duration::ZERO;
        let mut promotions = 0;
        while !self.done.load(Ordering::Acquire) {
            self.platform.park(self.seats.len(), Some(nap));
            since += nap;
            let tick = since >= LAST_NAP;
            if tick {
                since = Duration::ZERO;
            }
            self.heartbeat(tick);
            let now = self.promotions.load(Ordering::Relaxed);
            nap = if now == promotions { (nap * 2).min(LAST_NAP) } else { FIRST_NAP };
            promotions = now;
        }
        self.platform.leave(self.seats.len());
    }

    /// How the run ended, after the workers have.
    pub(super) fn outcome(&self) -> Outcome {
        if let Some(stop) = self.stopped() {
            return Outcome::Stop(stop);
        }
        // SAFETY: no worker runs any more.
        match unsafe { (*self.root).failure.take() } {
            Some(failure) => Outcome::of(*failure),
            None => Outcome::Done,
        }
    }

    /// Ends the run: everybody sleeps no more.
    pub(super) fn finish(&self) {
        self.done.store(true, Ordering::SeqCst);
        (0..=self.seats.len()).for_each(|worker| self.platform.unpark(worker));
    }

    /// Stops the run, if it has not been stopped before.
    pub(super) fn stop(&self, stop: Stop) {
        let mut first = lock(&self.stop);
        if first.is_none() {
            *first = Some(stop);
            self.stopping.store(true, Ordering::SeqCst);
            self.failures.fetch_add(1, Ordering::SeqCst);
            self.raise_all(CHECK);
        }
    }

    pub(super) fn stopped(&self) -> Option<Stop> {
        lock(&self.stop).clone()
    }

    /// Whether what an entry does will never be seen.
    ///
    /// # Safety
    /// The entry has not completed.
    pub(super) unsafe fn is_squashed(&self, entry: *mut Entry) -> bool {
        if self.failures.load(Ordering::Acquire) == 0 {
            return false;
        }
        if self.stopping.load(Ordering::Acquire) {
            return true;
        }
        let mut entry = entry;
        // SAFETY: an entry that has not completed has a live frame, whose entry has not completed.
        unsafe {
            loop {
                let board: *mut Board = (*entry).board;
                if board.is_null() {
                    return false;
                }
                if (*board).squashes((*entry).seq) {
                    return true;
                }
                entry = (*board).entry;
            }
        }
    }

    /// Notes that an entry failed: what is younger in its frame is squashed.
    ///
    /// # Safety
    /// The caller runs the entry.
    pub(super) unsafe fn fail(&self, entry: *mut Entry, failure: Failure) {
        // SAFETY: the caller's.
        unsafe {
            (*entry).status = Status::Failed;
            (*entry).failure = Some(Box::new(failure));
            let board = (*entry).board;
            if !board.is_null() {
                let from = (*entry).seq.wrapping_add(1);
                let squash = &(*board).squash;
                let mut now = squash.load(Ordering::Acquire);
                while now == NO_SQUASH || before(from, now) {
                    match squash.compare_exchange_weak(now, from, Ordering::AcqRel, Ordering::Acquire) {
                        Ok(_) => break,
                        Err(other) => now = other,
                    }
                }
            }
        }
        self.failures.fetch_add(1, Ordering::SeqCst);
        self.raise_all(CHECK);
        checked_seq_cst();
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.retire();
        }
    }

    /// Whether frames of that function may be promoted.
    pub(super) fn may_promote(&self, function: u32) -> bool {
        let until = self.back_offs[function as usize].until.load(Ordering::Relaxed);
        until == 0 || self.platform.now() >= until
    }

    /// A promotion of the function brought nothing: it has to wait, twice as long each time.
    pub(super) fn back_off(&self, function: u32) {
        let back_off = &self.back_offs[function as usize];
        let wait = (back_off.wait.load(Ordering::Relaxed) * 2).clamp(SHORTEST, LONGEST);
        back_off.wait.store(wait, Ordering::Relaxed);
        back_off.until.store(self.platform.now() + wait, Ordering::Relaxed);
    }

    /// It may be promoted at once.
    pub(super) fn lift(&self, function: u32) {
        let back_off = &self.back_offs[function as usize];
        if back_off.until.load(Ordering::Relaxed) != 0 {
            back_off.until.store(0, Ordering::Relaxed);
            back_off.wait.store(0, Ordering::Relaxed);
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // SAFETY: from `Box::into_raw` in `new`; no worker runs any more.
        drop(unsafe { Box::from_raw(self.root) });
    }
}
