//! Whole Strs, arrays and grids: making, copying, joining, comparing, dropping.

use std::cmp::Ordering;

use super::calls::is_younger;
use super::{Context, operand, reg};
use crate::bytecode::program::RegType;
use crate::bytecode::trap::TrapCode;
use crate::bytecode::types::TypeId;
use crate::machine::code::prologue;
use crate::machine::frame;
use crate::machine::interrupt::Stop;
use crate::machine::issue;
use crate::machine::layout::Layout;
use crate::machine::memory::{Buffer, Heap, POLL_EVERY, buffer, data, slot};
use crate::machine::trap::Fault;
use crate::machine::value::{self, Relation, ValueRef, text_of};
use crate::machine::view::{append_fill, own_view};

/// An instruction could not be done, and has changed nothing. For want of memory: it is done again when all older work has retired.
#[cold]
pub(super) fn stopped(cx: &mut Context<'_>, stop: Stop) -> bool {
    let waits = stop == Stop::Memory && is_younger(cx);
    cx.fault = Some(if waits { Fault::Wait } else { stop.into() });
    false
}

fn done(cx: &mut Context<'_>, result: Result<(), Stop>) -> bool {
    match result {
        Ok(()) => true,
        Err(stop) => stopped(cx, stop),
    }
}

/// Gives up the owner in a slot.
///
/// # Safety
/// `held` is a slot's owner, which nobody uses any more.
#[inline(never)]
pub(super) unsafe fn release(cx: &mut Context<'_>, held: u64) {
    // SAFETY: the caller's.
    unsafe {
        if cx.issuer.is_null() {
            cx.heap.release(buffer(held));
        } else {
            issue::let_go(cx, held);
        }
    }
}

/// Puts an owner into register A.
///
/// # Safety
/// A is an `Own` register of the frame.
unsafe fn set(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64, value: u64) -> bool {
    // SAFETY: the caller's.
    unsafe {
        let old = std::mem::replace(&mut reg!(pc, regs, A), value);
        if old != 0 {
            release(cx, old);
        }
    }
    true
}

/// Puts a new buffer into register A, if there is one.
///
/// # Safety
/// As for `set`.
unsafe fn set_new(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64, new: Result<*mut Buffer, Stop>) -> bool {
    match new {
        // SAFETY: the caller's.
        Ok(new) => unsafe { set(cx, pc, regs, slot(new)) },
        Err(stop) => stopped(cx, stop),
    }
}

/// Whether `elements` of that layout, which an array or grid is to be made for, have to wait: the last third of the memory is for
/// the oldest work alone. Nothing has been done yet, so that the instruction can be done again.
fn crowds(cx: &mut Context<'_>, layout: &Layout, elements: u64) -> bool {
    crowds_by(cx, elements.saturating_mul(8 * u64::from(layout.stride)))
}

/// The same for so many bytes.
fn crowds_by(cx: &mut Context<'_>, bytes: u64) -> bool {
    // What is small is seen to at the next poll.
    const SMALL: u64 = 1 << 12;
    if bytes < SMALL || !is_younger(cx) || bytes < cx.heap.budget().limit() / 256 || !cx.heap.budget().is_tight(bytes) {
        return false;
    }
    !stopped(cx, Stop::Memory)
}

/// Makes the buffer in a register unique; null with a fault.
///
/// # Safety
/// `place` holds an owner.
#[cold]
#[inline(never)]
pub(super) unsafe fn make_unique(cx: &mut Context<'_>, place: *mut u64) -> *mut Buffer {
    // SAFETY: the caller's.
    match unsafe { cx.heap.make_unique(place) } {
        Ok(held) => held,
        Err(stop) => {
            stopped(cx, stop);
            std::ptr::null_mut()
        }
    }
}

/// The type of what a local register of the frame `regs` holds.
///
/// # Safety
/// The frame is linked, and the register one that owns or borrows.
pub(super) unsafe fn type_of(cx: &Context<'_>, regs: *mut u64, register: usize) -> TypeId {
    // SAFETY: the caller's.
    let function = unsafe { (*prologue(frame::entry(regs))).index as usize };
    match cx.code.program().functions[function].registers[register] {
        RegType::Own(ty) | RegType::Borrow(ty) => ty,
        _ => unreachable!("the verifier has looked"),
    }
}

