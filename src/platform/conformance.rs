//! What the machine relies on, whatever it runs on: one suite for every platform. `tests/platform.rs` runs it natively and in the
//! simulator, and `web/test/platform.test.mjs` on Node's workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use super::{Platform, step, system};

/// What a worker does, by its number.
type Body = fn(&dyn Platform, usize, &Board) -> Result<(), String>;

/// What the workers of a law share.
#[derive(Default)]
struct Board {
    turn: AtomicUsize,
    count: AtomicUsize,
    time: AtomicU64,
}

/// Each law: what is to hold, how many workers it takes, and what each does.
const LAWS: [(&str, usize, Body); 5] = [
    ("an unpark before the park ends it at once", 1, token),
    ("a park ends when its time is over", 1, timeout),
    ("no wake-up is lost between two that wait for each other", 2, ping_pong),
    ("whoever wakes is seen by the one sleeper", 4, many_to_one),
    ("time goes on for all alike", 2, clock),
];

/// Checks that platforms keep what the machine relies on. `new` makes one for so many workers.
///
/// # Errors
/// Which law is broken. One that loses wake-ups hangs.
pub fn check(new: impl Fn(usize) -> Arc<dyn Platform>) -> Result<(), String> {
    for (law, workers, body) in LAWS {
        let (platform, board) = (new(workers), Arc::new(Board::default()));
        let mut threads = Vec::new();
        for worker in 0..workers {
            let (platform, board) = (platform.clone(), board.clone());
            let body = move || {
                platform.enter(worker);
                let result = body(&*platform, worker, &board);
                platform.leave(worker);
                result
            };
            threads.push(system::spawn(format!("conformance-{worker}"), body).map_err(|error| error.to_string())?);
        }
        platform.enter(workers);
        platform.leave(workers);
        for thread in threads {
            let result = thread.join().map_err(|_| "a worker has panicked".to_owned());
            result.flatten().map_err(|error| format!("{law}: {error}"))?;
        }
    }
    Ok(())
}

fn token(platform: &dyn Platform, me: usize, _: &Board) -> Result<(), String> {
    for _ in 0..100 {
        platform.unpark(me);
        platform.park(me, None);
    }
    Ok(())
}

fn timeout(platform: &dyn Platform, me: usize, _: &Board) -> Result<(), String> {
    let wanted = Duration::from_millis(2);
    let begin = platform.now();
    let mut parks = 0;
    while platform.now() - begin < wanted.as_nanos() as u64 {
        platform.park(me, Some(wanted));
        parks += 1;
        if parks > 1000 {
            return Err(format!("{parks} parks of 2 ms have taken {} ns", platform.now() - begin));
        }
    }
    Ok(())
}

const ROUNDS: usize = 1000;

/// Two workers have their turns by turns, and sleep in between.
fn take_turns(
    platform: &dyn Platform,
    me: usize,
    board: &Board,
    mut turn: impl FnMut() -> Result<(), String>,
) -> Result<(), String> {
    while board.turn.load(Ordering::Acquire) < ROUNDS {
        if board.turn.load(Ordering::Acquire) % 2 == me {
            turn()?;
            step();
            board.turn.fetch_add(1, Ordering::AcqRel);
            platform.unpark(1 - me);
        } else {
            platform.park(me, None);
        }
    }
    platform.unpark(1 - me);
    Ok(())
}

fn ping_pong(platform: &dyn Platform, me: usize, board: &Board) -> Result<(), String> {
    take_turns(platform, me, board, || Ok(()))
}

fn many_to_one(platform: &dyn Platform, me: usize, board: &Board) -> Result<(), String> {
    const EACH: usize = 200;
    if me > 0 {
        for _ in 0..EACH {
            board.count.fetch_add(1, Ordering::AcqRel);
            step();
            platform.unpark(0);
        }
    } else {
        while board.count.load(Ordering::Acquire) < 3 * EACH {
            step();
            platform.park(0, None);
        }
    }
    Ok(())
}

fn clock(platform: &dyn Platform, me: usize, board: &Board) -> Result<(), String> {
    take_turns(platform, me, board, || {
        let (before, now) = (board.time.load(Ordering::Acquire), platform.now());
        if now < before {
            return Err(format!("it was {before} ns, and is {now} ns on another worker"));
        }
        board.time.store(now, Ordering::Release);
        Ok(())
    })
}
