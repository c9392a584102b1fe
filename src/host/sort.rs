//! The stable sort: in the total order of the language, polling, without recursion.
//!
//! Ints and Floats are sorted in place, chunk by chunk, by the standard library, then merged (equal ones can't be told
//! apart, so stability asks nothing). Anything else is sorted by index: first by a number that stands for the beginning of
//! each element, then whole elements where those are equal; then they are moved to their places.

use std::cmp::Ordering;

use super::Outcome;
use crate::bytecode::types::{TypeId, TypeTable};
use crate::machine::interrupt::Interrupt;
use crate::machine::trap::Fault;
use crate::machine::value::{Relation, compare, total_order};
use crate::machine::view::ElementsMut;

/// Scalars sorted between two polls.
const CHUNK: usize = 1 << 16;
/// Indices sorted by insertion before the merging begins.
const RUN: usize = 8;

/// The bytes that [`sort_elements`] takes for itself to sort `len` elements.
pub(super) fn room(len: usize) -> u64 {
    len as u64 * 40
}

/// Sorts an array whose elements are of type `element`.
pub(super) fn sort_elements(
    types: &TypeTable,
    element: TypeId,
    interrupt: &Interrupt,
    elements: &mut ElementsMut,
) -> Outcome {
    match element {
        TypeId::INT => sort_scalars(elements.ints(), i64::cmp, interrupt),
        TypeId::FLOAT => sort_scalars(elements.floats(), |a, b| total_order(*a, *b), interrupt),
        _ => {
            let mut order = ordered(types, interrupt, elements)?;
            elements.permute(&mut order);
            Ok(())
        }
    }
}

/// The indices of the elements in order.
fn ordered(types: &TypeTable, interrupt: &Interrupt, elements: &ElementsMut) -> Result<Vec<usize>, Fault> {
    let keyed = |index| (elements.get(index).order_key(types), index);
    let mut keys: Vec<(u64, usize)> = (0..elements.len()).map(keyed).collect();
    sort_scalars(&mut keys, Ord::cmp, interrupt)?;
    let mut order: Vec<usize> = keys.iter().map(|&(_, index)| index).collect();
    // Where keys are equal, the whole elements decide.
    let mut start = 0;
    for group in keys.chunk_by(|a, b| a.0 == b.0) {
        let indices = &mut order[start..start + group.len()];
        start += group.len();
        sort_order(indices, interrupt, |a, b| {
            let (a, b) = (elements.get(a), elements.get(b));
            let order = compare(types, a, b, Relation::Total, &mut || interrupt.check())?;
            Ok(order.unwrap_or(Ordering::Equal))
        })?;
    }
    Ok(order)
}

fn sort_scalars<T: Copy>(values: &mut [T], order: impl Fn(&T, &T) -> Ordering, interrupt: &Interrupt) -> Outcome {
    for chunk in values.chunks_mut(CHUNK) {
        chunk.sort_unstable_by(&order);
        interrupt.check()?;
    }
    merge_runs(values, CHUNK, interrupt, |a, b| Ok(order(a, b)))
}

fn sort_order(
    order: &mut [usize],
    interrupt: &Interrupt,
    mut by: impl FnMut(usize, usize) -> Result<Ordering, Fault>,
) -> Outcome {
    for (turn, run) in order.chunks_mut(RUN).enumerate() {
        for sorted in 1..run.len() {
            let mut at = sorted;
            while at > 0 && by(run[at], run[at - 1])?.is_lt() {
                run.swap(at, at - 1);
                at -= 1;
            }
        }
        if turn % 512 == 511 {
            interrupt.check()?;
        }
    }
    merge_runs(order, RUN, interrupt, |a, b| by(*a, *b))
}

/// Merges sorted runs of `width`, the last one perhaps shorter, until all is one: stable.
fn merge_runs<T: Copy>(
    values: &mut [T],
    mut width: usize,
    interrupt: &Interrupt,
    mut order: impl FnMut(&T, &T) -> Result<Ordering, Fault>,
) -> Outcome {
    let mut left: Vec<T> = Vec::new();
    while width < values.len() {
        for pair in values.chunks_mut(2 * width) {
            // In order already, as presorted data is.
            if pair.len() <= width || order(&pair[width], &pair[width - 1])?.is_ge() {
                continue;
            }
            left.clear();
            left.extend_from_slice(&pair[..width]);
            let (mut taken, mut right, mut to) = (0, width, 0);
            while taken < left.len() && right < pair.len() {
                if order(&pair[right], &left[taken])?.is_lt() {
                    pair[to] = pair[right];
                    right += 1;
                } else {
                    pair[to] = left[taken];
                    taken += 1;
                }
                to += 1;
                if to % CHUNK == 0 {
                    interrupt.check()?;
                }
            }
            let rest = &left[taken..];
            pair[to..to + rest.len()].copy_from_slice(rest);
        }
        interrupt.check()?;
        width *= 2;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_sorted_across_chunks() {
        let interrupt = Interrupt::new();
        for len in [0, 1, CHUNK, CHUNK + 1, 5 * CHUNK + 17] {
            let mut values: Vec<i64> =
                (0..len as i64).map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15u64 as i64)).collect();
            let mut sorted = values.clone();
            sorted.sort_unstable();
            sort_scalars(&mut values, i64::cmp, &interrupt).unwrap();
            assert_eq!(values, sorted, "{len}");
        }
        let mut floats = [f64::NAN, 1.0, 0.0, f64::INFINITY, -0.0, f64::NEG_INFINITY, -f64::NAN];
        sort_scalars(&mut floats, |a, b| total_order(*a, *b), &interrupt).unwrap();
        assert_eq!(format!("{floats:?}"), "[-inf, -0.0, 0.0, 1.0, inf, NaN, NaN]");
    }

    #[test]
    fn an_order_is_stable() {
        let interrupt = Interrupt::new();
        for len in [0, 1, 7, 8, 9, 1000] {
            let keys: Vec<usize> = (0..len).map(|i| i * 7919 % 13).collect();
            let mut order: Vec<usize> = (0..len).collect();
            let mut expected = order.clone();
            expected.sort_by_key(|&i| keys[i]);
            sort_order(&mut order, &interrupt, |a, b| Ok(keys[a].cmp(&keys[b]))).unwrap();
            assert_eq!(order, expected, "{len}");
        }
    }

    #[test]
    fn an_interrupt_ends_it() {
        let interrupt = Interrupt::new();
        interrupt.interrupt();
        let mut values: Vec<i64> = (0..100).rev().collect();
        assert!(sort_scalars(&mut values, i64::cmp, &interrupt).is_err());
        values.sort_unstable();
        assert!(values.iter().copied().eq(0..100), "no element is lost");
    }
}
