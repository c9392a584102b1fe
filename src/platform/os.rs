//! Threads and time of an operating system.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

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
    /// The other thread's turn, with that state.
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
