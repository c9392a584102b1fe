//! Splitting a loop in progress: the second half of what is left of it becomes a call of its own.
//!
//! A range function (`bytecode::program::Range`) runs iterations `lo..hi`, of which each touches its own part of what is
//! written. To split it, `hi` is lowered in its frame, its views are shortened to what is left to it, and the same function
//! is called for the rest, on the rest of the views. That the two don't meet is not believed, but found by the scoreboard, as
//! for any two calls.

use super::code::{FunctionInfo, RangeInfo};
use super::frame;
use super::memory::tail_stride;
use super::run::Run;

/// Registers of `lo` and `hi`: a range function has no result.
const LO: usize = 0;
const HI: usize = 1;

/// Iterations from which on a range is worth the while of a worker that has to be woken for it.
const LONG: i64 = 8192;

/// Whether the range function whose frame is `callee`, and which begins, has many iterations.
///
/// # Safety
/// `callee` is a frame of a range function.
pub(super) unsafe fn is_long(callee: *mut u64) -> bool {
    // SAFETY: the caller's.
    unsafe { turns(callee) >= LONG }
}

/// How many iterations a range function is called for.
///
/// # Safety
/// Its parameters are there.
pub(super) unsafe fn turns(params: *const u64) -> i64 {
    // SAFETY: the caller's.
    unsafe { (*params.add(HI) as i64).saturating_sub(*params.add(LO) as i64) }
}

/// Where a range is to be split.
pub(super) struct Half {
    middle: i64,
}

/// Where the range function whose frame is `callee` can be split, if it has not begun and has two iterations, or is in its loop and
/// has one left after the one in progress.
///
/// # Safety
/// `callee` is a frame of `run`, of a function with that range.
pub(super) unsafe fn half(run: &Run, callee: *mut u64, range: &RangeInfo) -> Option<Half> {
    // SAFETY: the caller's.
    unsafe {
        let code = frame::entry(callee);
        let pc = if callee == run.regs {
            run.pc
        } else {
            frame::caller(run.stack.callee(callee)).expect("it was called").1.sub(1)
        };
        let at = ((pc.addr() - code.addr()) / 8) as u32;
        let next = if at == 0 {
            (*callee.add(LO) as i64).checked_add(1)?
        } else if (range.body.0..range.body.1).contains(&at) {
            (*callee.add(usize::from(range.index)) as i64).checked_add(1)?
        } else {
            return None;
        };
        let left = (*callee.add(HI) as i64).checked_sub(next)?;
        (left > 0).then_some(Half { middle: next + left / 2 })
    }
}

impl Half {
    /// Leaves the first half to the frame `callee` of the function `info`, and writes the arguments for the second to
    /// `window`.
    ///
    /// # Safety
    /// It was found for that frame; `window` is that of its caller.
    pub(super) unsafe fn cut(&self, info: &FunctionInfo, callee: *mut u64, window: *mut u64) {
        let Some(range) = &info.range else { unreachable!("it was found for a range") };
        // SAFETY: the caller's; the verifier has seen what the parameters are.
        unsafe {
            window.copy_from_nonoverlapping(callee, info.boundary);
            let lo = *callee.add(LO) as i64;
            let hi = *callee.add(HI) as i64;
            *callee.add(HI) = self.middle as u64;
            *window.add(LO) = self.middle as u64;
            let (before, after) = ((self.middle - lo) as u64, (hi - self.middle) as u64);
            // Whatever it is, no view is cut beyond its end.
            let step = range.step.map_or(1, |step| *callee.add(usize::from(step)));
            for &(at, is_grid, per) in &range.parts {
                let per = per.wrapping_mul(step);
                let (first, second) = (callee.add(usize::from(at)), window.add(usize::from(at)));
                let pitch = if is_grid { *first.add(3) } else { 1 };
                let stride = tail_stride(*first.add(if is_grid { 4 } else { 2 })) as u64;
                let skip = per.wrapping_mul(before).min(*first.add(1));
                *second = (*first).wrapping_add(8 * skip * pitch * stride);
                *second.add(1) = per.wrapping_mul(after).min(*first.add(1) - skip);
                *first.add(1) = skip;
            }
        }
    }
}
