//! A seeded simulator: workers of which one runs at a time, and which take turns at the steps of the machine's protocols as a
//! seed says. The same seed gives the same interleaving.
//!
//! Each worker has a thread for its stack's sake, but holds the only turn while it runs. It may lose it at each [`step`], and does
//! when it sleeps. Time is virtual: it passes with steps, and jumps when everybody sleeps.
//!
//! Invariant: exactly one worker that has entered and not left has the turn; it is the only one to run.

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Platform;

/// How many simulations are under way, so that a step costs one load where there is none.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static SEAT: RefCell<Option<(Arc<Simulator>, usize)>> = const { RefCell::new(None) };
}

/// A step of a protocol, after which another worker may go on.
#[inline(always)]
pub fn step() {
    if RUNNING.load(Ordering::Relaxed) != 0 {
        taken();
    }
}

#[cold]
fn taken() {
    SEAT.with_borrow(|seat| {
        if let Some((simulator, worker)) = seat {
            simulator.step(*worker);
        }
    });
}

/// Nanoseconds that a step takes.
const STEP: u64 = 40;

/// The workers, and whose turn it is.
pub struct Simulator {
    state: Mutex<State>,
    turns: Box<[Condvar]>,
}

struct State {
    random: u64,
    /// One in so many steps ends a turn.
    chance: u64,
    now: u64,
    turn: usize,
    seats: Box<[Seat]>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mode {
    /// Not there yet.
    Away,
    /// Not there any more.
    Gone,
    Ready,
    /// Until somebody wakes it, or the time comes.
    Asleep(Option<u64>),
}

#[derive(Clone, Copy)]
struct Seat {
    mode: Mode,
    /// Somebody woke it while it was not asleep.
    woken: bool,
}

impl State {
    fn random(&mut self) -> u64 {
        // SplitMix64.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ self.random >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// Gives the turn to one of those that are ready; to the first sleeper whose time comes, if none is.
    fn pass(&mut self) {
        let now = self.now;
        for seat in &mut self.seats {
            if matches!(seat.mode, Mode::Asleep(Some(at)) if at <= now) {
                seat.mode = Mode::Ready;
            }
        }
        let ready = self.seats.iter().filter(|seat| seat.mode == Mode::Ready).count() as u64;
        if ready == 0 {
            let times = self.seats.iter().enumerate().filter_map(|(index, seat)| match seat.mode {
                Mode::Asleep(Some(at)) => Some((at, index)),
                _ => None,
            });
            if let Some((at, index)) = times.min() {
                self.now = at;
                self.seats[index].mode = Mode::Ready;
                self.turn = index;
            }
            return;
        }
        let chosen = (self.random() % ready) as usize;
        let all = self.seats.iter().enumerate().filter(|(_, seat)| seat.mode == Mode::Ready);
        self.turn = all.map(|(index, _)| index).nth(chosen).expect("it was counted");
    }
}

impl Simulator {
    /// For so many workers, and the caller.
    pub fn new(workers: usize, seed: u64) -> Simulator {
        let seats = vec![Seat { mode: Mode::Away, woken: false }; workers + 1].into();
        let mut state = State { random: seed, chance: 1, now: 1, turn: workers, seats };
        state.chance = 1 << (1 + state.random() % 6);
        Simulator { state: Mutex::new(state), turns: (0..=workers).map(|_| Condvar::new()).collect() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&'a self, mut state: MutexGuard<'a, State>, worker: usize) -> MutexGuard<'a, State> {
        if state.turn != worker {
            self.turns[state.turn].notify_one();
        }
        while state.turn != worker {
            state = self.turns[worker].wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state
    }

    fn step(&self, worker: usize) {
        let mut state = self.state();
        state.now += STEP;
        let chance = state.chance;
        if state.random().is_multiple_of(chance) {
            state.pass();
            drop(self.wait(state, worker));
        }
    }
}

/// A simulator as a platform.
pub struct Simulated(pub Arc<Simulator>);

impl Platform for Simulated {
    fn enter(&self, worker: usize) {
        RUNNING.fetch_add(1, Ordering::Relaxed);
        SEAT.set(Some((self.0.clone(), worker)));
        let mut state = self.0.state();
        state.seats[worker].mode = Mode::Ready;
        // The first turn is the caller's, once all are there.
        let all = state.seats.iter().all(|seat| seat.mode != Mode::Away);
        if all {
            self.0.turns.iter().for_each(Condvar::notify_one);
        }
        while state.turn != worker || state.seats.iter().any(|seat| seat.mode == Mode::Away) {
            state = self.0.turns[worker].wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn leave(&self, worker: usize) {
        let mut state = self.0.state();
        state.seats[worker].mode = Mode::Gone;
        state.pass();
        self.0.turns[state.turn].notify_one();
        drop(state);
        SEAT.set(None);
        RUNNING.fetch_sub(1, Ordering::Relaxed);
    }

    fn park(&self, worker: usize, at_most: Option<Duration>) {
        let mut state = self.0.state();
        if std::mem::take(&mut state.seats[worker].woken) {
            return;
        }
        let until = at_most.map(|time| state.now + time.as_nanos() as u64);
        state.seats[worker].mode = Mode::Asleep(until);
        state.pass();
        drop(self.0.wait(state, worker));
    }

    fn unpark(&self, worker: usize) {
        let mut state = self.0.state();
        let seat = &mut state.seats[worker];
        match seat.mode {
            Mode::Asleep(_) => seat.mode = Mode::Ready,
            Mode::Ready => seat.woken = true,
            Mode::Away | Mode::Gone => {}
        }
    }

    fn now(&self) -> u64 {
        self.0.state().now
    }
}
