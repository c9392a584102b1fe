//! What it takes to wake a worker that sleeps, for `npm run bench`: by the platform's own way, and by a bare wait and notify beside it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use serde_json::json;
use tgvm::platform::{Platform, web};

use crate::events;

/// Turns of each of two threads, and how often that is measured.
const TURNS: i32 = 100;
const TIMES: usize = 101;

/// Two threads take turns, each of which sleeps until the other has had its one: even turns are this one's, or odd ones. The
/// microseconds of a turn.
fn take_turns(turn: &AtomicI32, odd: i32, sleep: impl Fn(i32), wake: impl Fn()) -> f64 {
    let begin = web::seconds();
    let first = turn.load(Ordering::SeqCst) & !1;
    for next in (0..TURNS).map(|turn| first + 2 * turn + odd) {
        loop {
            match turn.load(Ordering::SeqCst) {
                now if now == next => break,
                now => sleep(now),
            }
        }
        turn.store(next + 1, Ordering::SeqCst);
        wake();
    }
    (web::seconds() - begin) * 1e6 / f64::from(2 * TURNS)
}

/// Much depends on which processors the system puts the two threads on, which it changes its mind about: the least of all is no sleep at all.
fn median(mut of: [f64; TIMES]) -> f64 {
    of.sort_unstable_by(f64::total_cmp);
    of[TIMES / 2]
}

/// Measures; an event tells.
///
/// # Errors
/// In words: there are not two threads.
pub fn measure() -> Result<(), String> {
    let shared = Arc::new((AtomicI32::new(0), AtomicI32::new(0), web::Threads::new(2)));
    let both = |odd: usize, shared: &(AtomicI32, AtomicI32, web::Threads)| {
        let (word, turn, threads) = shared;
        let (mut bare, mut parked) = ([0.0; TIMES], [0.0; TIMES]);
        // In turns, so that both meet the same noise.
        for (bare, parked) in bare.iter_mut().zip(&mut parked) {
            *bare = take_turns(word, odd as i32, |now| web::wait(word, now), || web::notify(word));
            let unpark = || threads.unpark(1 - odd);
            *parked = take_turns(turn, odd as i32, |_| threads.park(odd, None), unpark);
        }
        (median(bare), median(parked))
    };
    let other = shared.clone();
    web::start(move || both(1, &other), |_| ()).map_err(|error| error.to_string())?;
    let tell = |(bare, parked)| events::tell(json!({ "event": "handed over", "bare": bare, "parked": parked }).into());
    web::start(move || both(0, &shared), tell).map_err(|error| error.to_string())
}
