//! Threads and time of an operating system.

#![allow(clippy::disallowed_methods, reason = "this is where the clock is read")]

use std::sync::PoisonError;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

#[cfg(not(target_family = "wasm"))]
pub(crate) use std::thread::JoinHandle;
pub(crate) use std::time::Instant;

use super::Platform;
use super::sync::{Condvar, Mutex};

/// Threads of the operating system.
pub struct Threads {
    started: Instant,
    seats: Box<[Seat]>,
}

#[derive(Default)]
struct Seat {
    woken: Mutex<bool>,
    wake: Condvar,
}

impl Threads {
    /// For so many workers, and the caller.
    pub fn new(workers: usize) -> Threads {
        Threads { started: Instant::now(), seats: (0..=workers).map(|_| Seat::default()).collect() }
    }
}

impl Platform for Threads {
    fn park(&self, worker: usize, at_most: Option<Duration>) {
        let Seat { woken, wake } = &self.seats[worker];
        let guard = woken.lock().unwrap_or_else(PoisonError::into_inner);
        let mut guard = match at_most {
            None => wake.wait_while(guard, |woken| !*woken).unwrap_or_else(PoisonError::into_inner),
            Some(time) => {
                let waited = wake.wait_timeout_while(guard, time, |woken| !*woken);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        *guard = false;
    }

    fn unpark(&self, worker: usize) {
        let Seat { woken, wake } = &self.seats[worker];
        *woken.lock().unwrap_or_else(PoisonError::into_inner) = true;
        wake.notify_one();
    }

    fn processors(&self) -> usize {
        thread::available_parallelism().map_or(1, usize::from)
    }

    fn now(&self) -> u64 {
        self.started.elapsed().as_nanos() as u64
    }
}

/// Starts a thread.
///
/// # Errors
/// The system has no more of them.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn spawn<T: Send + 'static>(
    name: String,
    body: impl FnOnce() -> T + Send + 'static,
) -> std::io::Result<JoinHandle<T>> {
    thread::Builder::new().name(name).spawn(body)
}

/// Starts a thread that takes turns, each with what the one before it left; another thread may take the next one where threads are
/// needed elsewhere in between, which is never so here.
///
/// # Errors
/// As above.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn spawn_turns<S: Send + 'static, T: Send + 'static>(
    name: String,
    state: S,
    turn: impl Fn(S) -> Turn<S, T> + Send + 'static,
) -> std::io::Result<JoinHandle<T>> {
    spawn(name, move || {
        let mut state = state;
        loop {
            match turn(state) {
                Turn::Next(next) => state = next,
                Turn::Last(result) => return result,
            }
        }
    })
}

/// Runs `body`, and `ring` on another thread if it takes longer than `after`.
pub fn with_alarm<R>(after: Duration, ring: impl FnOnce() + Send, body: impl FnOnce() -> R) -> R {
    thread::scope(|scope| {
        // Dropped when `body` is done, even if it panics.
        let (_running, done) = channel::<()>();
        scope.spawn(move || {
            if done.recv_timeout(after) == Err(RecvTimeoutError::Timeout) {
                ring();
            }
        });
        body()
    })
}

/// What comes after a turn.
pub enum Turn<S, R> {
    /// Another one, of another thread perhaps, with that state.
    Next(S),
    /// The result.
    Last(R),
}

/// Takes turns on two threads, each with what `local` gave it, until one is the last.
pub fn alternate<S: Send, L, R: Send>(
    state: S,
    local: impl Fn() -> L + Sync,
    turn: impl Fn(&mut L, S) -> Turn<S, R> + Sync,
) -> R {
    let ((to_first, first), (to_second, second)) = (channel(), channel());
    let (finish, finished) = channel();
    let first_finish = finish.clone();
    to_first.send(state).unwrap_or_else(|_| unreachable!("it is received below"));
    thread::scope(|scope| {
        for (mine, others, finish) in [(first, to_second, first_finish), (second, to_first, finish)] {
            let (local, turn) = (&local, &turn);
            scope.spawn(move || {
                let mut local = local();
                for state in mine {
                    match turn(&mut local, state) {
                        // The other one waits until this one lets go of its sender.
                        Turn::Next(state) => {
                            others.send(state).unwrap_or_else(|_| unreachable!("the other thread waits"));
                        }
                        Turn::Last(result) => {
                            drop(local);
                            return finish.send(result).unwrap_or_else(|_| unreachable!("it is received below"));
                        }
                    }
                }
            });
        }
    });
    finished.recv().expect("one of the threads has finished")
}
