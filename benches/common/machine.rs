//! How many processors the machine gives at this moment: one that is virtual has two now, and then one that two threads share.

use super::{in_turns, least};
use std::time::Instant;

/// Two threads that share nothing are so many times as fast as one where a machine gives two processors.
const WHOLE: f64 = 1.8;
/// So many times as many turns as wanted are taken at most.
const TRIES: usize = 4;

/// Seconds that each of so many threads takes to spin, all at once.
fn seconds(threads: usize, spins: u64) -> f64 {
    let spin = || (0..spins).fold(1u64, |y, k| std::hint::black_box(y.wrapping_mul(6364136223846793005) ^ k));
    let start = Instant::now();
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(spin))));
    start.elapsed().as_secs_f64()
}

/// How much faster two threads that share nothing are than one, which no program can exceed.
fn processors(runs: usize, spins: u64) -> f64 {
    let (one, two) = in_turns(runs, || seconds(1, spins), || seconds(2, spins));
    2.0 * least(&one) / least(&two)
}

/// The machine, and how often it was looked at.
pub struct Machine {
    turns: usize,
    spoilt: usize,
}

impl Machine {
    /// Says what it gives.
    pub fn new() -> Machine {
        let gain = processors(5, 50_000_000);
        println!("Two threads that share nothing are {gain:.2} times as fast as one here and now.");
        if gain < 1.9 {
            println!("The machine is busy: what follows tells little, whether it is met or missed.");
        }
        println!();
        Machine { turns: 0, spoilt: 0 }
    }

    /// What `turn` gave, so many times. A turn before or after which the machine gave no two processors is spoilt, and taken again; if
    /// that happens too often, the spoilt ones count as well.
    pub fn turns<T>(&mut self, wanted: usize, mut turn: impl FnMut() -> T) -> Vec<T> {
        let is_whole = || processors(2, 1_500_000) >= WHOLE;
        let (mut good, mut spoilt) = (Vec::new(), Vec::new());
        let mut before = is_whole();
        while good.len() < wanted && good.len() + spoilt.len() < TRIES * wanted {
            let given = turn();
            let after = is_whole();
            if before && after { &mut good } else { &mut spoilt }.push(given);
            before = after;
        }
        self.turns += good.len() + spoilt.len();
        self.spoilt += spoilt.len();
        if good.len() < wanted {
            good.extend(spoilt);
        }
        good
    }

    /// Says how often it gave too little.
    pub fn say(&self) {
        let Machine { turns, spoilt } = self;
        println!("{spoilt} of {turns} turns were taken again: the machine gave no two processors before or after.");
        println!();
    }
}
