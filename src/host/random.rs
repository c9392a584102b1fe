//! Random numbers: splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014). The generator
//! is a value, `Rng(seed)`, whose seed is its state; the counter-based form needs no state at all.

use super::{Outcome, poll_at};
use crate::bytecode::builtins::Pattern;
use crate::bytecode::trap::TrapCode;
use crate::machine::host_call::{HostCall, HostFn, Place};
use crate::machine::trap::Fault;

/// How far the state goes on at each number: 2^64 over the golden ratio, odd.
const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

pub(super) fn find(name: &str, _: &[Pattern]) -> Option<HostFn> {
    Some(match name {
        "next_int" => next_int,
        "next_float" => next_float,
        "shuffle" => shuffle,
        "random_int" => random_int,
        "random_float" => random_float,
        _ => return None,
    })
}

/// Makes a number of which every bit depends on every bit of `z`.
fn mix(mut z: u64) -> u64 {
    z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ z >> 31
}

/// The next number of the generator with that state.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(GAMMA);
    mix(*state)
}

/// The number that belongs to a seed and a counter: that of the generator whose state is the mixed seed, `counter` steps on.
fn at(seed: i64, counter: i64) -> u64 {
    mix(mix(seed as u64).wrapping_add((counter as u64).wrapping_add(1).wrapping_mul(GAMMA)))
}

/// A number below `n`, each as likely (Lemire, "Fast random integer generation in an interval", 2019).
fn below(n: u64, mut next: impl FnMut() -> u64) -> u64 {
    let mut product = u128::from(next()) * u128::from(n);
    if (product as u64) < n {
        let unfair = n.wrapping_neg() % n;
        while (product as u64) < unfair {
            product = u128::from(next()) * u128::from(n);
        }
    }
    (product >> 64) as u64
}

/// A number at least `lo` and below `hi`.
fn between(lo: i64, hi: i64, next: impl FnMut() -> u64) -> Result<i64, Fault> {
    if lo >= hi {
        return Err(Fault::trap(TrapCode::InvalidArgument, format!("no Int is at least {lo} and below {hi}")));
    }
    Ok(lo.wrapping_add(below(hi.wrapping_sub(lo) as u64, next) as i64))
}

/// At least 0 and below 1, from the upper 53 bits.
fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}

fn next_int(call: &mut HostCall) -> Outcome {
    let mut state = call.int(0) as u64;
    let number = between(call.int(1), call.int(2), || next(&mut state))?;
    call.set_int(Place::Param(0), state as i64);
    call.return_int(number);
    Ok(())
}

fn next_float(call: &mut HostCall) -> Outcome {
    let mut state = call.int(0) as u64;
    call.return_float(unit(next(&mut state)));
    call.set_int(Place::Param(0), state as i64);
    Ok(())
}

fn shuffle(call: &mut HostCall) -> Outcome {
    let (mut state, interrupt) = (call.int(1) as u64, call.interrupt());
    let mut elements = call.elements_mut(0);
    for i in (1..elements.len()).rev() {
        poll_at(interrupt, i)?;
        elements.swap(i, below(i as u64 + 1, || next(&mut state)) as usize);
    }
    call.set_int(Place::Param(1), state as i64);
    Ok(())
}

fn random_int(call: &mut HostCall) -> Outcome {
    let mut number = None;
    let (seed, counter) = (call.int(0), call.int(1));
    // Should the first number be refused, others are made from it.
    let next = || *number.insert(number.map_or_else(|| at(seed, counter), |n: u64| mix(n.wrapping_add(GAMMA))));
    call.return_int(between(call.int(2), call.int(3), next)?);
    Ok(())
}

fn random_float(call: &mut HostCall) -> Outcome {
    call.return_float(unit(at(call.int(0), call.int(1))));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_published_generator() {
        let mut state = 1_234_567;
        let numbers = [(); 3].map(|()| next(&mut state));
        assert_eq!(numbers, [6457827717110365317, 3203168211198807973, 9817491932198370423]);
    }

    #[test]
    fn a_range_is_kept_to_and_filled() {
        let mut state = 1;
        let mut counts = [0; 6];
        for _ in 0..60_000 {
            counts[between(0, 6, || next(&mut state)).unwrap() as usize] += 1;
        }
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
        let all = between(i64::MIN, i64::MAX, || next(&mut state)).unwrap();
        assert!(all < i64::MAX);
        assert!(between(3, 3, || 0).is_err());
    }

    #[test]
    fn counters_give_different_numbers() {
        let numbers: std::collections::HashSet<u64> =
            (0..10).flat_map(|seed| (0..1000).map(move |counter| at(seed, counter))).collect();
        assert_eq!(numbers.len(), 10_000);
        assert!((0..1000).all(|counter| (0.0..1.0).contains(&unit(at(7, counter)))));
    }
}
