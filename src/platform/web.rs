//! Workers of a web page, or of Node, as threads over one shared memory.
//!
//! A page's script starts workers, and each enters [`serve`] and stays there: it is a thread that runs one body after the other.
//! [`spawn`] hands a body to one that is free, so the script sees to it that there are enough. A page's main thread must not
//! wait, and therefore never enters this crate at all. What `os` does with threads of the system alone is not to be had: a
//! page's script is its own alarm, and raises a run's `Interrupt`.
//!
//! A thread that is in [`serve`] hears no messages. [`call_out`] lets all of them return to their scripts, those that run a body when that
//! ends, or takes a rest ([`spawn_turns`]); they come back when they have heard what there is to hear, which is counted.
//!
//! Invariant: as many threads as the pool counts as free are in [`serve`] without a body, or on their way there.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Platform;
use super::os::Turn;

#[link(wasm_import_module = "tgvm")]
unsafe extern "C" {
    /// Milliseconds since the script started the first thread, on any thread.
    safe fn now() -> f64;
    /// How many threads run at a time.
    safe fn processors() -> u32;
}

/// Sleeps while the word is `expected`: until somebody notifies it, or so many nanoseconds have passed, if not negative.
///
/// A leaf of its own with nothing live after the instruction: the baseline compiler of V8 before version 12 overwrites a local
/// across it.
#[inline(never)]
fn wait_leaf(word: &AtomicI32, expected: i32, nanoseconds: i64) {
    // SAFETY: the word is aligned, and in this memory.
    unsafe { core::arch::wasm32::memory_atomic_wait32(word.as_ptr(), expected, nanoseconds) };
}

fn notify_some(word: &AtomicI32, most: u32) {
    // SAFETY: as above.
    unsafe { core::arch::wasm32::memory_atomic_notify(word.as_ptr(), most) };
}

/// Sleeps while the word is `expected`, until somebody notifies it.
pub fn wait(word: &AtomicI32, expected: i32) {
    wait_leaf(word, expected, -1);
}

/// Wakes all that wait for the word, scripts included.
pub fn notify(word: &AtomicI32) {
    notify_some(word, u32::MAX);
}

/// Seconds since the script started the first thread.
pub fn seconds() -> f64 {
    nanoseconds() as f64 / 1e9
}

/// Nanoseconds since the script started the first thread; they never go back, though every thread has a clock of its own.
fn nanoseconds() -> u64 {
    static LATEST: AtomicU64 = AtomicU64::new(0);
    let now = (now() * 1e6) as u64;
    LATEST.fetch_max(now, Ordering::Relaxed).max(now)
}

/// A moment, as [`std::time::Instant`], which there is none of here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Instant(Duration);

impl Instant {
    pub(crate) fn now() -> Instant {
        Instant(Duration::from_nanos(nanoseconds()))
    }

    pub(crate) fn checked_add(self, time: Duration) -> Option<Instant> {
        self.0.checked_add(time).map(Instant)
    }

    pub(crate) fn checked_duration_since(self, earlier: Instant) -> Option<Duration> {
        self.0.checked_sub(earlier.0)
    }

    pub(crate) fn saturating_duration_since(self, earlier: Instant) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Threads of a page as a machine's workers.
pub struct Threads(Box<[Seat]>);

/// Whether its thread sleeps.
#[derive(Default)]
#[repr(align(64))]
struct Seat(AtomicI32);

const ASLEEP: i32 = -1;
const AWAKE: i32 = 0;
/// The next sleep ends at once.
const WOKEN: i32 = 1;

impl Threads {
    /// For so many workers, and the caller.
    pub fn new(workers: usize) -> Threads {
        Threads((0..=workers).map(|_| Seat::default()).collect())
    }
}

impl Platform for Threads {
    fn park(&self, worker: usize, at_most: Option<Duration>) {
        let Seat(word) = &self.0[worker];
        if word.fetch_sub(1, Ordering::SeqCst) == WOKEN {
            return;
        }
        wait_leaf(word, ASLEEP, at_most.map_or(-1, |time| i64::try_from(time.as_nanos()).unwrap_or(-1)));
        word.store(AWAKE, Ordering::SeqCst);
    }

    fn unpark(&self, worker: usize) {
        let Seat(word) = &self.0[worker];
        if word.swap(WOKEN, Ordering::SeqCst) == ASLEEP {
            notify_some(word, 1);
        }
    }

    fn processors(&self) -> usize {
        processors() as usize
    }