/// `own`
///
/// # Safety
/// `pc` is at that instruction of frame `regs`; so for all that follow.
#[inline(never)]
pub(super) unsafe fn own(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64) -> bool {
    // SAFETY: the verifier's promise about operands; A is a local register whose type is that of the view.
    unsafe {
        let ty = type_of(cx, regs, operand!(pc A));
        match own_view(cx.heap, &cx.code.program().types, &cx.code.layouts, ty, &raw const reg!(pc, regs, B)) {
            Ok(new) => set(cx, pc, regs, new),
            Err(stop) => stopped(cx, stop),
        }
    }
}

/// `cmp`
///
/// # Safety
/// As for [`own`].
#[inline(never)]
pub(super) unsafe fn compare(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64) -> bool {
    // SAFETY: the verifier's promise about operands: B and C hold live values of one type.
    unsafe {
        let relation = operand!(pc X);
        let (b, c): (*const u64, *const u64) = (&raw const reg!(pc, regs, B), &raw const reg!(pc, regs, C));
        let order = if (*buffer(*b)).is_text() {
            let (b, c) = (text_of(*b).as_bytes(), text_of(*c).as_bytes());
            if relation <= 1 {
                // The order of unequal ones does not matter.
                Some(if b == c { Ordering::Equal } else { Ordering::Less })
            } else {
                Some(b.cmp(c))
            }
        } else {
            let ty = type_of(cx, regs, operand!(pc B));
            let value = |slot| ValueRef::of_slots(ty, std::slice::from_raw_parts(slot, 1));
            let how = match relation {
                0 | 1 => Relation::Equality,
                4 => Relation::Total,
                _ => Relation::Partial,
            };
            let interrupt = cx.interrupt;
            match value::compare(&cx.code.program().types, value(b), value(c), how, &mut || interrupt.check()) {
                Ok(order) => order,
                Err(stop) => return stopped(cx, stop),
            }
        };
        let holds = match relation {
            0 => order == Some(Ordering::Equal),
            1 => order != Some(Ordering::Equal),
            3 => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            _ => order == Some(Ordering::Less),
        };
        reg!(pc, regs, A) = u64::from(holds);
    }
    true
}

/// `cat`
///
/// # Safety
/// As for [`own`].
#[inline(never)]
pub(super) unsafe fn cat(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64) -> bool {
    // SAFETY: the verifier's promise about operands; B is another register than A, so if it holds the same buffer that has
    // two owners, and `reserve` copies it.
    unsafe {
        let more = buffer(reg!(pc, regs, B));
        let count = (*more).len;
        if count == 0 {
            return true;
        }
        if crowds_by(cx, (*buffer(reg!(pc, regs, A))).growth(count)) {
            return false;
        }
        let joined = cx.heap.reserve(&raw mut reg!(pc, regs, A), count);
        let result = joined.and_then(|joined| cx.heap.append_copies(joined, data(more), count));
        done(cx, result)
    }
}

/// `slice.s`
///
/// # Safety
/// As for [`own`].
#[inline(never)]
pub(super) unsafe fn slice_text(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64) -> bool {
    // SAFETY: the verifier's promise about operands; the text is copied before its buffer can be dropped.
    unsafe {
        let text = text_of(reg!(pc, regs, B));
        let (lo, hi) = (reg!(pc, regs, C), reg!(pc, regs, C + 1));
        let Some(part) = text.get(lo as usize..hi as usize).filter(|_| lo <= hi && hi <= text.len() as u64) else {
            let inside = lo <= hi && hi <= text.len() as u64;
            let code = if inside { TrapCode::SplitCharacter } else { TrapCode::SliceOutOfBounds };
            let values = format!("{}..{}, length {}", lo as i64, hi as i64, text.len());
            cx.fault = Some(Fault::trap(code, values));
            return false;
        };
        let new = cx.heap.text(part);
        set_new(cx, pc, regs, new)
    }
}

/// A count that must not be negative; `None` with a fault.
fn count(cx: &mut Context<'_>, count: u64, what: &str) -> Option<u64> {
    if (count as i64) < 0 {
        cx.fault = Some(Fault::trap(TrapCode::InvalidArgument, format!("{what} {}", count as i64)));
        return None;
    }
    Some(count)
}

