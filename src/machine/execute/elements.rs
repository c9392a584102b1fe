//! Elements and views: bounds that don't hold, and the views that take more than a copy.

use super::{Context, Exit, failed, operand, reg};
use crate::bytecode::trap::TrapCode;
use crate::machine::memory::{WRITTEN, buffer, data, tail_stride, view_tail};
use crate::machine::trap::Fault;

/// An index outside.
#[cold]
#[inline(never)]
pub(super) fn index_trap(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64, index: u64, len: u64) -> Exit {
    let values = format!("index {}, length {len}", index as i64);
    cx.fault = Some(Fault::trap(TrapCode::IndexOutOfBounds, values));
    failed(cx, pc, regs)
}

/// A row or column outside.
#[cold]
#[inline(never)]
pub(super) fn index2_trap(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64, at: [u64; 4]) -> Exit {
    let [row, col, rows, cols] = at;
    let values = format!("index {}, {}, in {rows} rows and {cols} columns", row as i64, col as i64);
    cx.fault = Some(Fault::trap(TrapCode::IndexOutOfBounds, values));
    failed(cx, pc, regs)
}

/// What an empty slot of an element stands for that is loaded into register A.
///
/// # Safety
/// `pc` is at an instruction of frame `regs` that loads a buffer to the local register A.
#[cold]
#[inline(never)]
pub(super) unsafe fn empty_of(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64) -> u64 {
    // SAFETY: the caller's.
    unsafe { cx.code.layouts.get(super::buffers::type_of(cx, regs, operand!(pc A))).empty() }
}

/// Checks `lo..hi` of `len`; it traps unless they are in order and inside.
#[inline]
fn check_range(cx: &mut Context<'_>, lo: u64, hi: u64, len: u64, what: &str) -> bool {
    if lo <= hi && hi <= len {
        return true;
    }
    let values = format!("{what}{}..{}, length {len}", lo as i64, hi as i64);
    cx.fault = Some(Fault::trap(TrapCode::SliceOutOfBounds, values));
    false
}

/// The elements in sight of the instruction: of the view in B or of the buffer there, unique if it shall be written.
/// `None` with a fault.
///
/// # Safety
/// `pc` is at `view`, `gview` or `rview` in frame `regs`.
#[inline]
unsafe fn seen(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64) -> Option<*mut u64> {
    // SAFETY: the verifier's promise about operands.
    unsafe {
        let from: *mut u64 = &raw mut reg!(pc, regs, B);
        if operand!(pc X) & 3 == 2 && super::buffers::make_unique(cx, from).is_null() {
            return None;
        }
        Some(from)
    }
}

/// The mark of a view to write through, if the flags of a `view` ask for one.
fn written(flags: usize) -> u64 {
    if flags & 2 != 0 { WRITTEN } else { 0 }
}

/// `view`
///
/// # Safety
/// As for `seen`.
#[inline(never)]
pub(super) unsafe fn view(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64) -> bool {
    // SAFETY: the verifier's promise about operands; a range inside the elements stays inside the buffer.
    unsafe {
        let flags = operand!(pc X);
        let Some(from) = seen(cx, pc, regs) else { return false };
        let (mut first, mut len, tail) = if flags & 1 != 0 {
            (buffer(*from).cast::<u64>(), *from.add(1), *from.add(2))
        } else {
            (data(buffer(*from)), (*buffer(*from)).len, view_tail(buffer(*from), 0))
        };
        if flags & 4 != 0 {
            let (lo, hi) = (reg!(pc, regs, C), reg!(pc, regs, C + 1));
            if !check_range(cx, lo, hi, len, "") {
                return false;
            }
            first = first.add(lo as usize * tail_stride(tail));
            len = hi - lo;
        }
        let to: *mut u64 = &raw mut reg!(pc, regs, A);
        *to = first.expose_provenance() as u64;
        *to.add(1) = len;
        *to.add(2) = tail | written(flags);
    }
    true
}

/// First element, rows, columns, row stride and last register of the grid or view in B.
///
/// # Safety
/// As for `seen`, and it is a grid.
#[inline]
unsafe fn grid(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64) -> Option<(*mut u64, u64, u64, u64, u64)> {
    // SAFETY: the verifier's promise about operands.
    unsafe {
        let from = seen(cx, pc, regs)?;
        Some(if operand!(pc X) & 1 != 0 {
            (buffer(*from).cast(), *from.add(1), *from.add(2), *from.add(3), *from.add(4))
        } else {
            let held = buffer(*from);
            (data(held), (*held).rows, (*held).cols, (*held).cols, view_tail(held, 0))
        })
    }
}

/// `gview`
///
/// # Safety
/// As for `seen`.
#[inline(never)]
pub(super) unsafe fn grid_view(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64) -> bool {
    // SAFETY: as in `view`.
    unsafe {
        let Some((mut first, mut rows, mut cols, stride, tail)) = grid(cx, pc, regs) else { return false };
        if operand!(pc X) & 4 != 0 {
            let bounds: *mut u64 = &raw mut reg!(pc, regs, C);
            let (top, bottom, left, mut right) = (*bounds, *bounds.add(1), *bounds.add(2), *bounds.add(3));
            if !check_range(cx, top, bottom, rows, "rows ") {
                return false;
            }
            if operand!(pc X) & 8 != 0 {
                if left >= cols {
                    let values = format!("column {}, in {cols} columns", left as i64);
                    cx.fault = Some(Fault::trap(TrapCode::IndexOutOfBounds, values));
                    return false;
                }
                right = left + 1;
            } else if !check_range(cx, left, right, cols, "columns ") {
                return false;
            }
            (rows, cols) = (bottom - top, right - left);
            // An empty part may begin past the last element.
            if rows > 0 && cols > 0 {
                first = first.add((top * stride + left) as usize * tail_stride(tail));
            }
        }
        let to: *mut u64 = &raw mut reg!(pc, regs, A);
        *to = first.expose_provenance() as u64;
        *to.add(1) = rows;
        *to.add(2) = cols;
        *to.add(3) = stride;
        *to.add(4) = tail | written(operand!(pc X));
    }
    true
}

/// `rview`
///
/// # Safety
/// As for `seen`.
#[inline(never)]
pub(super) unsafe fn row_view(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64) -> bool {
    // SAFETY: as in `view`.
    unsafe {
        let Some((first, rows, cols, stride, tail)) = grid(cx, pc, regs) else { return false };
        let bounds: *mut u64 = &raw mut reg!(pc, regs, C);
        let (row, left, right) = (*bounds, *bounds.add(1), *bounds.add(2));
        if row >= rows {
            let values = format!("row {}, in {rows} rows", row as i64);
            cx.fault = Some(Fault::trap(TrapCode::IndexOutOfBounds, values));
            return false;
        }
        if !check_range(cx, left, right, cols, "columns ") {
            return false;
        }
        let skip = if left < right { (row * stride + left) as usize * tail_stride(tail) } else { 0 };
        let to: *mut u64 = &raw mut reg!(pc, regs, A);
        *to = first.add(skip).expose_provenance() as u64;
        *to.add(1) = right - left;
        *to.add(2) = tail | written(operand!(pc X));
    }
    true
}