    fn now(&self) -> u64 {
        nanoseconds()
    }
}

type Body = Box<dyn FnOnce() + Send>;

/// What threads find to do.
#[derive(Default)]
struct Pool {
    bodies: VecDeque<Body>,
    free: usize,
    /// How many messages threads have to have heard before they take a body.
    heard: u32,
}

static POOL: Mutex<Pool> = Mutex::new(Pool { bodies: VecDeque::new(), free: 0, heard: 0 });
static HANDED_OVER: Condvar = Condvar::new();

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// So many more threads are about to enter [`serve`]; what is started on them waits for them.
pub fn expect(count: usize) {
    lock(&POOL).free += count;
}

/// Lets threads leave [`serve`] that have not heard so many messages.
pub fn call_out(heard: u32) {
    lock(&POOL).heard = heard;
    HANDED_OVER.notify_all();
}

/// Runs what [`spawn`] hands over: what each thread but the first enters, when it has heard so many messages. Returns when it has to hear
/// more: how many.
pub fn serve(heard: u32) -> u32 {
    loop {
        let mut pool = lock(&POOL);
        let body = loop {
            if pool.heard > heard {
                return pool.heard;
            }
            match pool.bodies.pop_front() {
                Some(body) => break body,
                None => pool = HANDED_OVER.wait(pool).unwrap_or_else(PoisonError::into_inner),
            }
        };
        drop(pool);
        body();
    }
}

/// How many bodies could be started now.
pub fn free() -> usize {
    lock(&POOL).free
}

/// What a thread gives when it is done.
struct Packet<T> {
    value: Mutex<Option<T>>,
    is_there: Condvar,
}

impl<T> Packet<T> {
    fn give(&self, value: T) {
        *lock(&self.value) = Some(value);
        self.is_there.notify_all();
    }
}

/// A thread that has been started.
pub(crate) struct JoinHandle<T>(Arc<Packet<T>>);

impl<T> JoinHandle<T> {
    /// Waits until it is done. A panic ends all threads, so this is never an error.
    pub(crate) fn join(self) -> std::thread::Result<T> {
        let mut value = lock(&self.0.value);
        loop {
            match value.take() {
                Some(value) => return Ok(value),
                None => value = self.0.is_there.wait(value).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

/// Starts a body on a thread that is free. Names are for systems that show them.
///
/// # Errors
/// No thread is free.
pub(crate) fn spawn<T: Send + 'static>(
    _: String,
    body: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    let packet = Arc::new(Packet { value: Mutex::new(None), is_there: Condvar::new() });
    let given = packet.clone();
    start(body, move |value| given.give(value))?;
    Ok(JoinHandle(packet))
}

/// Starts a body that takes turns, each with what the one before it left, and each on a thread that is free.
///
/// # Errors
/// No thread is free.
pub(crate) fn spawn_turns<S: Send + 'static, T: Send + 'static>(
    _: String,
    state: S,
    turn: impl Fn(S) -> Turn<S, T> + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    let packet = Arc::new(Packet { value: Mutex::new(None), is_there: Condvar::new() });
    let mut pool = lock(&POOL);
    if pool.free == 0 {
        return Err(none_is_free());
    }
    pool.free -= 1;
    pool.bodies.push_back(turns(state, turn, packet.clone()));
    drop(pool);
    HANDED_OVER.notify_one();
    Ok(JoinHandle(packet))
}

/// The body of one turn.
fn turns<S: Send + 'static, T: Send + 'static>(
    state: S,
    turn: impl Fn(S) -> Turn<S, T> + Send + 'static,
    packet: Arc<Packet<T>>,
) -> Body {
    Box::new(move || match turn(state) {
        Turn::Next(state) => {
            // Its thread is free instead.
            lock(&POOL).bodies.push_back(turns(state, turn, packet));
            HANDED_OVER.notify_one();
        }
        Turn::Last(value) => {
            lock(&POOL).free += 1;
            packet.give(value);
        }
    })
}

fn none_is_free() -> io::Error {
    io::Error::new(io::ErrorKind::WouldBlock, "none of the page's workers is free")
}

/// Starts a body on a thread that is free, which calls `then` with what it gives as soon as it counts as free again.
///
/// # Errors
/// No thread is free.
pub fn start<T>(body: impl FnOnce() -> T + Send + 'static, then: impl FnOnce(T) + Send + 'static) -> io::Result<()> {
    let mut pool = lock(&POOL);
    if pool.free == 0 {
        return Err(none_is_free());
    }
    pool.free -= 1;
    pool.bodies.push_back(Box::new(move || {
        let value = body();
        lock(&POOL).free += 1;
        then(value);
    }));
    drop(pool);
    HANDED_OVER.notify_one();
    Ok(())
}