/// `new`
///
/// # Safety
/// As for [`own`].
#[inline(never)]
pub(super) unsafe fn new_array(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64) -> bool {
    // SAFETY: the verifier's promise about operands.
    unsafe {
        let Some(room) = count(cx, reg!(pc, regs, B), "length") else { return false };
        let layout = cx.code.layouts.get(TypeId(operand!(pc C) as u32));
        if crowds(cx, layout, room) {
            return false;
        }
        let new = cx.heap.new_array(layout, room);
        set_new(cx, pc, regs, new)
    }
}

/// `new.z`
///
/// # Safety
/// As for [`own`].
#[inline(never)]
pub(super) unsafe fn new_zeros(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64) -> bool {
    // SAFETY: the verifier's promise about operands; with X, that of who cuts loops into ranges.
    unsafe {
        let Some(len) = count(cx, reg!(pc, regs, B), "length") else { return false };
        let layout = cx.code.layouts.get(TypeId(operand!(pc C) as u32));
        if crowds(cx, layout, len) {
            return false;
        }
        let new = cx.heap.new_elements(layout, len, operand!(pc X) == 0);
        set_new(cx, pc, regs, new)
    }
}

/// `new.g`
///
/// # Safety
/// As for [`own`].
#[inline(never)]
pub(super) unsafe fn new_grid(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64) -> bool {
    // SAFETY: the verifier's promise about operands.
    unsafe {
        let Some(rows) = count(cx, reg!(pc, regs, B), "rows") else { return false };
        let Some(cols) = count(cx, reg!(pc, regs, B + 1), "columns") else { return false };
        let layout = cx.code.layouts.get(TypeId(operand!(pc C) as u32));
        if crowds(cx, layout, rows.saturating_mul(cols)) {
            return false;
        }
        let new = cx.heap.new_grid(layout, rows, cols);
        set_new(cx, pc, regs, new)
    }
}

/// `fill`
///
/// # Safety
/// As for [`own`].
#[inline(never)]
pub(super) unsafe fn fill(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64) -> bool {
    // SAFETY: the verifier's promise about operands.
    unsafe {
        let Some(times) = count(cx, reg!(pc, regs, B), "length") else { return false };
        let result = append_fill(cx.heap, &raw mut reg!(pc, regs, A), times, &raw const reg!(pc, regs, C));
        done(cx, result)
    }
}

/// `fill.g`
///
/// # Safety
/// As for [`own`].
#[inline(never)]
pub(super) unsafe fn fill_grid(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64) -> bool {
    // SAFETY: the verifier's promise about operands; each element is dropped once, and replaced by a copy at once.
    unsafe {
        let grid = make_unique(cx, &raw mut reg!(pc, regs, A));
        if grid.is_null() {
            return false;
        }
        let (layout, stride, value) = ((*grid).layout(), (*grid).stride() as usize, &raw const reg!(pc, regs, B));
        let mut to = data(grid);
        if stride == 1 && layout.refs.is_empty() {
            let words = std::slice::from_raw_parts_mut(to, (*grid).len as usize);
            for part in words.chunks_mut(POLL_EVERY as usize * 16) {
                part.fill(*value);
                if let Err(stop) = cx.interrupt.check() {
                    return stopped(cx, stop);
                }
            }
            return true;
        }
        for done in 1..=(*grid).len {
            Heap::share_one(layout, value);
            cx.heap.drop_elements(layout, to, 1);
            to.copy_from_nonoverlapping(value, stride);
            to = to.add(stride);
            if done % POLL_EVERY == 0
                && let Err(stop) = cx.interrupt.check()
            {
                return stopped(cx, stop);
            }
        }
    }
    true
}

/// `push`, if it isn't a scalar for which there is room.
///
/// # Safety
/// As for [`own`].
#[inline(never)]
pub(super) unsafe fn push(cx: &mut Context<'_>, pc: *const u64, regs: *mut u64) -> bool {
    // SAFETY: the verifier's promise about operands; what moves into the array is null in the registers then.
    unsafe {
        let value: *mut u64 = &raw mut reg!(pc, regs, B);
        if crowds_by(cx, (*buffer(reg!(pc, regs, A))).growth(1)) {
            return false;
        }
        let array = match cx.heap.reserve(&raw mut reg!(pc, regs, A), 1) {
            Ok(array) => array,
            Err(stop) => return stopped(cx, stop),
        };
        let stride = (*array).stride() as usize;
        data(array).add((*array).len as usize * stride).copy_from_nonoverlapping(value, stride);
        (*array).len += 1;
        for &at in &(*array).layout().refs {
            *value.add(usize::from(at)) = 0;
        }
    }
    true
}
